//! A broker that keeps a connection up and leaves what is asked on it unanswered, as when a queue's leader is away.

use std::io;

use bridge_tests::bridge::{PATIENCE, TestApp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process::Worker;

/// `AMQP` and a version: what a client says first.
const GREETING_BYTES: usize = 8;
/// Type, channel and size of a frame.
const HEAD_BYTES: usize = 7;
const METHOD_FRAME: u8 = 1;
/// Class and method of `exchange.declare` and `queue.declare`.
const DECLARATIONS: [[u8; 4]; 2] = [[0, 40, 0, 10], [0, 50, 0, 10]];

/// A broker that does not hear the declarations of connections with some name; all else passes.
struct DeafBroker {
    /// How many connections have declared in vain.
    unheard: watch::Receiver<usize>,
}

impl DeafBroker {
    /// In front of the app's broker, which its workers reach through it from now on.
    async fn in_front_of(app: &mut TestApp, name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let mut url = app.vhost().amqp_url();
        let target = format!("127.0.0.1:{}", url.port().expect("a port"));
        let (count, unheard) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.expect("the broker");
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_server, &mut to_client).await },
                );
                tokio::spawn(carry(from_client, to_server, name, count.clone()));
            }
        });
        url.set_port(Some(port)).expect("an address with a port");
        app.variables
            .push(("BRIDGE__BROKER__URL".to_owned(), url.to_string()));
        Self { unheard }
    }

    /// Waits until so many connections have declared in vain.
    async fn wait_for_unheard(&mut self, connections: usize) {
        let waiting = self.unheard.wait_for(|unheard| *unheard >= connections);
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        drop(waited.unwrap_or_else(|_| panic!("there never were {connections} of them")));
    }
}

/// Carries what a client says, frame by frame, its declarations left out.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    name: &str,
    count: watch::Sender<usize>,
) -> io::Result<()> {
    let (mut is_named, mut is_unheard) = (false, false);
    let mut greeting = [0; GREETING_BYTES];
    from.read_exact(&mut greeting).await?;
    to.write_all(&greeting).await?;
    loop {
        let mut frame = vec![0; HEAD_BYTES];
        from.read_exact(&mut frame).await?;
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
        // One byte ends a frame.
        frame.resize(HEAD_BYTES + size as usize + 1, 0);
        from.read_exact(&mut frame[HEAD_BYTES..]).await?;
        let method = frame[HEAD_BYTES..].first_chunk();
        let declares =
            frame[0] == METHOD_FRAME && method.is_some_and(|method| DECLARATIONS.contains(method));
        if is_named && declares {
            if !is_unheard {
                count.send_modify(|connections| *connections += 1);
            }
            is_unheard = true;
        } else {
            // The first frame contains the connection's name.
            is_named |= frame
                .windows(name.len())
                .any(|part| part == name.as_bytes());
            to.write_all(&frame).await?;
        }
    }
}

/// A worker of which connections with some name declare in vain.
async fn start(name: &'static str, connect_timeout: &str) -> (TestApp, DeafBroker, Worker) {
    let mut app = TestApp::builder().without_worker().spawn().await;
    let broker = DeafBroker::in_front_of(&mut app, name).await;
    let timeout = "BRIDGE__BROKER__CONNECT_TIMEOUT".to_owned();
    app.variables.push((timeout, connect_timeout.to_owned()));
    let worker = Worker::start(&app, "");
    (app, broker, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_declaration_is_not_answered_connects_anew() {
    for name in [" consume", "worker installation"] {
        let (_app, mut broker, worker) = start(name, "1s").await;

        broker.wait_for_unheard(2).await;

        worker.terminate().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_declaration_is_not_answered_ends_all_the_same() {
    let (_app, mut broker, worker) = start(" consume", "10m").await;
    broker.wait_for_unheard(1).await;

    worker.terminate().await;
}

//! A network that a test can break: a TCP proxy whose connections can be cut, refused and stalled.

use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsRawFd as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{self, Poll},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A proxy on a free loopback port in front of one address. It ends, with its connections, when dropped.
#[derive(Debug)]
pub struct CutProxy {
    address: SocketAddr,
    network: Arc<Network>,
    _listening: DropGuard,
}

/// The state of the broken network, shared with every connection.
#[derive(Debug)]
struct Network {
    /// Bound, and never listening: no other process gets the port while connections are refused.
    port: TcpSocket,
    /// Nothing while connections are refused.
    listener: Mutex<Option<TcpListener>>,
    /// There is a listener again.
    relistening: Notify,
    stalled: watch::Sender<bool>,
    /// Cancelled to cut the connections of today; replaced for those of tomorrow.
    connected: Mutex<CancellationToken>,
    listening: CancellationToken,
}

impl CutProxy {
    /// Starts a proxy in front of `target`, a `host:port`. It runs on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if no port of the loopback interface can be listened on.
    #[expect(
        clippy::unused_async,
        reason = "listening needs a runtime, as only an async caller surely has"
    )]
    pub async fn start(target: impl Into<String>) -> Result<Self> {
        let network = Network::start().context("listen for the proxy")?;
        let address = network.port.local_addr().context("listen for the proxy")?;
        let listening = network.listening.clone();
        let network = Arc::new(network);
        tokio::spawn(accept(target.into(), Arc::clone(&network)));
        Ok(Self {
            address,
            network,
            _listening: listening.drop_guard(),
        })
    }

    /// Starts a proxy in front of a server named by an address, and gives the address that leads through it.
    ///
    /// # Errors
    ///
    /// Returns an error if the address has no host or no port, or as [`Self::start`].
    pub async fn in_front_of(address: &Url) -> Result<(Self, Url)> {
        let host = address.host_str().context("the address has no host")?;
        let port = address.port().context("the address has no port")?;
        let proxy = Self::start(format!("{host}:{port}")).await?;
        let mut through = address.clone();
        through.set_host(Some("127.0.0.1"))?;
        let set = through.set_port(Some(proxy.address.port()));
        ensure!(set.is_ok(), "the address takes no port");
        Ok((proxy, through))
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets all connections; new ones are let through.
    pub fn cut_all(&self) {
        let next = self.network.listening.child_token();
        let mut connected = self.network.lock_connected();
        std::mem::replace(&mut *connected, next).cancel();
    }

    /// Refuses new connections from now on, as a closed port does, or lets them through again. Open ones
    /// are not touched.
    ///
    /// # Panics
    ///
    /// Panics if it cannot listen again.
    pub fn refuse(&self, refuse: bool) {
        let mut listener = self.network.lock_listener();
        if refuse {
            if let Some(listener) = listener.take() {
                // A process that is being started has a copy of it for a moment: closing ours would not be enough.
                shutdown(listener.as_raw_fd(), Shutdown::Both).expect("it listens");
            }
        } else if listener.is_none() {
            *listener = Some(listen(self.address).expect("the port was kept"));
            self.network.relistening.notify_one();
        }
    }

    /// Lets no byte pass from now on, on open and new connections, or lets them pass again. Nothing is lost.
    pub fn stall(&self, stall: bool) {
        self.network.stalled.send_replace(stall);
    }
}

impl Network {
    fn start() -> io::Result<Self> {
        let port = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = listen(port.local_addr()?)?;
        let listening = CancellationToken::new();
        Ok(Self {
            port,
            listener: Mutex::new(Some(listener)),
            relistening: Notify::new(),
            stalled: watch::Sender::new(false),
            connected: Mutex::new(listening.child_token()),
            listening,
        })
    }

    fn lock_connected(&self) -> MutexGuard<'_, CancellationToken> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_listener(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next connection; none comes while they are refused.
    fn poll_accept(&self, context: &mut task::Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &*self.lock_listener() {
            Some(listener) => listener.poll_accept(context).map_ok(|(client, _)| client),
            None => Poll::Pending,
        }
    }

    /// Waits while the network is stalled.
    async fn passable(&self) {
        let mut stalled = self.stalled.subscribe();
        // The sender lives as long as `self`.
        stalled.wait_for(|stalled| !stalled).await.ok();
    }
}

/// A socket that shares its port with others of ours.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)?.listen(BACKLOG)
}

async fn accept(target: String, network: Arc<Network>) {
    let accepting = async {
        loop {
            let accepted = tokio::select! {
                accepted = poll_fn(|context| network.poll_accept(context)) => accepted,
                () = network.relistening.notified() => continue,
            };
            // Only this process running out of file descriptors fails here, and fails its test, too.
            let Ok(client) = accepted else {
                tokio::task::yield_now().await;
                continue;
            };
            tokio::spawn(connect(client, target.clone(), Arc::clone(&network)));
        }
    };
    network.listening.run_until_cancelled(accepting).await;
}

/// Carries one connection until an end closes it or it is cut.
async fn connect(mut client: TcpStream, target: String, network: Arc<Network>) {
    let connected = network.lock_connected().clone();
    let connecting = connected.run_until_cancelled(TcpStream::connect(target));
    let Some(Ok(mut server)) = connecting.await else {
        client.set_zero_linger().ok();
        return;
    };
    // Small frames must not wait for more: the proxy is not to be the slow part.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();

    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let carried = connected
        .run_until_cancelled(async {
            tokio::try_join!(
                carry(from_client, to_server, &network),
                carry(from_server, to_client, &network),
            )
        })
        .await;
    if !matches!(carried, Some(Ok(_))) {
        // A reset rather than an orderly close, which is what a broken network looks like.
        client.set_zero_linger().ok();
        server.set_zero_linger().ok();
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    network: &Network,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        network.passable().await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

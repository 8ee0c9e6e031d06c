//! A network that a test can break: a TCP proxy whose connections can be cut, refused and stalled.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

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
    refusing: watch::Sender<bool>,
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
    pub async fn start(target: impl Into<String>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("listen for the proxy")?;
        let address = listener.local_addr().context("listen for the proxy")?;
        let listening = CancellationToken::new();
        let network = Arc::new(Network {
            refusing: watch::Sender::new(false),
            stalled: watch::Sender::new(false),
            connected: Mutex::new(listening.child_token()),
            listening: listening.clone(),
        });
        tokio::spawn(accept(listener, target.into(), Arc::clone(&network)));
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

    /// Resets new connections from now on, or lets them through again. Open ones are not touched.
    pub fn refuse(&self, refuse: bool) {
        self.network.refusing.send_replace(refuse);
    }

    /// Lets no byte pass from now on, on open and new connections, or lets them pass again. Nothing is lost.
    pub fn stall(&self, stall: bool) {
        self.network.stalled.send_replace(stall);
    }
}

impl Network {
    fn lock_connected(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the network is stalled.
    async fn passable(&self) {
        let mut stalled = self.stalled.subscribe();
        // The sender lives as long as `self`.
        stalled.wait_for(|stalled| !stalled).await.ok();
    }
}

async fn accept(listener: TcpListener, target: String, network: Arc<Network>) {
    let listening = network.listening.clone();
    let accepting = async {
        loop {
            // Only this process running out of file descriptors fails here, and its test will tell.
            let Ok((client, _)) = listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            if *network.refusing.borrow() {
                client.set_zero_linger().ok();
                continue;
            }
            tokio::spawn(connect(client, target.clone(), Arc::clone(&network)));
        }
    };
    listening.run_until_cancelled(accepting).await;
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

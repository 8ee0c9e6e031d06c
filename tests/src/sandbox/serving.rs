//! What every sandbox is served by: a thread with a server of its own, and sockets that faults can cut.

use std::any::Any;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::rt;

/// Longer than a client's pool keeps a connection, so that connections are cut by faults alone.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(600);

/// A listener whose address is known before anything answers there.
pub(super) fn bind(address: impl ToSocketAddrs) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A server on a thread of its own, so that it answers whatever the caller's runtime is doing. Stops when it is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    server: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Serving {
    /// Starts what `serve` builds.
    pub fn start(
        name: &str,
        serve: impl FnOnce() -> io::Result<Server> + Send + 'static,
    ) -> io::Result<Self> {
        let (started, handle) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                actix_web::rt::System::new().block_on(async {
                    let server = serve()?;
                    // Sending fails only if the caller is gone, and with it the need for a server.
                    drop(started.send(server.handle()));
                    server.await
                })
            })?;
        let server = handle
            .recv()
            .map_err(|_| io::Error::other("the server did not start"))?;
        Ok(Self {
            server,
            thread: Some(thread),
        })
    }

    /// Stops listening and cuts the connections that are open.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The command is sent by the call; the future that it returns would only wait for its end, and so does the thread's.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            // Whatever ended the server has been printed by it.
            drop(thread.join());
        }
    }
}

/// A second handle on the socket of a connection, with which a fault can cut it.
#[derive(Clone)]
pub(super) struct Socket(Arc<TcpStream>);

impl Socket {
    /// Keeps a handle on each connection, as `on_connect` of the server.
    pub fn keep(connection: &dyn Any, data: &mut Extensions) {
        let stream = connection.downcast_ref::<rt::net::TcpStream>();
        let descriptor = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
        if let Some(descriptor) = descriptor {
            data.insert(Self(Arc::new(TcpStream::from(descriptor))));
        }
    }

    /// Sends bytes past the server's buffer, which is never sent when a body fails.
    pub fn write(&self, bytes: &[u8]) {
        // The client may have gone already; then nothing has to be sent.
        drop((&*self.0).write_all(bytes));
    }

    /// Cuts the connection in both directions.
    pub fn cut(&self) {
        // Fails only if the other side has closed the connection, which is what was wanted.
        drop(self.0.shutdown(Shutdown::Both));
    }
}

/// An answer that can no longer be sent, since its connection is cut.
pub(super) fn unsendable() -> HttpResponse {
    HttpResponse::InternalServerError().force_close().finish()
}

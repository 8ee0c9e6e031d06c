//! Stands in for Slack: keeps the alarms that it receives.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::ensure;
use serde_json::Value;

use super::PATIENCE;
use crate::servers::wait_until;

/// A receiver of alarms on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct AlarmReceiver {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    server: ServerHandle,
}

impl Drop for AlarmReceiver {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl AlarmReceiver {
    /// Starts one on a free port.
    ///
    /// # Panics
    ///
    /// Panics if nothing can listen.
    #[must_use]
    pub fn start() -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    /// Starts one that listens already.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be served.
    #[must_use]
    pub fn listen(listener: TcpListener) -> Self {
        let port = listener.local_addr().expect("it is bound").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let texts = Arc::clone(&heard);
        let server = HttpServer::new(move || {
            let texts = Arc::clone(&texts);
            let hear = move |message: web::Json<Value>| {
                let text = message["text"].as_str().unwrap_or_default().to_owned();
                let mut texts = texts.lock().unwrap_or_else(PoisonError::into_inner);
                texts.push(text);
                async { HttpResponse::Ok().body("ok") }
            };
            App::new().route("/hook", web::post().to(hear))
        });
        let server = server.workers(1).disable_signals().listen(listener);
        let server = server.expect("it can be served").run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            port,
            heard,
            server: handle,
        }
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, for `alarm.webhook_url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The texts that came.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock();
        heard.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many came, and gives all.
    ///
    /// # Panics
    ///
    /// Panics if they do not come.
    pub async fn wait_for(&self, count: usize) -> Vec<String> {
        let awaited = format!("{count} alarms");
        let heard = wait_until(&awaited, PATIENCE, async || {
            let heard = self.heard();
            ensure!(heard.len() >= count, "{heard:?}");
            Ok(heard)
        });
        heard.await.unwrap_or_else(|error| panic!("{error:#}"))
    }
}

//! The webhook over TLS: which clients are served, and with which certificate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client_certificates;
mod commands;
mod protocol;
mod renewal;

use std::net::SocketAddr;
use std::path::PathBuf;

use bridge_tests::bridge::{PATIENCE, WEBHOOK_TOKEN, call};
use bridge_tests::servers::Scratch;
use bridge_tests::servers::authority::{Authority, Identity, replace};
use ingest::startup::Application;
use shared::config::{self, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const HOST: &str = "calls.example.com";

/// A folder with a certificate for [`HOST`], and the authority that signed it.
struct Files {
    root: Authority,
    scratch: Scratch,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            root: Authority::root("root"),
            scratch: Scratch::create().unwrap(),
        };
        files.write(&files.root.server(&[HOST]));
        replace(&files.path("root.pem"), &files.root.pem());
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, identity: &Identity) {
        identity.write(&self.path("tls.crt"), &self.path("tls.key"));
    }

    /// The settings of an ingest that serves it. No broker is there: what it takes goes to its spool.
    fn variables(&self) -> Vec<(String, String)> {
        let path = |name| self.path(name).display().to_string();
        let variables = [
            ("LISTEN", "127.0.0.1:0".to_owned()),
            ("DRAIN", "0s".to_owned()),
            ("AUTH__TOKENS", WEBHOOK_TOKEN.to_owned()),
            ("SPOOL__PATH", path("spool.sqlite")),
            ("TLS__CERTIFICATE", path("tls.crt")),
            ("TLS__KEY", path("tls.key")),
        ];
        let variables = variables.map(|(key, value)| (format!("BRIDGE__INGEST__{key}"), value));
        let broker = (
            "BRIDGE__BROKER__URL".to_owned(),
            "amqp://127.0.0.1:1".to_owned(),
        );
        variables.into_iter().chain([broker]).collect()
    }

    fn settings(&self, more: &[(&str, &str)]) -> Settings {
        let mut variables = self.variables();
        let more = more.iter().map(|(key, value)| {
            let variable = format!("BRIDGE__INGEST__{key}");
            (variable, (*value).to_owned())
        });
        variables.extend(more);
        config::load_from(None, variables).unwrap()
    }

    /// A client that trusts the authority, with connections of its own.
    fn client(&self) -> reqwest::ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.root.pem().as_bytes()).unwrap();
        reqwest::Client::builder()
            .timeout(PATIENCE)
            .tls_certs_only([root])
            .tls_info(true)
    }
}

/// An ingest in this process.
struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start(settings: &Settings) -> Self {
        let application = Application::build(settings).await.unwrap();
        let stop = CancellationToken::new();
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], application.port())),
            running: tokio::spawn(application.run_until_stopped(stop.clone())),
            stop,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.address.port())
    }

    /// Builds a client that finds [`HOST`] here.
    fn client(&self, builder: reqwest::ClientBuilder) -> reqwest::Client {
        builder.resolve(HOST, self.address).build().unwrap()
    }

    async fn post(
        &self,
        client: &reqwest::Client,
        id: &str,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let request = client.post(self.url("/api/v1/genesys/webhook"));
        let request = request.bearer_auth(WEBHOOK_TOKEN);
        request.body(call(id, "+12025550143")).send().await
    }

    async fn stop(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.running).await;
        stopped.unwrap().unwrap().unwrap();
    }
}

/// The certificate of the connection over which an answer came.
fn presented(answer: &reqwest::Response) -> Vec<u8> {
    let tls = answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
    tls.peer_certificate().unwrap().to_vec()
}

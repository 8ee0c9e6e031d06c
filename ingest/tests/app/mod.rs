//! The service for one test, without a broker, and HTTP as it goes over the wire.

use std::net::TcpListener;
use std::time::Duration;

use ingest::startup::Application;
use ingest::webhook::WEBHOOK_PATH;
use serde_json::Value;
use shared::config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "X-Webhook-Token: token\r\n";
pub const CALL: &str = r#"{"data":{"id":"call-1","channelType":"voice"}}"#;
/// Far above what a local answer takes, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct TestApp {
    pub port: u16,
    pub admin_port: Option<u16>,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<anyhow::Result<()>>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl TestApp {
    /// Starts the service with a broker address that refuses connections.
    pub async fn spawn(variables: &[(&str, &str)]) -> Self {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = format!("amqp://guest:guest@{}/%2f", closed.local_addr().unwrap());
        drop(closed);
        Self::spawn_with_broker(&broker, variables).await
    }

    pub async fn spawn_with_broker(broker: &str, variables: &[(&str, &str)]) -> Self {
        let defaults = [
            ("BRIDGE__INGEST__LISTEN", "127.0.0.1:0"),
            ("BRIDGE__INGEST__AUTH__TOKENS", "token"),
            ("BRIDGE__INGEST__BODY_LIMIT_BYTES", "1024"),
            ("BRIDGE__INGEST__DRAIN", "0s"),
            ("BRIDGE__BROKER__URL", broker),
        ];
        let variables = defaults.iter().chain(variables);
        let variables = variables.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings = config::load_from(None, variables).unwrap();
        let application = Application::build(&settings).await.unwrap();
        let admin_port = application.admin_port();
        let shutdown = CancellationToken::new();
        Self {
            port: application.port(),
            admin_port,
            running: tokio::spawn(application.run_until_stopped(shutdown.clone())),
            shutdown,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends one request as it stands, and reads the answer.
    pub async fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_answer(&mut stream).await
    }

    pub async fn post_to(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    pub async fn post(&self, headers: &str, body: &str) -> Answer {
        self.post_to(WEBHOOK_PATH, headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await
    }
}

pub async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("no whole answer")
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("no head");
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

impl Answer {
    #[track_caller]
    pub fn assert_is(&self, status: u16, word: &str) {
        assert_eq!(
            (self.status, &self.body["status"]),
            (status, &word.into()),
            "{:?}",
            self.body
        );
    }

    #[track_caller]
    pub fn assert_says(&self, text: &str) {
        let said = self.body["error"]
            .as_str()
            .or(self.body["reason"].as_str())
            .unwrap_or_default();
        assert!(said.contains(text), "{said}");
    }
}

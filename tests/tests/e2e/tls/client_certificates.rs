//! Certificates of clients: where one is asked for, who gets in with which.

use bridge_tests::bridge::WEBHOOK_TOKEN;
use bridge_tests::servers::authority::{Authority, Identity, replace};
use ingest::tls::Tls;

use super::{Files, Server};

/// Who tries to post.
struct Clients {
    without: reqwest::Client,
    good: reqwest::Client,
    wrong: reqwest::Client,
}

/// A server that asks clients for a certificate.
struct Asking {
    files: Files,
    server: Server,
    clients: Clients,
}

impl Asking {
    async fn start(required: &str) -> Self {
        let files = Files::new();
        let authority = Authority::root("clients");
        replace(&files.path("clients.pem"), &authority.pem());
        let path = files.path("clients.pem").display().to_string();
        let more = [
            ("TLS__CLIENT_CA", path.as_str()),
            ("TLS__CLIENT_CERTIFICATE_REQUIRED", required),
        ];
        let server = Server::start(&files.settings(&more)).await;
        let with = |identity: &Identity| {
            let pem = format!("{}{}", identity.key, identity.certificate);
            let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
            server.client(files.client().identity(identity))
        };
        // The same name, signed by another authority.
        let clients = Clients {
            without: server.client(files.client()),
            good: with(&authority.client("sender")),
            wrong: with(&Authority::root("clients").client("sender")),
        };
        Self {
            files,
            server,
            clients,
        }
    }

    async fn status(&self, client: &reqwest::Client) -> Option<u16> {
        let answer = self.server.post(client, "call-1").await;
        answer.ok().map(|answer| answer.status().as_u16())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_may_be_left_out_must_be_good_if_it_is_there() {
    let asking = Asking::start("false").await;

    assert_eq!(asking.status(&asking.clients.without).await, Some(200));
    assert_eq!(asking.status(&asking.clients.good).await, Some(200));
    assert_eq!(asking.status(&asking.clients.wrong).await, None);
    asking.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_is_required_only_health_and_metrics_are_served_without() {
    let Asking {
        files,
        server,
        clients,
    } = Asking::start("true").await;

    let refused = server.post(&clients.without, "call-1").await.unwrap();
    assert_eq!(refused.status(), 403);
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "a client certificate is required");
    for path in ["/health/live", "/health/ready", "/metrics"] {
        // Metrics are for requests to this machine by a name of its own.
        let request = clients.without.get(server.url(path));
        let answer = request.header("host", "localhost").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    assert!(server.post(&clients.wrong, "call-1").await.is_err());
    let taken = server.post(&clients.good, "call-1").await.unwrap();
    assert_eq!(taken.status(), 200);

    // It does not stand in for a credential.
    let webhook = server.url("/api/v1/genesys/webhook");
    let request = clients.good.post(webhook).bearer_auth("another").body("{}");
    assert_eq!(request.send().await.unwrap().status(), 401);
    server.stop().await;
    drop(files);
}

#[test]
fn half_a_setting_is_refused_at_start() {
    let files = Files::new();
    let refusal = |more: &[(&str, &str)]| match Tls::new(&files.settings(more).ingest) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let root = files.path("root.pem").display().to_string();
    let key = files.path("tls.key").display().to_string();

    assert_eq!(refusal(&[]), "");
    assert_eq!(refusal(&[("TLS__CLIENT_CA", &root)]), "");
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("TLS__KEY", " ")], "BRIDGE__INGEST__TLS__KEY"),
        (
            &[("TLS__CERTIFICATE", " ")],
            "BRIDGE__INGEST__TLS__CERTIFICATE",
        ),
        (&[("TLS__CERTIFICATE", &key)], "holds no certificate"),
        (
            &[("TLS__CLIENT_CERTIFICATE_REQUIRED", "true")],
            "BRIDGE__INGEST__TLS__CLIENT_CA",
        ),
        (&[("TLS__CLIENT_CA", &key)], "holds no certificate"),
        (
            &[
                ("TLS__CERTIFICATE", " "),
                ("TLS__KEY", " "),
                ("TLS__CLIENT_CA", &root),
            ],
            "BRIDGE__INGEST__TLS__CERTIFICATE",
        ),
    ];
    for (settings, part) in cases {
        let refusal = refusal(settings);
        assert!(refusal.contains(part), "{settings:?}: {refusal}");
        assert!(!refusal.contains(WEBHOOK_TOKEN));
    }
}

#[test]
fn plain_http_beyond_this_machine_needs_to_be_said() {
    let files = Files::new();
    let plain = |listen, plain_http| {
        let settings = files.settings(&[
            ("LISTEN", listen),
            ("PLAIN_HTTP", plain_http),
            ("TLS__CERTIFICATE", " "),
            ("TLS__KEY", " "),
        ]);
        Tls::new(&settings.ingest).map(|tls| tls.is_some())
    };

    for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        let refusal = plain(listen, "false").unwrap_err().to_string();
        for part in [
            "BRIDGE__INGEST__LISTEN",
            "BRIDGE__INGEST__TLS__CERTIFICATE",
            "BRIDGE__INGEST__PLAIN_HTTP",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(!plain(listen, "true").unwrap());
    }
    assert!(!plain("127.0.0.1:8080", "false").unwrap());
    assert!(!plain("[::1]:8080", "false").unwrap());
}

//! `ingest check` and `ingest health`, as processes.

use bridge_tests::bridge::TestApp;
use bridge_tests::servers::Scratch;
use bridge_tests::servers::authority::{Authority, Identity, replace};
use tokio::process::Command;

use super::{Files, HOST, Server};

/// What a command said, and whether it was content.
#[derive(Debug)]
struct Said {
    is_content: bool,
    text: String,
}

impl Said {
    /// The finding about TLS, with its remedy.
    fn finding(&self) -> String {
        let mut lines = self.text.lines();
        let found = lines
            .find(|line| line.split_whitespace().nth(1) == Some("tls:"))
            .unwrap_or_else(|| panic!("{self:?}"));
        let remedy = lines.next().filter(|line| line.contains("remedy:"));
        format!("{found}\n{}", remedy.unwrap_or_default())
    }
}

async fn run(files: &Files, variables: &[(String, String)], arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_ingest-command"))
        .args(arguments)
        .envs(variables.iter().cloned())
        // The public authorities, for whoever checks.
        .env("SSL_CERT_FILE", files.path("root.pem"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Said {
        is_content: output.status.success(),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}

fn with(variables: &[(String, String)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    let more = more.iter().map(|(key, value)| {
        let variable = format!("BRIDGE__INGEST__{key}");
        (variable, (*value).to_owned())
    });
    variables.iter().cloned().chain(more).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_names_what_genesys_would_refuse_silently() {
    let files = Files::new();
    let app = TestApp::builder().without_worker().spawn().await;
    let mut variables = files.variables();
    variables.retain(|(variable, _)| variable != "BRIDGE__BROKER__URL");
    variables.extend(app.variables.clone());
    let check = async |url: Option<&str>| {
        let arguments = url.map_or(vec!["check"], |url| vec!["check", "--url", url]);
        run(&files, &variables, &arguments).await
    };

    for url in [None, Some("https://calls.example.com")] {
        let said = check(url).await;
        assert!(said.is_content, "{said:?}");
        let finding = said.finding();
        assert!(
            finding.starts_with("ok ") && finding.contains("valid until 2090-01-01"),
            "{finding}"
        );
    }
    let said = check(Some("https://other.example.com")).await;
    assert!(!said.is_content);
    let finding = said.finding();
    assert!(
        finding.contains("not for other.example.com, but for calls.example.com"),
        "{finding}"
    );

    let (sound, other) = (files.root.server(&[HOST]), files.root.server(&[HOST]));
    let mismatched = Identity {
        key: other.key,
        ..sound
    };
    let cases = [
        (Identity::self_signed(HOST), "self-signed"),
        (
            files.root.server_in(&[HOST], 2020..2021),
            "expired at 2021-01-01",
        ),
        (mismatched, "is not that of the certificate"),
        (
            Authority::root("private").server(&[HOST]),
            "signed by CN=private",
        ),
        (files.root.server(&[]), "no subject alternative name"),
    ];
    for (identity, part) in cases {
        files.write(&identity);
        let said = check(None).await;
        assert!(!said.is_content, "{said:?}");
        let finding = said.finding();
        assert!(
            finding.starts_with("FAIL ") && finding.contains(part) && finding.contains("remedy:"),
            "{finding}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_check_looks_at_what_the_proxy_presents() {
    let files = Files::new();
    files.write(&files.root.server(&["localhost"]));
    // In place of a proxy.
    let proxy = Server::start(&files.settings(&[])).await;
    let url = format!("https://localhost:{}", proxy.address.port());
    let plain = with(
        &files.variables(),
        &[("TLS__CERTIFICATE", " "), ("TLS__KEY", " ")],
    );

    let sound = run(&files, &plain, &["check", "--url", &url]).await;
    replace(&files.path("root.pem"), &Authority::root("public").pem());
    let private = run(&files, &plain, &["check", "--url", &url]).await;
    let port = proxy.address.port();
    proxy.stop().await;
    let gone = run(&files, &plain, &["check", "--url", &url]).await;

    let found = sound.finding();
    assert!(
        found.starts_with("ok ") && found.contains("localhost presents"),
        "{found}"
    );
    let found = private.finding();
    assert!(
        found.starts_with("FAIL ") && found.contains("signed by CN=root"),
        "{found}"
    );
    let found = gone.finding();
    assert!(
        found.starts_with("FAIL ") && found.contains(&format!("localhost:{port}")),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_needs_no_certificate() {
    let files = Files::new();
    let root = files.path("root.pem").display().to_string();
    let asking = [
        ("TLS__CLIENT_CA", root.as_str()),
        ("TLS__CLIENT_CERTIFICATE_REQUIRED", "true"),
    ];
    let server = Server::start(&files.settings(&asking)).await;
    let listen = server.address.to_string();
    let variables = with(&files.variables(), &[("LISTEN", &listen)]);

    let ready = run(&files, &variables, &["health"]).await;
    server.stop().await;
    let gone = run(&files, &variables, &["health"]).await;

    assert!(ready.is_content, "{ready:?}");
    assert!(!gone.is_content, "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_an_address_that_others_reach_is_refused_at_start() {
    let files = Files::new();
    let scratch = Scratch::create().unwrap();
    let spool = scratch.path().join("spool").display().to_string();
    let plain = [
        ("LISTEN", "0.0.0.0:0"),
        ("SPOOL__PATH", &spool),
        ("TLS__CERTIFICATE", " "),
        ("TLS__KEY", " "),
    ];

    let said = run(&files, &with(&files.variables(), &plain), &[]).await;

    assert!(!said.is_content, "{said:?}");
    for remedy in [
        "BRIDGE__INGEST__TLS__CERTIFICATE",
        "BRIDGE__INGEST__PLAIN_HTTP",
    ] {
        assert!(said.text.contains(remedy), "{said:?}");
    }
}

//! Who is let in: every route with every credential gives exactly this answer, and no other.
//!
//! The tables are the promise; SECURITY.md shows them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp};
use bridge_tests::servers::{Scratch, wait_until};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use sha2::Sha256;

use crate::secret_rotation::SecretFile;

const WEBHOOK: &str = "/api/v1/genesys/webhook";
const WEBHOOK_WITH_SLASH: &str = "/api/v1/genesys/webhook/";

const CURRENT: &str = "current-token";
const PREVIOUS: &str = "previous-token";
const REVOKED: &str = "revoked-token";
const PAIR: &str = "genesys:password";
const SECRET: &str = "signature-secret";

const ACCEPTED: (u16, &str) = (200, r#"{"status":"accepted","interactionId":"call-1"}"#);
const REFUSED: (u16, &str) = (
    401,
    r#"{"status":"rejected","error":"no valid credential"}"#,
);
const ALIVE: (u16, &str) = (200, r#"{"status":"alive"}"#);
const READY: (u16, &str) = (200, r#"{"status":"ready"}"#);
const METRICS: (u16, &str) = (200, "# HELP …");
/// Answer to `HEAD`: status without a body.
const NO_BODY: (u16, &str) = (200, "");
const NO_PATH: (u16, &str) = (404, r#"{"status":"rejected","error":"no such path"}"#);
const NO_PATH_BUT_THE_WEBHOOK: (u16, &str) = (
    404,
    r#"{"status":"rejected","error":"no such path; webhooks are accepted at POST /api/v1/genesys/webhook"}"#,
);
const ONLY_GET: (u16, &str) = (
    405,
    r#"{"status":"rejected","error":"only GET and HEAD are allowed here"}"#,
);
const ONLY_POST: (u16, &str) = (
    405,
    r#"{"status":"rejected","error":"only POST is allowed here"}"#,
);

/// What a request shows, and what the webhook answers.
type Row = (&'static str, Request, (u16, &'static str));

#[rustfmt::skip]
fn secrets() -> Vec<Row> {
    let fresh = || with(&[]);
    let bearer = |token: &str| authorization(&format!("Bearer {token}"));
    let basic = |pair: &str| authorization(&format!("Basic {}", STANDARD.encode(pair)));
    let token = |token: &str| with(&[("x-webhook-token", token)]);
    vec![
        ("nothing",                                fresh(),                               REFUSED),
        ("the current token",                      bearer(CURRENT),                       ACCEPTED),
        ("the previous token, still configured",   bearer(PREVIOUS),                      ACCEPTED),
        ("a revoked token",                        bearer(REVOKED),                       REFUSED),
        ("a wrong token",                          bearer("wrong"),                       REFUSED),
        ("the token and more",                     bearer("current-token2"),              REFUSED),
        ("a part of the token",                    bearer("current-toke"),                REFUSED),
        ("the signature's secret as a token",      bearer(SECRET),                        REFUSED),
        ("the current X-Webhook-Token",            token(CURRENT),                        ACCEPTED),
        ("the previous X-Webhook-Token",           token(PREVIOUS),                       ACCEPTED),
        ("a revoked X-Webhook-Token",              token(REVOKED),                        REFUSED),
        ("a wrong X-Webhook-Token",                token("wrong"),                        REFUSED),
        ("an empty X-Webhook-Token",               token(""),                             REFUSED),
        ("X-Webhook-Token with a scheme",          token("Bearer current-token"),         REFUSED),
        ("two tokens, one of them right",          bearer("wrong").and_token(CURRENT),    ACCEPTED),
        ("the right password",                     basic(PAIR),                           ACCEPTED),
        ("a wrong password",                       basic("genesys:wrong"),                REFUSED),
        ("an unknown user",                        basic("unknown:password"),             REFUSED),
        ("the token as a password",                basic("genesys:current-token"),        REFUSED),
        ("Basic that is no base64",                authorization("Basic !"),              REFUSED),
        ("Authorization without credentials",      authorization("Bearer"),               REFUSED),
        ("Authorization without a scheme",         authorization(CURRENT),                REFUSED),
        ("Authorization of another scheme",        authorization("Digest current-token"), REFUSED),
        ("a token with an event of seven days",    of_age(7).and_token(CURRENT),          ACCEPTED),
    ]
}

#[rustfmt::skip]
fn signatures() -> Vec<Row> {
    let with = |signature: String| with(&[("x-hub-signature-256", &signature)]);
    let right = || with(signature(SECRET, &event()));
    let by_another = || with(signature("unknown", &event()));
    let flipped = || {
        let mut signature = signature(SECRET, &event());
        let last = if signature.pop() == Some('0') { '1' } else { '0' };
        with(signature + &last.to_string())
    };
    vec![
        ("a right signature",                      right(),                               ACCEPTED),
        ("a wrong signature by the right secret",  flipped(),                             REFUSED),
        ("a right signature of another body",      with(signature(SECRET, "{}")),         REFUSED),
        ("a signature by an unknown secret",       by_another(),                          REFUSED),
        ("a signature that is none",               with("sha256=".to_owned()),            REFUSED),
        ("a wrong signature, the right token",     by_another().and_token(CURRENT),       REFUSED),
        ("a right signature, a wrong token",       right().and_token("wrong"),            ACCEPTED),
        ("a right signature, the right token",     right().and_token(CURRENT),            ACCEPTED),
        ("a signed event of five days",            of_age(5).signed(),                    ACCEPTED),
        ("a signed event of seven days",           of_age(7).signed(),                    REFUSED),
        ("the same, the right token",              of_age(7).signed().and_token(CURRENT), ACCEPTED),
        ("the same, a wrong token",                of_age(7).signed().and_token("wrong"), REFUSED),
        ("a signed event without a time",          untimed().signed(),                    ACCEPTED),
    ]
}

fn credentials() -> impl Iterator<Item = Row> {
    secrets().into_iter().chain(signatures())
}

/// Every path of every listener with its methods, whatever is shown.
#[rustfmt::skip]
fn pages() -> Vec<(Listener, &'static str, &'static str, (u16, &'static str))> {
    use Listener::{Admin, Main, Worker};
    vec![
        (Main,   "GET",    WEBHOOK,                     ONLY_POST),
        (Main,   "PUT",    WEBHOOK,                     ONLY_POST),
        (Main,   "DELETE", WEBHOOK,                     ONLY_POST),
        (Main,   "GET",    WEBHOOK_WITH_SLASH,          ONLY_POST),
        (Main,   "POST",   "/api/v1/genesys/webhook//", NO_PATH_BUT_THE_WEBHOOK),
        (Main,   "GET",    "/",                         NO_PATH_BUT_THE_WEBHOOK),
        (Main,   "GET",    "/health/live",              ALIVE),
        (Main,   "POST",   "/health/live",              ONLY_GET),
        (Main,   "GET",    "/health/ready",             READY),
        (Main,   "POST",   "/health/ready",             ONLY_GET),
        (Main,   "HEAD",   "/health/live",              NO_BODY),
        (Main,   "HEAD",   "/health/ready",             NO_BODY),
        (Main,   "HEAD",   "/metrics",                  (404, "")),
        (Main,   "GET",    "/metrics",                  NO_PATH_BUT_THE_WEBHOOK),
        (Main,   "POST",   "/metrics",                  NO_PATH_BUT_THE_WEBHOOK),
        (Admin,  "POST",   WEBHOOK,                     NO_PATH),
        (Admin,  "GET",    "/health/live",              ALIVE),
        (Admin,  "GET",    "/health/ready",             READY),
        (Admin,  "POST",   "/health/ready",             ONLY_GET),
        (Admin,  "HEAD",   "/health/live",              NO_BODY),
        (Admin,  "HEAD",   "/health/ready",             NO_BODY),
        (Admin,  "HEAD",   "/metrics",                  NO_BODY),
        (Admin,  "GET",    "/metrics",                  METRICS),
        (Admin,  "DELETE", "/metrics",                  ONLY_GET),
        (Worker, "POST",   WEBHOOK,                     NO_PATH),
        (Worker, "GET",    "/health/live",              ALIVE),
        (Worker, "PUT",    "/health/live",              ONLY_GET),
        (Worker, "GET",    "/health/ready",             READY),
        (Worker, "POST",   "/health/ready",             ONLY_GET),
        (Worker, "HEAD",   "/health/live",              NO_BODY),
        (Worker, "HEAD",   "/health/ready",             NO_BODY),
        (Worker, "HEAD",   "/metrics",                  NO_BODY),
        (Worker, "GET",    "/metrics",                  METRICS),
        (Worker, "POST",   "/metrics",                  ONLY_GET),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Listener {
    Main,
    Admin,
    Worker,
}

struct Request {
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Request {
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn and_token(self, token: &str) -> Self {
        self.and("x-webhook-token", token)
    }

    fn signed(self) -> Self {
        let signature = signature(SECRET, &self.body);
        self.and("x-hub-signature-256", &signature)
    }
}

fn with(headers: &[(&'static str, &str)]) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Request {
        headers: headers.collect(),
        body: event(),
    }
}

fn authorization(value: &str) -> Request {
    with(&[("authorization", value)])
}

/// An event that has just happened; the same one for all.
fn event() -> String {
    static NOW: LazyLock<Timestamp> = LazyLock::new(shared::clock::now);
    ended(*NOW)
}

fn of_age(days: i64) -> Request {
    let body = ended(shared::clock::now() - SignedDuration::from_hours(24 * days));
    Request { body, ..with(&[]) }
}

fn untimed() -> Request {
    let body = r#"{"data":{"id":"call-1","channelType":"voice"}}"#.to_owned();
    Request { body, ..with(&[]) }
}

fn ended(at: Timestamp) -> String {
    format!(r#"{{"data":{{"id":"call-1","channelType":"voice","endTime":"{at}"}}}}"#)
}

fn signature(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = mac.chain_update(body).finalize().into_bytes();
    format!("sha256={}", hex::encode(mac))
}

/// What came back, less what differs between two answers to the same question.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, Vec<String>>,
    body: String,
}

struct Matrix {
    app: TestApp,
    http: reqwest::Client,
    asked: Cell<u8>,
    _scratch: Scratch,
}

impl Matrix {
    async fn spawn() -> Self {
        let scratch = Scratch::create().unwrap();
        let tokens = SecretFile::new(scratch.path(), "tokens", &format!("{REVOKED},{PREVIOUS}"));
        let app = locked_up()
            .set("BRIDGE__INGEST__AUTH__TOKENS_FILE", tokens.path())
            .spawn()
            .await;
        let matrix = Self {
            app,
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            asked: Cell::new(0),
            _scratch: scratch,
        };
        tokens.set(&format!("{PREVIOUS},{CURRENT}"));
        let taken_up = wait_until("the rotated tokens", PATIENCE, async || {
            let request = authorization(&format!("Bearer {CURRENT}"));
            let answer = matrix.ask(Listener::Main, "POST", WEBHOOK, &request).await;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        });
        taken_up.await.unwrap();
        matrix
    }

    async fn ask(&self, listener: Listener, method: &str, path: &str, request: &Request) -> Answer {
        let origin = match listener {
            Listener::Main => &self.app.ingest_url,
            Listener::Admin => self.app.admin_url.as_ref().unwrap(),
            Listener::Worker => self.app.worker_url(),
        };
        // Each from another source, or failures would wait.
        self.asked.set(self.asked.get().wrapping_add(1));
        let source = format!("203.0.113.{}", self.asked.get());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut builder = self.http.request(method, format!("{origin}{path}"));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let builder = builder.header("x-forwarded-for", source);
        let answer = builder.body(request.body.clone()).send().await.unwrap();
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in answer.headers() {
            let values = headers.entry(name.to_string()).or_default();
            values.push(value.to_str().unwrap().to_owned());
        }
        headers.remove("date");
        Answer {
            status: answer.status().as_u16(),
            headers,
            body: answer.text().await.unwrap(),
        }
    }
}

/// Every kind of credential and restriction configured.
fn locked_up() -> Builder {
    TestApp::builder()
        .set("BRIDGE__INGEST__AUTH__BASIC", PAIR)
        .set("BRIDGE__INGEST__AUTH__SIGNATURE_SECRETS", SECRET)
        .set("BRIDGE__INGEST__ADMIN_LISTEN", "127.0.0.1:0")
        .set("BRIDGE__INGEST__TRUSTED_PROXIES", "127.0.0.1")
}

impl Answer {
    #[track_caller]
    fn assert_is(&self, (status, body): (u16, &str), what: &str) {
        assert_eq!(self.status, status, "{what}: {self:?}");
        match body.strip_suffix('…') {
            Some(beginning) => assert!(self.body.starts_with(beginning), "{what}: {self:?}"),
            None => assert_eq!(self.body, body, "{what}"),
        }
        for name in self.headers.keys() {
            assert!(
                [
                    "allow",
                    "connection",
                    "content-length",
                    "content-type",
                    "www-authenticate"
                ]
                .contains(&name.as_str()),
                "{what}: {name} reveals more than it should"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_credential_gets_exactly_its_answer() {
    let matrix = Matrix::spawn().await;
    let mut refusal: Option<Answer> = None;

    let with_slash = credentials().map(|row| (WEBHOOK_WITH_SLASH, row));
    for (path, (shown, request, expected)) in
        credentials().map(|row| (WEBHOOK, row)).chain(with_slash)
    {
        let answer = matrix.ask(Listener::Main, "POST", path, &request).await;
        answer.assert_is(expected, shown);
        if answer.status == 401 {
            let first = refusal.get_or_insert_with(|| Answer {
                headers: answer.headers.clone(),
                body: answer.body.clone(),
                ..answer
            });
            assert_eq!(*first, answer, "{shown} differs from the others");
        }
    }
    let challenges = &refusal.unwrap().headers["www-authenticate"];
    assert_eq!(challenges.len(), 2, "{challenges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_changes_what_a_page_answers() {
    let matrix = Matrix::spawn().await;

    for (listener, method, path, expected) in pages() {
        for (shown, request, _) in credentials() {
            let answer = matrix.ask(listener, method, path, &request).await;
            answer.assert_is(
                expected,
                &format!("{listener:?} {method} {path} with {shown}"),
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_eventbridge_are_refused_where_one_is_named() {
    let envelope = String::from_utf8(bridge_tests::bridge::sample(
        "eventbridge-customer-end-voice-inbound",
    ))
    .unwrap();
    let organization = "aws.partner/genesys.com/cloud/9b1f0c7e-5d2a-4b7f-8c36-2f6e1d0a7b11";
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__INGEST__EVENTBRIDGE__ACCOUNTS", "123456789012")
        .set("BRIDGE__INGEST__EVENTBRIDGE__SOURCES", organization)
        .spawn()
        .await;
    let other_account = envelope.replace("123456789012", "999999999999");
    let other_source = envelope.replace("9b1f0c7e", "00000000");
    let without = envelope.replace("\"account\"", "\"acount\"");
    let unrecorded = other_account.replace("customer.end", "acd.start");

    app.post(envelope).await.assert_accepted();
    for (body, what) in [
        (&other_account, "account"),
        (&other_source, "source"),
        (&without, "account"),
        (&unrecorded, "account"),
    ] {
        let answer = app.post(body.clone()).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        let error = format!("the event is from another EventBridge {what}");
        assert_eq!(answer.body["error"], error.as_str());
    }
    let stranger = app.post_as("wrong", other_account).await;
    assert_eq!(
        stranger.status, 401,
        "the answer does not reveal what is configured"
    );
    app.post(untimed().body).await.assert_accepted();
}

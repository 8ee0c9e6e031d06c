//! `ingest check`: checks everything that a start needs, and prints a line for each finding.

mod addresses;
mod certificate;

use std::io::{self, Write};

use shared::broker::{self, ConnectError, TopologyError};
use shared::check::{self, Finding, Found, Problem};
use shared::config::{self, Auth, EventBridge, Settings};
use shared::error::chain;

use crate::auth::{self, Authenticator};
use crate::commands::setup::Address;
use crate::spool::{self, Depth, OpenError};

/// What cannot be checked from here: Genesys decides which events are sent.
const NEEDED: &str = "of Genesys' events customer.end is needed for each conversation; user.end, acw and wrapup add to it. \
    Legs without it are recorded late and create no person. The guide's event needs none";

/// Checks `settings`, the certificate at the address `public`, and the broker; writes the findings, and returns whether
/// `ingest` can work.
///
/// # Errors
///
/// When the findings cannot be written.
pub async fn run(
    settings: &Settings,
    public: Option<&Address>,
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut findings = addresses::check(&settings.ingest);
    findings.extend(certificate::check(&settings.ingest, public));
    findings.push(Finding::new("authentication", authentication(settings)));
    findings.extend(eventbridge(&settings.ingest.eventbridge));
    findings.push(Finding::new("events", Ok::<_, Problem>(NEEDED.to_owned())));
    findings.push(Finding::new("spool", spool(settings)));
    findings.extend(rabbitmq(settings).await);
    check::report(&findings, out)
}

fn authentication(settings: &Settings) -> Result<Found, Problem> {
    match Authenticator::new(&settings.ingest) {
        Ok(_) if settings.ingest.auth.is_empty() => Ok(Found::Warning(
            "none: every program on this machine can post".to_owned(),
        )),
        Ok(_) => Ok(secrets(&settings.ingest.auth)),
        Err(error) => Err(Problem::new(
            error.to_string(),
            "give Genesys a secret (openssl rand -hex 32) and set it here, for example by \
             BRIDGE__INGEST__AUTH__TOKENS_FILE",
        )),
    }
}

fn secrets(auth: &Auth) -> Found {
    let counts = format!(
        "tokens: {}, basic: {}, signature secrets: {}",
        auth.tokens.len(),
        auth.basic.len(),
        auth.signature_secrets.len()
    );
    match auth::weakness(auth) {
        Some(weakness) => Found::Warning(format!("{counts}; some are {weakness}")),
        None => Found::Sound(counts),
    }
}

/// The accepted accounts and sources, if they are limited.
fn eventbridge(settings: &EventBridge) -> Option<Finding> {
    let count = |list: &[String]| match list.len() {
        0 => "any".to_owned(),
        count => count.to_string(),
    };
    if settings.accounts.is_empty() && settings.sources.is_empty() {
        return None;
    }
    let (accounts, sources) = (count(&settings.accounts), count(&settings.sources));
    let found = format!("accounts: {accounts}, sources: {sources}; other events are answered 403");
    Some(Finding::new("eventbridge", Ok::<_, Problem>(found)))
}

fn spool(settings: &Settings) -> Result<Found, Problem> {
    let Some(path) = &settings.ingest.spool.path else {
        let risk =
            "none (ingest.spool.path is empty): while RabbitMQ is away, webhooks are answered 503";
        return Ok(Found::Warning(risk.to_owned()));
    };
    let limit = settings.ingest.spool.max_bytes;
    let file = path.display();
    match spool::inspect(path) {
        Ok(None) => Ok(Found::Sound(format!(
            "{file} will be created, for {limit} bytes"
        ))),
        Ok(Some(Depth {
            messages, bytes, ..
        })) => Ok(Found::Sound(format!(
            "{file} holds {messages} messages, {bytes} of {limit} bytes"
        ))),
        Err(OpenError::InUse(_)) => Ok(Found::Sound(format!(
            "{file} is in use, as it should be while ingest runs"
        ))),
        Err(error) => Err(Problem::new(error.to_string(), spool_remedy(&error))),
    }
}

fn spool_remedy(error: &OpenError) -> &'static str {
    match error {
        OpenError::Newer { .. } => {
            "start the newer version once more, until it has drained the spool"
        }
        OpenError::Damaged { .. } => "move the file and its -wal aside; nothing in it is deleted",
        OpenError::Unusable { .. } | OpenError::InUse(_) => {
            "set ingest.spool.path (BRIDGE__INGEST__SPOOL__PATH) to a file that this user may write"
        }
    }
}

async fn rabbitmq(settings: &Settings) -> Vec<Finding> {
    let address = config::redacted(&settings.broker.url.current());
    let connection = match broker::connect(&settings.broker, "ingest check").await {
        Ok(connection) => connection,
        Err(error) => {
            let what = format!("{address}: {}", chain(&error));
            let problem = Problem::new(what, connect_remedy(&error));
            return vec![Finding::new("rabbitmq", Err::<Found, _>(problem))];
        }
    };
    let connected = Ok::<_, Problem>(format!("{address} answers"));
    let declared = broker::declare(
        &connection,
        &settings.queued_delays(),
        settings.broker.new_queue_pause,
    )
    .await;
    let topology = match declared {
        Ok(()) => Ok(format!(
            "exchanges, work queue, dead letter queue and {} retry queues are as they should be",
            settings.queued_delays().len()
        )),
        Err(error) => Err(Problem::new(chain(&error), topology_remedy(&error))),
    };
    vec![
        Finding::new("rabbitmq", connected),
        Finding::new("topology", topology),
    ]
}

fn topology_remedy(error: &TopologyError) -> &'static str {
    match error {
        TopologyError::Inequivalent { .. } => "then run this again: it declares what is missing",
        TopologyError::Failed { .. } | TopologyError::Forbidden { .. } => {
            "give the user configure, write and read permission on interactions.*"
        }
    }
}

fn connect_remedy(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Address(_) => {
            "write broker.url (BRIDGE__BROKER__URL) as amqp://user:password@host:5672/vhost"
        }
        ConnectError::TimedOut(_) => "check host and port in broker.url, and the firewall between",
        ConnectError::Refused(_) => {
            "check that RabbitMQ runs, and host, port, user, password and virtual host in broker.url"
        }
    }
}

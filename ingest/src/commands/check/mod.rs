//! `ingest check`: looks at everything that starting needs, and says what it found, one line an item.

mod addresses;
mod certificate;

use std::io::{self, Write};

use shared::broker::{self, ConnectError, TopologyError};
use shared::config::{self, Auth, EventBridge, Settings};
use shared::error::chain;

use crate::auth::{self, Authenticator};
use crate::commands::setup::Address;
use crate::spool::{self, OpenError};

/// What was found about one item.
struct Finding {
    item: &'static str,
    result: Result<String, Problem>,
}

struct Problem {
    what: String,
    remedy: &'static str,
}

/// Checks `settings`, the certificate that `public` is to present, and the broker; writes the findings, and tells whether
/// `ingest` can do its work.
///
/// # Errors
///
/// When the findings cannot be written.
pub async fn run(
    settings: &Settings,
    public: Option<&Address>,
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut findings = addresses::look(&settings.ingest);
    findings.extend(certificate::look(&settings.ingest, public));
    findings.push(authentication(settings));
    findings.extend(eventbridge(&settings.ingest.eventbridge));
    findings.push(spool(settings));
    findings.extend(rabbitmq(settings).await);
    for Finding { item, result } in &findings {
        match result {
            Ok(found) => writeln!(out, "ok    {item:<15} {found}")?,
            Err(Problem { what, remedy }) => {
                writeln!(out, "FAIL  {item:<15} {what}\n{:22}remedy: {remedy}", "")?;
            }
        }
    }
    Ok(findings.iter().all(|finding| finding.result.is_ok()))
}

fn authentication(settings: &Settings) -> Finding {
    let result = match Authenticator::new(&settings.ingest) {
        Ok(_) if settings.ingest.auth.is_empty() => {
            Ok("none: anybody on this machine can post".to_owned())
        }
        Ok(_) => Ok(counts(&settings.ingest.auth)),
        Err(error) => Err(Problem {
            what: error.to_string(),
            remedy: "give Genesys a secret (openssl rand -hex 32) and set it here, for example by BRIDGE__INGEST__AUTH__TOKENS_FILE",
        }),
    };
    Finding {
        item: "authentication",
        result,
    }
}

fn counts(auth: &Auth) -> String {
    let counts = format!(
        "tokens: {}, basic: {}, signature secrets: {}",
        auth.tokens.len(),
        auth.basic.len(),
        auth.signature_secrets.len()
    );
    match auth::weakness(auth) {
        Some(weakness) => format!("{counts}; but {weakness}"),
        None => counts,
    }
}

/// Whose events are taken, if that is limited.
fn eventbridge(settings: &EventBridge) -> Option<Finding> {
    let count = |list: &[String]| match list.len() {
        0 => "any".to_owned(),
        count => count.to_string(),
    };
    if settings.accounts.is_empty() && settings.sources.is_empty() {
        return None;
    }
    let (accounts, sources) = (count(&settings.accounts), count(&settings.sources));
    Some(Finding {
        item: "eventbridge",
        result: Ok(format!(
            "accounts: {accounts}, sources: {sources}; events of others are answered 403"
        )),
    })
}

fn spool(settings: &Settings) -> Finding {
    let Some(path) = &settings.ingest.spool.path else {
        let found =
            "none (ingest.spool.path is empty): while RabbitMQ is away, webhooks are answered 503";
        return Finding {
            item: "spool",
            result: Ok(found.to_owned()),
        };
    };
    let limit = settings.ingest.spool.max_bytes;
    let result = match spool::inspect(path) {
        Ok(None) => Ok(format!(
            "{} will be made, for {limit} bytes",
            path.display()
        )),
        Ok(Some(depth)) => Ok(format!(
            "{} holds {} messages, {} of {limit} bytes",
            path.display(),
            depth.messages,
            depth.bytes
        )),
        Err(OpenError::InUse(path)) => Ok(format!(
            "{} is in use; right if ingest runs already",
            path.display()
        )),
        Err(error) => Err(Problem {
            what: error.to_string(),
            remedy: match error {
                OpenError::Newer { .. } => {
                    "start the newer version once more, until it has drained the spool"
                }
                OpenError::Damaged { .. } => {
                    "move the file and its -wal aside; nothing in it is deleted"
                }
                OpenError::Unusable { .. } | OpenError::InUse(_) => {
                    "set ingest.spool.path (BRIDGE__INGEST__SPOOL__PATH) to a file that this user may write"
                }
            },
        }),
    };
    Finding {
        item: "spool",
        result,
    }
}

async fn rabbitmq(settings: &Settings) -> Vec<Finding> {
    let address = config::redacted(&settings.broker.url.current());
    let connection = match broker::connect(&settings.broker, "ingest check").await {
        Ok(connection) => connection,
        Err(error) => {
            let problem = Problem {
                what: format!("{address}: {}", chain(&error)),
                remedy: remedy(&error),
            };
            return vec![Finding {
                item: "rabbitmq",
                result: Err(problem),
            }];
        }
    };
    let connected = Finding {
        item: "rabbitmq",
        result: Ok(format!("{address} answers")),
    };
    let declared = broker::declare(&connection, &settings.retry.delays).await;
    let result = match declared {
        Ok(()) => Ok(format!(
            "exchanges, work, dead letter and {} retry queues are as they should be",
            settings.retry.delays.len()
        )),
        Err(error) => Err(Problem {
            what: chain(&error),
            remedy: match error {
                TopologyError::Inequivalent { .. } => {
                    "then run this again: it declares what is missing"
                }
                TopologyError::Failed { .. } => {
                    "give the user configure, write and read permission on interactions.*"
                }
            },
        }),
    };
    vec![
        connected,
        Finding {
            item: "topology",
            result,
        },
    ]
}

fn remedy(error: &ConnectError) -> &'static str {
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

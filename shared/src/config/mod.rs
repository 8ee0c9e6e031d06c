//! Settings: `config/default.toml`, then a file of the operator's, then `BRIDGE__SECTION__KEY`.
//!
//! Everything is read and checked at start; an error names the key. This is the only reader of the environment.

mod address;
mod check;
mod directory;
mod environment;
mod error;
mod genesys;
mod hours;
mod ingest;
mod load;
mod oauth;
mod proxies;
mod reconcile;
mod safety;
mod secret;
mod secret_keys;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::domain::event::Filter;
use crate::domain::phone::{OutsideLine, OwnNumbers, Reader, Region};

pub use address::{
    check_broker_address, check_redis_address, redacted, unreadable_broker_address,
    unreadable_redis_address,
};
pub use directory::{Directory, DirectoryMode};
pub use error::ConfigError;
pub use genesys::{Genesys, GenesysAccess};
pub use hours::Hours;
pub use load::{DEFAULTS, load, load_from};
pub use oauth::{Credential, OAuth, OAuthApp};
pub use proxies::Proxies;
pub use reconcile::Reconcile;
pub use safety::SOUND_SECRET_CHARS;
pub use secret::{Rotated, Secret, SecretFiles};
pub use values::{ClockTime, RetryDelay};

/// All settings. What each means, its unit and its default: `config/default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Settings {
    pub log: Log,
    pub ingest: Ingest,
    pub broker: Broker,
    pub retry: Retry,
    pub redis: Redis,
    pub pipedrive: Pipedrive,
    pub directory: Directory,
    pub worker: Worker,
    pub phone: Phone,
    pub genesys: Genesys,
    pub reconcile: Reconcile,
    /// Which secrets were given as files; no key.
    #[serde(skip)]
    pub secret_files: SecretFiles,
    /// Which secrets begin and end with a quote, by dotted key; no key.
    #[serde(skip)]
    pub quoted_secrets: Vec<String>,
    /// Lists of secrets that a comma inside of a secret may have cut, by dotted key; no key.
    #[serde(skip)]
    pub cut_secrets: Vec<String>,
    /// Proxies for requests to other machines; no key.
    #[serde(skip)]
    pub proxies: Proxies,
    pub alarm: Alarm,
}

impl Settings {
    /// Every delay that has a retry queue: those of `retry.delays`, and the settle delay if it is none of them.
    #[must_use]
    pub fn queued_delays(&self) -> Vec<RetryDelay> {
        let mut delays = self.retry.delays.clone();
        let settle_delay = self.genesys.settle_delay.clone();
        delays.extend(settle_delay.filter(|delay| !self.retry.delays.contains(delay)));
        delays
    }

    /// Warns of each secret in quotes: nothing takes them off, and the other side refuses the secret with them.
    pub fn warn_of_quoted_secrets(&self) {
        for key in &self.quoted_secrets {
            tracing::warn!(
                setting = key,
                "The secret of {key} begins and ends with a quote, which counts as part of it. Take the quotes off if they \
                 are none: docker's --env-file keeps them"
            );
        }
    }
}

/// Section `[log]`: format and level of the log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// One readable line an event, for terminals.
    Text,
    /// For machines: one object a line.
    Json,
}

/// Section `[ingest]`: the webhook and what is accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Ingest {
    pub listen: SocketAddr,
    #[serde(deserialize_with = "values::address")]
    pub admin_listen: Option<SocketAddr>,
    #[serde(deserialize_with = "values::networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub body_limit_bytes: usize,
    #[serde(deserialize_with = "values::duration")]
    pub body_timeout: Duration,
    pub salvage_oversized: bool,
    #[serde(deserialize_with = "values::duration")]
    pub publish_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub retry_after: Duration,
    #[serde(deserialize_with = "values::list")]
    pub channels: Vec<String>,
    #[serde(deserialize_with = "values::list")]
    pub statuses: Vec<String>,
    pub internal_calls: bool,
    #[serde(deserialize_with = "values::duration")]
    pub drain: Duration,
    pub plain_http: bool,
    pub tls: Tls,
    pub auth: Auth,
    pub eventbridge: EventBridge,
    pub spool: Spool,
}

impl Ingest {
    /// Which events are recorded.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            channels: self.channels.clone(),
            statuses: self.statuses.clone(),
        }
    }
}

/// Section `[ingest.tls]`: certificate, key and client certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Tls {
    #[serde(deserialize_with = "values::path")]
    pub certificate: Option<PathBuf>,
    #[serde(deserialize_with = "values::path")]
    pub key: Option<PathBuf>,
    #[serde(deserialize_with = "values::path")]
    pub client_ca: Option<PathBuf>,
    pub client_certificate_required: bool,
}

/// Section `[ingest.auth]`: credentials of senders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Auth {
    #[serde(deserialize_with = "values::secret_list")]
    pub tokens: Vec<SecretString>,
    #[serde(deserialize_with = "values::secret_list")]
    pub basic: Vec<SecretString>,
    #[serde(deserialize_with = "values::secret_list")]
    pub signature_secrets: Vec<SecretString>,
    #[serde(deserialize_with = "values::duration")]
    pub signature_max_age: Duration,
    pub allow_unauthenticated: bool,
    /// Least length of secrets between commas; not a setting. A shorter one may be a piece of one that holds a comma.
    #[serde(skip)]
    pub shortest_in_list: usize,
}

/// Section `[ingest.eventbridge]`: whose envelopes are accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct EventBridge {
    #[serde(deserialize_with = "values::list")]
    pub accounts: Vec<String>,
    #[serde(deserialize_with = "values::list")]
    pub sources: Vec<String>,
}

/// Section `[ingest.spool]`: where webhooks wait without RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Spool {
    #[serde(deserialize_with = "values::path")]
    pub path: Option<PathBuf>,
    pub max_bytes: u64,
}

/// Section `[broker]`: the connection to RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Broker {
    pub url: Secret,
    #[serde(deserialize_with = "values::duration")]
    pub heartbeat: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub connect_timeout: Duration,
    /// How long new queues are left alone, where that is not as long as the broker needs. Not a setting: no file and no
    /// variable can change it. Tests do so in code, where nothing ever kills their broker.
    #[serde(skip)]
    pub new_queue_pause: Option<Duration>,
}

/// Section `[retry]`: delays and their end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Retry {
    #[serde(deserialize_with = "values::delays")]
    pub delays: Vec<RetryDelay>,
    #[serde(deserialize_with = "values::duration")]
    pub max_age: Duration,
}

/// Section `[redis]`: the connection to Redis and how long entries live.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Redis {
    pub url: Secret,
    #[serde(deserialize_with = "values::path")]
    pub ca_file: Option<PathBuf>,
    pub prefix: String,
    #[serde(deserialize_with = "values::duration")]
    pub timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub open_ttl: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub done_ttl: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub person_ttl: Duration,
    /// Hashes numbers and addresses. Not replaced while running: every name would change.
    pub hash_key: Option<SecretString>,
}

/// Section `[pipedrive]`: the company's account, its limits, and what is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Pipedrive {
    #[serde(deserialize_with = "values::url")]
    pub base_url: Url,
    pub plain_http: bool,
    pub api_token: Option<Secret>,
    pub oauth: OAuth,
    pub requests_per_2s: u32,
    pub searches_per_2s: u32,
    pub daily_tokens: Option<u64>,
    pub daily_reset: ClockTime,
    pub daily_writes: u64,
    #[serde(deserialize_with = "values::duration")]
    pub budget_probe_interval: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub request_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub connect_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub probe_interval: Duration,
    pub call_type: String,
    pub chat_type: String,
    pub fallback_owner_id: Option<u64>,
    #[serde(deserialize_with = "values::time_zone")]
    pub time_zone: TimeZone,
    pub link_open_deal: bool,
    pub search_international: bool,
    #[serde(deserialize_with = "values::duration")]
    pub settle_time: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub search_lag: Duration,
}

/// Section `[worker]`: listener, concurrency and leases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Worker {
    pub listen: SocketAddr,
    pub concurrency: u16,
    #[serde(deserialize_with = "values::duration")]
    pub lease: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub grace_period: Duration,
}

/// Section `[phone]`: how numbers are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Phone {
    #[serde(deserialize_with = "values::region")]
    pub default_region: Option<Region>,
    #[serde(deserialize_with = "values::outside_line")]
    pub outside_line: Option<OutsideLine>,
    #[serde(deserialize_with = "values::own_numbers")]
    pub own_numbers: OwnNumbers,
}

impl Phone {
    /// How numbers of events are read.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            region: self.default_region,
            outside_line: self.outside_line.clone(),
            own: self.own_numbers.clone(),
        }
    }
}

/// Section `[alarm]`: receiver and thresholds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Alarm {
    pub webhook_url: Option<SecretString>,
    pub failed_percent: f64,
    pub failed_minimum: u64,
    #[serde(deserialize_with = "values::duration")]
    pub failed_window: Duration,
    pub missing_percent: f64,
    #[serde(deserialize_with = "values::duration")]
    pub queue_max_age: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub no_webhook: Duration,
    #[serde(deserialize_with = "hours::maybe_hours")]
    pub no_webhook_hours: Option<Hours>,
    #[serde(deserialize_with = "values::duration")]
    pub reminder: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub recovery: Duration,
}

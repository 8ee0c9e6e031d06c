//! Refuses settings that no type can exclude: ranges, and values that contradict each other.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error::ConfigError;
use super::{Alarm, Pipedrive, Settings, ingest, values};

/// A shorter key could be guessed.
const SHORTEST_HASH_KEY: usize = 32;
/// With a longer one records would be hours late, and most likely minutes were meant.
const LONGEST_SETTLE_DELAY: Duration = Duration::from_secs(3600);

/// Refuses what no type can express.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    let at_least_one = |key, value: u64| match value {
        0 => Err(ConfigError::value(key, "must be at least 1")),
        _ => Ok(()),
    };
    at_least_one(
        "pipedrive.requests_per_2s",
        settings.pipedrive.requests_per_2s.into(),
    )?;
    at_least_one(
        "pipedrive.searches_per_2s",
        settings.pipedrive.searches_per_2s.into(),
    )?;
    at_least_one(
        "pipedrive.daily_tokens",
        settings.pipedrive.daily_tokens.unwrap_or(1),
    )?;
    at_least_one("worker.concurrency", settings.worker.concurrency.into())?;
    at_least_one("retry.delays", settings.retry.delays.len() as u64)?;
    if settings.worker.lease < settings.pipedrive.request_timeout * 3 + Duration::from_secs(20) {
        let problem = "must be at least 3 times pipedrive.request_timeout and 20s: a request must end within the lease";
        return Err(ConfigError::value("worker.lease", problem));
    }
    check_directory(settings)?;
    check_genesys(settings)?;
    check_alarm(&settings.alarm)?;
    ingest::check(&settings.ingest)?;
    if settings.ingest.auth.signature_max_age >= settings.redis.done_ttl {
        let problem = "must be below redis.done_ttl: an event that is sent again must be too old, or known for a duplicate";
        return Err(ConfigError::value("ingest.auth.signature_max_age", problem));
    }
    settings.genesys.check()?;
    settings.reconcile.check(settings.redis.done_ttl)?;
    check_base_url(&settings.pipedrive)
}

fn check_base_url(pipedrive: &Pipedrive) -> Result<(), ConfigError> {
    let base = &pipedrive.base_url;
    let is_bare = base.username().is_empty() && base.password().is_none() && base.query().is_none();
    let is_web = matches!(base.scheme(), "http" | "https") && base.host().is_some();
    if !is_web || !is_bare || base.path() != "/" {
        let problem = "must be an origin such as https://company.pipedrive.com; paths are appended";
        return Err(ConfigError::value("pipedrive.base_url", problem));
    }
    if base.scheme() == "http" && !pipedrive.plain_http && !values::is_loopback(base) {
        let problem = "begins with http://, and the token would cross the network readable: write https://, or set \
                       pipedrive.plain_http (BRIDGE__PIPEDRIVE__PLAIN_HTTP=true) if the network is your own, as that of a \
                       sandbox; loopback addresses need neither";
        return Err(ConfigError::value("pipedrive.base_url", problem));
    }
    Ok(())
}

fn check_directory(settings: &Settings) -> Result<(), ConfigError> {
    let directory = &settings.directory;
    if directory.longest_interval < Duration::from_secs(60) {
        let problem = "must be at least 1m";
        return Err(ConfigError::value("directory.longest_interval", problem));
    }
    let key = settings.redis.hash_key.as_ref();
    if key.is_some_and(|key| key.expose_secret().len() < SHORTEST_HASH_KEY) {
        let problem = "must have at least 32 characters: openssl rand -hex 32";
        return Err(ConfigError::value("redis.hash_key", problem));
    }
    Ok(())
}

fn check_genesys(settings: &Settings) -> Result<(), ConfigError> {
    let genesys = &settings.genesys;
    let settle_delay = genesys.settle_delay.as_ref();
    let settle_delay = settle_delay.map_or(Duration::ZERO, |delay| delay.duration);
    if settle_delay > LONGEST_SETTLE_DELAY {
        let problem = "must be at most 1h: no record is written before it has passed";
        return Err(ConfigError::value("genesys.settle_delay", problem));
    }
    if genesys.legs_wait < settle_delay || genesys.legs_wait >= settings.redis.open_ttl {
        let problem = "must be at least genesys.settle_delay, and below redis.open_ttl";
        return Err(ConfigError::value("genesys.legs_wait", problem));
    }
    Ok(())
}

fn check_alarm(alarm: &Alarm) -> Result<(), ConfigError> {
    for (key, percent) in [
        ("alarm.failed_percent", alarm.failed_percent),
        ("alarm.missing_percent", alarm.missing_percent),
    ] {
        if !(0.0..100.0).contains(&percent) {
            return Err(ConfigError::value(key, "must be at least 0 and below 100"));
        }
    }
    if alarm.failed_window < Duration::from_secs(10) {
        let problem = "must be at least 10s";
        return Err(ConfigError::value("alarm.failed_window", problem));
    }
    let is_address = |url: &SecretString| {
        url.expose_secret()
            .parse::<Url>()
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    // The address itself is a secret, and is not shown.
    if !alarm.webhook_url.as_ref().is_none_or(is_address) {
        let problem = "must be an address that begins with https:// or http://";
        return Err(ConfigError::value("alarm.webhook_url", problem));
    }
    Ok(())
}

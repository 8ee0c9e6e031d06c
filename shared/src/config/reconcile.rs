//! `[reconcile]`: the comparisons with Genesys' record that workers make by themselves.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigError;
use super::values::{self, ClockTime};

/// `[reconcile]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Reconcile {
    #[serde(deserialize_with = "values::duration")]
    pub interval: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub window: Duration,
    pub nightly_at: ClockTime,
    pub repair: bool,
}

impl Reconcile {
    /// What no type can express.
    pub(super) fn check(&self, done_ttl: Duration) -> Result<(), ConfigError> {
        const DAY: Duration = Duration::from_secs(86_400);
        if self.window < self.interval || self.window.saturating_add(DAY) >= done_ttl {
            let problem = "must be at least reconcile.interval, and a day shorter than redis.done_ttl: what Redis forgot would \
                           look missing";
            return Err(ConfigError::value("reconcile.window", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load_from;

    #[test]
    fn a_window_covers_the_interval_and_what_redis_knows() {
        let with = |interval: &str, window: &str| {
            let variables = [("INTERVAL", interval), ("WINDOW", window)];
            let variables = variables
                .map(|(key, value)| (format!("BRIDGE__RECONCILE__{key}"), value.to_owned()));
            load_from(None, variables).map_err(|error| error.to_string())
        };

        assert!(with("15m", "2h").is_ok());
        assert!(with("0s", "2h").is_ok(), "switched off");
        for (interval, window) in [("3h", "2h"), ("15m", "44d")] {
            let error = with(interval, window).unwrap_err();
            assert!(error.contains("reconcile.window"), "{error}");
        }
    }
}

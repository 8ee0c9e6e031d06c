//! What no type of `[ingest]` can express: settings with which every event would be refused.

use std::time::Duration;

use super::Ingest;
use super::error::ConfigError;

/// So long Genesys Cloud and AWS may take together to deliver an event.
const LONGEST_DELIVERY: Duration = Duration::from_secs(5 * 24 * 3600);
/// What EventBridge calls every source that is a partner's.
const PARTNER: &str = "aws.partner/";
/// Digits of an AWS account.
const ACCOUNT_DIGITS: usize = 12;

/// Refuses what would refuse every event.
pub(super) fn check(ingest: &Ingest) -> Result<(), ConfigError> {
    if ingest.spool.max_bytes == 0 {
        return Err(ConfigError::value(
            "ingest.spool.max_bytes",
            "must be at least 1",
        ));
    }
    if ingest.body_limit_bytes == 0 {
        let problem = "must be at least 1: every body would be too large";
        return Err(ConfigError::value("ingest.body_limit_bytes", problem));
    }
    if ingest.body_timeout.is_zero() {
        let problem = "must be above 0s: every body would be too slow";
        return Err(ConfigError::value("ingest.body_timeout", problem));
    }
    if ingest.auth.signature_max_age < LONGEST_DELIVERY {
        let problem = "must be at least 5d: so long Genesys and AWS may take to deliver an event, which is signed once";
        return Err(ConfigError::value("ingest.auth.signature_max_age", problem));
    }
    let is_account = |account: &String| {
        account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(account) = ingest
        .eventbridge
        .accounts
        .iter()
        .find(|it| !is_account(it))
    {
        let problem = format!(
            "`{account}` is no AWS account: write its twelve digits, as a text (aws sts get-caller-identity shows them)"
        );
        return Err(ConfigError::value("ingest.eventbridge.accounts", problem));
    }
    let is_source = |source: &String| source.starts_with(PARTNER) && !source.contains('*');
    if let Some(source) = ingest.eventbridge.sources.iter().find(|it| !is_source(it)) {
        let problem = format!(
            "`{source}` is no partner's event source: write aws.partner/genesys.com/cloud/<organization id>, or more of \
             it, without *; the beginning of a source up to a slash stands for all that begin so"
        );
        return Err(ConfigError::value("ingest.eventbridge.sources", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load_from;

    #[test]
    fn what_would_refuse_every_event_is_refused_with_its_key() {
        let problem = |key: &str, value: &str| {
            let variable = format!("BRIDGE__{}", key.to_uppercase().replace('.', "__"));
            let settings = load_from(None, [(variable, value.to_owned())]);
            settings.err().map(|error| error.to_string())
        };
        let source = "aws.partner/genesys.com/cloud/org";
        let more = "aws.partner/genesys.com/cloud/org/a,aws.partner/genesys.com";
        for (key, good, bad) in [
            (
                "ingest.eventbridge.accounts",
                ["123456789012", "123456789012,210987654321"],
                ["12345678901", "1234-5678-9012", "12345678901x"],
            ),
            (
                "ingest.eventbridge.sources",
                [source, more],
                [
                    "aws.partner/genesys.com/*",
                    "genesys.com/cloud",
                    "aws.events",
                ],
            ),
            (
                "ingest.auth.signature_max_age",
                ["5d", "6d"],
                ["4d 23h", "1h", "0s"],
            ),
            ("ingest.body_timeout", ["1ms", "10s"], ["0s", "0ms", "0m"]),
            (
                "ingest.body_limit_bytes",
                ["1", "1048576"],
                ["0", "00", "-1"],
            ),
        ] {
            for value in good {
                assert_eq!(problem(key, value), None);
            }
            for value in bad {
                let problem = problem(key, value);
                let text = problem.unwrap_or_else(|| panic!("{key} = {value} is taken"));
                assert!(text.contains(&format!("`{key}`")), "{text}");
            }
        }
    }
}

//! What an answer's status, headers and error body mean.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use crate::call::Operation;
use crate::error::GenesysError;
use crate::model::tolerant;
use crate::redaction::{code, presentable};

/// Genesys counts in windows of a minute.
const WINDOW: Duration = Duration::from_secs(60);
/// Longest wait that is believed. Genesys' own SDK gives up above three minutes.
const WAIT_MAX: Duration = Duration::from_secs(900);

/// What an answer's headers say about the rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests counted in this window: `inin-ratelimit-count`.
    pub count: Option<u64>,
    /// Requests allowed in a window: `inin-ratelimit-allowed`.
    pub allowed: Option<u64>,
    /// Until the window ends: `inin-ratelimit-reset`, whole seconds.
    pub reset: Option<Duration>,
    /// Set after a 429: how long nothing should be sent.
    pub retry_after: Option<Duration>,
}

impl Limits {
    /// Reads the headers of an answer with `status`.
    pub(crate) fn read(status: u16, headers: &HeaderMap, error: &ErrorBody) -> Self {
        let reset = number(headers, "inin-ratelimit-reset").map(Duration::from_secs);
        let retry_after = || {
            let wait = number(headers, "retry-after")
                .map(Duration::from_secs)
                .or(reset)
                .or_else(|| error.seconds().map(Duration::from_secs))
                .unwrap_or(WINDOW);
            wait.clamp(Duration::from_secs(1), WAIT_MAX)
        };
        Self {
            count: number(headers, "inin-ratelimit-count"),
            allowed: number(headers, "inin-ratelimit-allowed"),
            reset,
            retry_after: (status == 429).then(retry_after),
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Genesys' form of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    #[serde(default, deserialize_with = "tolerant::maybe")]
    message: Option<String>,
    #[serde(default, deserialize_with = "tolerant::maybe")]
    code: Option<String>,
    #[serde(default)]
    message_params: Value,
}

impl ErrorBody {
    /// Reads a body; an empty error where it has another form, such as a gateway's page.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The seconds in "Retry the request in [36] seconds".
    fn seconds(&self) -> Option<u64> {
        let (_, rest) = self.message.as_deref()?.split_once(" in [")?;
        rest.split_once(']')?.0.parse().ok()
    }

    /// The permissions that it names, each once.
    ///
    /// Known forms: `missing.any.permissions` ("at least one of the following permissions assigned: [a:b:c, d:e:f]") and
    /// `missing.permissions` ("missing the following permission(s): a:b:c").
    fn permissions(&self) -> Vec<String> {
        let mut names = Vec::new();
        let parameters = self.message_params.to_string();
        for text in [self.message.as_deref().unwrap_or_default(), &parameters] {
            let separator = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '*');
            for word in text.split(separator).filter(|word| is_permission(word)) {
                if !names.iter().any(|name| name == word) {
                    names.push(word.to_owned());
                }
            }
        }
        names
    }
}

/// Whether a word has the form of a permission: `domain:entity:action`.
fn is_permission(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.is_empty())
        && parts[0].starts_with(|c: char| c.is_ascii_alphabetic())
}

/// What an answer without success means.
pub(crate) fn refused(
    operation: &'static Operation,
    status: u16,
    limits: Limits,
    error: &ErrorBody,
) -> GenesysError {
    let name = operation.name;
    match status {
        401 => GenesysError::Unauthorized { operation: name },
        403 => forbidden(operation, error),
        404 | 410 => GenesysError::NotFound { operation: name },
        // A gateway on the way had no time, or no wish to be early.
        408 | 425 | 500.. => GenesysError::Server {
            operation: name,
            status,
        },
        429 => GenesysError::RateLimited {
            operation: name,
            wait: limits.retry_after.unwrap_or(WINDOW),
        },
        // Redirects are not followed: a redirected POST would become a GET, and the token would go along.
        ..=399 => GenesysError::Unreadable {
            operation: name,
            status,
            reason: "an API does not redirect",
        },
        _ => GenesysError::Rejected {
            operation: name,
            status,
            message: presentable(error.message.as_deref().unwrap_or_default()),
        },
    }
}

fn forbidden(operation: &'static Operation, error: &ErrorBody) -> GenesysError {
    let named = error.permissions();
    let is_named = !named.is_empty();
    let documented = || {
        operation
            .permissions
            .names()
            .iter()
            .map(ToString::to_string)
    };
    GenesysError::Forbidden {
        operation: operation.name,
        code: error
            .code
            .as_deref()
            .and_then(code)
            .unwrap_or_else(|| "forbidden".to_owned()),
        permissions: if is_named {
            named
        } else {
            documented().collect()
        },
        is_named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{SUMMARIES, USER};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn retry_after(pairs: &[(&'static str, &str)], body: &str) -> u64 {
        let limits = Limits::read(429, &headers(pairs), &ErrorBody::read(body.as_bytes()));
        limits.retry_after.unwrap().as_secs()
    }

    #[test]
    fn the_wait_after_a_429_is_the_first_that_is_given() {
        let all = [("retry-after", "7"), ("inin-ratelimit-reset", "20")];
        let body =
            r#"{"message":"Rate limit exceeded the maximum. Retry the request in [36] seconds"}"#;

        assert_eq!(retry_after(&all, body), 7);
        assert_eq!(retry_after(&all[1..], body), 20);
        assert_eq!(retry_after(&[], body), 36);
        assert_eq!(retry_after(&[], "<html>"), 60);
        assert_eq!(retry_after(&[("retry-after", "0")], ""), 1);
        assert_eq!(
            retry_after(&[("retry-after", "18446744073709551615")], ""),
            900
        );
    }

    #[test]
    fn a_success_asks_for_no_wait() {
        let given = headers(&[
            ("inin-ratelimit-count", "41"),
            ("inin-ratelimit-allowed", "180"),
            ("inin-ratelimit-reset", "20"),
        ]);

        let limits = Limits::read(200, &given, &ErrorBody::default());

        assert_eq!(limits.count.zip(limits.allowed), Some((41, 180)));
        assert_eq!(limits.retry_after, None);
    }

    #[test]
    fn a_missing_permission_is_taken_from_the_answer() {
        for body in [
            r#"{"code":"missing.any.permissions","message":"Unable to perform the requested action. You must have at least one of the following permissions assigned: [conversation:summary:view]"}"#,
            r#"{"code":"missing.permissions","message":"You are missing the following permission(s): conversation:summary:view","messageParams":null}"#,
            r#"{"message":"No.","messageParams":{"permissions":"[conversation:summary:view]"}}"#,
        ] {
            let error = refused(
                &USER,
                403,
                Limits::default(),
                &ErrorBody::read(body.as_bytes()),
            );
            let GenesysError::Forbidden {
                permissions,
                is_named,
                ..
            } = &error
            else {
                panic!("{error:?}");
            };
            assert_eq!(permissions, &["conversation:summary:view"], "{body}");
            assert!(is_named);
        }
    }

    #[test]
    fn a_403_without_a_name_gives_the_documented_permission() {
        let body = ErrorBody::read(br#"{"code":"not.authorized","message":"at 12:30:45 no"}"#);

        let error = refused(&SUMMARIES, 403, Limits::default(), &body);

        assert_eq!(
            error.to_string(),
            "Genesys forbids to read summaries (not.authorized): it needs conversation:summary:view"
        );
        assert!(matches!(
            error,
            GenesysError::Forbidden {
                is_named: false,
                ..
            }
        ));
    }

    #[test]
    fn every_status_has_a_meaning() {
        let reason =
            |status| refused(&USER, status, Limits::default(), &ErrorBody::default()).reason();

        assert_eq!(reason(302), "genesys_unreadable");
        assert_eq!(reason(400), "genesys_rejected");
        assert_eq!(reason(401), "genesys_unauthorized");
        assert_eq!(reason(404), "genesys_not_found");
        assert_eq!(reason(408), "genesys_server_error");
        assert_eq!(reason(429), "genesys_rate_limited");
        assert_eq!(reason(504), "genesys_server_error");
    }
}

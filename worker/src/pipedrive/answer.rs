//! What an answer's status and headers mean.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use super::call::Call;
use super::error::PipedriveError;
use super::model::Refusal;
use super::reason::presentable;

/// `Retry-After` above which a 429 is taken for the daily limit; a burst is over in seconds.
const BURST_MAX: Duration = Duration::from_secs(10);
/// A day's end is no further away.
const DAY: Duration = Duration::from_secs(86_400);
/// Least wait after a burst: Pipedrive's window.
const WINDOW: Duration = Duration::from_secs(2);

/// What an answer's headers say of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in 2 seconds, and those left.
    pub requests: Option<(u32, u32)>,
    /// What is left of the daily tokens.
    pub daily_left: Option<u64>,
}

/// What an answer without success means.
pub(super) async fn refused(call: &Call<'_>, answer: Response) -> PipedriveError {
    let operation = call.operation;
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    match status {
        401 | 402 => return PipedriveError::Unauthorized { status },
        404 | 410 => return PipedriveError::NotFound { operation, status },
        // A gateway on the way had no time, or no wish to be early.
        408 | 425 | 500.. => return PipedriveError::Server { operation, status },
        // Redirects are not followed: nobody knows what was done.
        300..=399 => return PipedriveError::Unreadable { operation, status },
        _ => {}
    }
    let body = answer.bytes().await.unwrap_or_default();
    if status == 403 && is_page(&headers, &body) {
        return PipedriveError::Blocked;
    }
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    let message = presentable(&refusal.reason(), call.body.as_ref());
    match status {
        429 => too_many(operation, &headers, &message),
        403 => PipedriveError::Forbidden { operation, message },
        _ => PipedriveError::Rejected {
            operation,
            status,
            message,
        },
    }
}

/// Whether Cloudflare answered in Pipedrive's place: with a page for people, whatever it calls that.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], |kind| kind.as_bytes());
    let is_html = |kind: &[u8]| kind.eq_ignore_ascii_case(b"text/html");
    kind.get(..9).is_some_and(is_html) || body.trim_ascii_start().starts_with(b"<")
}

fn too_many(operation: &'static str, headers: &HeaderMap, message: &str) -> PipedriveError {
    let seconds = |name: &str| number(headers, name).map(Duration::from_secs);
    let retry_after = seconds("retry-after");
    let is_spent = limits(headers).daily_left == Some(0)
        || message.contains("daily")
        || retry_after.is_some_and(|wait| wait > BURST_MAX);
    if is_spent {
        // Without a hint, look again in a quarter of an hour: the reset's hour is not documented.
        let wait = retry_after.unwrap_or(Duration::from_secs(900)).min(DAY);
        return PipedriveError::BudgetSpent { operation, wait };
    }
    let wait = retry_after
        .or_else(|| seconds("x-ratelimit-reset"))
        .unwrap_or(WINDOW);
    PipedriveError::RateLimited {
        operation,
        wait: wait.clamp(WINDOW, BURST_MAX),
    }
}

pub(super) fn limits(headers: &HeaderMap) -> Limits {
    let small = |name| number(headers, name).and_then(|value| u32::try_from(value).ok());
    Limits {
        requests: small("x-ratelimit-limit").zip(small("x-ratelimit-remaining")),
        daily_left: number(headers, "x-daily-ratelimit-token-remaining"),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_page_is_known_by_its_type_or_by_its_first_byte() {
        let page = b" <!DOCTYPE html>";
        for (kind, body) in [
            ("text/html", &b""[..]),
            ("Text/HTML; charset=UTF-8", b""),
            ("application/octet-stream", page),
            ("", page),
        ] {
            assert!(is_page(&headers(&[("content-type", kind)]), body), "{kind}");
        }
        let json = headers(&[("content-type", "application/json")]);
        assert!(!is_page(&json, b"{}"));
    }

    #[test]
    fn a_burst_is_told_from_a_spent_day() {
        let burst = too_many("x", &headers(&[("x-ratelimit-reset", "1")]), "");
        assert!(
            matches!(burst, PipedriveError::RateLimited { wait, .. } if wait == WINDOW),
            "{burst:?}"
        );

        let spent = [
            too_many("x", &headers(&[("retry-after", "3939")]), ""),
            too_many("x", &headers(&[]), "daily request budget exceeded"),
            too_many(
                "x",
                &headers(&[("x-daily-ratelimit-token-remaining", "0")]),
                "",
            ),
        ];
        for error in spent {
            assert!(
                matches!(error, PipedriveError::BudgetSpent { .. }),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_spent_day_ends_within_a_day_whatever_is_told() {
        for told in ["86401", "18446744073709551615"] {
            let error = too_many("x", &headers(&[("retry-after", told)]), "");
            assert!(
                matches!(error, PipedriveError::BudgetSpent { wait, .. } if wait == DAY),
                "{error:?}"
            );
        }
    }
}

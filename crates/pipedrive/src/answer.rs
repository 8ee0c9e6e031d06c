//! What an answer's status and headers mean.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::PipedriveError;
use crate::limits::{Allowance, Limits};
use crate::model::{Envelope, Identified, Refusal};
use crate::redaction::presentable;

/// `Retry-After` above which a 429 is taken for the daily limit; a burst is over in seconds.
const BURST_MAX: Duration = Duration::from_secs(10);
/// A day's end is no further away; an answer that names a longer wait names none.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// Least wait after a burst: Pipedrive's window.
const WINDOW: Duration = Duration::from_secs(2);

/// The gateway's reason where a token lacks a scope.
/// Source: answers that other integrations report; the documents do not name it.
const SCOPE_MISMATCH: &str = "Scope and URL mismatch";

/// An answer that reports success.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub data: T,
    pub next_cursor: Option<String>,
    pub limits: Limits,
}

/// Reads an answer that reports success. It is not trusted: `success` must be true, `data` present and of the expected
/// shape, and a record must be the one that was asked for.
pub(crate) fn parse<T: DeserializeOwned>(
    body: &[u8],
    limits: Limits,
    expected_id: Option<u64>,
) -> Result<Answer<T>, &'static str> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(body).map_err(|_| "it is not an answer in JSON")?;
    if envelope.success != Some(true) {
        return Err("`success` is not true");
    }
    let data = envelope
        .data
        .map(RawValue::get)
        .ok_or("`data` is missing")?;
    if let Some(expected) = expected_id {
        let record: Identified = serde_json::from_str(data).map_err(|_| "the record has no id")?;
        if record.id != expected {
            return Err("the record has another id than was asked for");
        }
    }
    Ok(Answer {
        data: serde_json::from_str(data).map_err(|_| "`data` has another shape")?,
        next_cursor: envelope.additional_data.next_cursor,
        limits,
    })
}

/// What an answer without success means.
pub(crate) async fn refused(
    operation: &'static str,
    request: Option<&Bytes>,
    answer: Response,
) -> PipedriveError {
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    match status {
        401 | 402 => return PipedriveError::Unauthorized { status },
        404 | 410 => return PipedriveError::NotFound { operation, status },
        // A gateway on the way had no time, or no wish to be early.
        408 | 425 | 500.. => return PipedriveError::Server { operation, status },
        // Redirects are not followed: whether anything was done is unknown.
        300..=399 => {
            let problem = "it is a redirect";
            return PipedriveError::Unreadable {
                operation,
                status,
                problem,
            };
        }
        _ => {}
    }
    let body = answer.bytes().await.unwrap_or_default();
    let is_page = is_page(&headers, &body);
    if status == 403 && is_page {
        return PipedriveError::Blocked;
    }
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    let message = presentable(&refusal.reason(), request);
    match status {
        429 => too_many(operation, &headers, &message, is_page),
        403 if message.contains(SCOPE_MISMATCH) => PipedriveError::ScopeMissing { operation },
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

fn too_many(
    operation: &'static str,
    headers: &HeaderMap,
    message: &str,
    is_page: bool,
) -> PipedriveError {
    let seconds = |name: &str| number(headers, name).map(Duration::from_secs);
    let retry_after = seconds("retry-after");
    if let Some(of) = spent(limits(headers), retry_after, message, is_page) {
        return PipedriveError::BudgetSpent {
            operation,
            of,
            wait: retry_after.unwrap_or(DAY).min(DAY),
        };
    }
    let wait = retry_after
        .or_else(|| seconds("x-ratelimit-reset"))
        .unwrap_or(WINDOW);
    PipedriveError::RateLimited {
        operation,
        wait: wait.clamp(WINDOW, BURST_MAX),
    }
}

/// Which allowance of the day a 429 is about; `None`: it is a burst. The body of neither is documented.
fn spent(
    limits: Limits,
    retry_after: Option<Duration>,
    message: &str,
    is_page: bool,
) -> Option<Allowance> {
    if limits.daily_left == Some(0) {
        return Some(Allowance::Tokens);
    }
    if limits.writes_left == Some(0) {
        return Some(Allowance::Writes);
    }
    // A gateway's page with a long wait is no word on the day: it is a burst, and called so.
    let is_long = !is_page && retry_after.is_some_and(|wait| wait > BURST_MAX);
    (message.to_lowercase().contains("daily") || is_long).then_some(Allowance::Tokens)
}

pub(crate) fn limits(headers: &HeaderMap) -> Limits {
    let small = |name| number(headers, name).and_then(|value| u32::try_from(value).ok());
    Limits {
        requests: small("x-ratelimit-limit").zip(small("x-ratelimit-remaining")),
        daily_limit: number(headers, "x-daily-ratelimit-token-limit").filter(|limit| *limit > 0),
        daily_left: number(headers, "x-daily-ratelimit-token-remaining"),
        writes_left: number(headers, "x-daily-requests-left"),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    match text.strip_prefix('-') {
        // More than all was taken: nothing is left.
        Some(debt) => debt.parse::<u64>().ok().map(|_| 0),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ActivityRecord, Deal, Person};

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
    fn a_burst_is_distinguished_from_a_spent_day() {
        let burst = too_many("x", &headers(&[("x-ratelimit-reset", "1")]), "", false);
        assert!(
            matches!(burst, PipedriveError::RateLimited { wait, .. } if wait == WINDOW),
            "{burst:?}"
        );

        let spent = [
            too_many("x", &headers(&[("retry-after", "3939")]), "", false),
            too_many("x", &headers(&[]), "daily request budget exceeded", false),
            too_many(
                "x",
                &headers(&[("x-daily-ratelimit-token-remaining", "0")]),
                "",
                false,
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
    fn a_day_without_writes_is_told_from_one_without_tokens() {
        let allowance = |pairs: &[(&'static str, &str)]| match too_many(
            "x",
            &headers(pairs),
            "daily limit of POST and PUT requests exceeded",
            false,
        ) {
            PipedriveError::BudgetSpent { of, .. } => of,
            other => panic!("{other:?}"),
        };

        assert_eq!(
            allowance(&[("x-daily-requests-left", "0")]),
            Allowance::Writes
        );
        assert_eq!(
            allowance(&[
                ("x-daily-requests-left", "0"),
                ("x-daily-ratelimit-token-remaining", "-3"),
            ]),
            Allowance::Tokens
        );
    }

    #[test]
    fn a_page_with_a_long_wait_is_a_burst() {
        let error = too_many("x", &headers(&[("retry-after", "30")]), "", true);

        assert!(
            matches!(error, PipedriveError::RateLimited { wait, .. } if wait == BURST_MAX),
            "{error:?}"
        );
    }

    #[test]
    fn an_answer_is_not_trusted() {
        let read = |body: &str| parse::<Identified>(body.as_bytes(), Limits::default(), Some(7));

        assert!(read(r#"{"success":true,"data":{"id":7}}"#).is_ok());
        for bad in [
            "",
            "{}",
            r#"{"success":true}"#,
            r#"{"success":true,"data":null}"#,
            r#"{"success":false,"data":{"id":7}}"#,
            r#"{"data":{"id":7}}"#,
            r#"{"success":true,"data":[]}"#,
            r#"{"success":true,"data":{"id":8}}"#,
            r#"{"success":true,"data":{"id":"7"}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_record_without_an_id_is_none() {
        fn read<T: DeserializeOwned>(id: &str) -> bool {
            let body = format!(r#"{{"success":true,"data":{{{id}}}}}"#);
            parse::<T>(body.as_bytes(), Limits::default(), None).is_ok()
        }

        for id in ["", r#""id":null"#, r#""id":0"#, r#""id":"7""#] {
            assert!(!read::<Person>(id), "person: {id}");
            assert!(!read::<ActivityRecord>(id), "activity: {id}");
            assert!(!read::<Deal>(id), "deal: {id}");
        }
        let id = r#""id":7,"participants":[{"person_id":0}],"phones":null"#;
        assert!(read::<Person>(id) && read::<ActivityRecord>(id) && read::<Deal>(id));
    }

    #[test]
    fn a_spent_day_ends_within_a_day_whatever_the_answer_says() {
        for seconds in ["86401", "18446744073709551615"] {
            let error = too_many("x", &headers(&[("retry-after", seconds)]), "", false);
            assert!(
                matches!(error, PipedriveError::BudgetSpent { wait, .. } if wait == DAY),
                "{error:?}"
            );
        }
    }
}

//! The things that can go wrong with one request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::distortion::Distortion;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer takes longer, before the effect, after it, or both.
    Latency {
        /// Milliseconds before anything is changed.
        #[serde(default)]
        before_ms: u64,
        /// Milliseconds between the change and its answer.
        #[serde(default)]
        after_ms: u64,
    },
    /// The connection is cut and nothing has happened.
    CutBeforeEffect,
    /// Everything has happened and the connection is cut without a byte of the answer.
    CutAfterEffect,
    /// The connection is cut; what was asked happens some time later.
    ApplyLate {
        /// Milliseconds from the cut to the effect.
        delay_ms: u64,
    },
    /// Everything has happened and half of the answer arrives.
    TruncateAnswer,
    /// No answer comes: the connection stays open until the client gives up. Nothing has happened.
    Hang,
    /// Everything has happened, and the answer of a success is made to say something else.
    Distort {
        /// What is done to the answer.
        distortion: Distortion,
    },
    /// Another answer than the true one.
    Answer {
        /// Whether what was asked happens all the same.
        applied: bool,
        /// HTTP status that is answered instead.
        status: u16,
        /// The headers, as pairs of name and value.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// Body that is answered instead.
        #[serde(default)]
        body: String,
    },
}

impl Fault {
    /// A delay before anything is changed.
    #[must_use]
    pub fn latency_before(delay: Duration) -> Self {
        Self::Latency {
            before_ms: millis(delay),
            after_ms: 0,
        }
    }

    /// A delay between the change and its answer.
    #[must_use]
    pub fn latency_after(delay: Duration) -> Self {
        Self::Latency {
            before_ms: 0,
            after_ms: millis(delay),
        }
    }

    /// The effect comes this long after the connection was cut.
    #[must_use]
    pub fn apply_late(delay: Duration) -> Self {
        Self::ApplyLate {
            delay_ms: millis(delay),
        }
    }

    /// An error of the server which changed nothing.
    #[must_use]
    pub fn server_error_before_effect(status: u16) -> Self {
        Self::json(
            false,
            status,
            r#"{"success":false,"error":"Internal server error"}"#,
        )
    }

    /// An error of the server after all was done.
    #[must_use]
    pub fn server_error_after_effect(status: u16) -> Self {
        Self::json(
            true,
            status,
            r#"{"success":false,"error":"Internal server error"}"#,
        )
    }

    /// Too many requests in two seconds.
    #[must_use]
    pub fn burst_limit() -> Self {
        let body = r#"{"success":false,"error":"rate limit exceeded","errorCode":429}"#;
        Self::json(false, 429, body)
            .with_header("x-ratelimit-remaining", "0")
            .with_header("x-ratelimit-reset", "2")
    }

    /// Too many requests in two seconds, said by the proxy in front: a page, with a time to wait.
    #[must_use]
    pub fn burst_limit_page(retry_after: Duration) -> Self {
        let body = "<!DOCTYPE html><html><head><title>429 Too Many Requests</title></head>\
                    <body><h1>Too Many Requests</h1></body></html>";
        Self::page(429, body).with_header("retry-after", &retry_after.as_secs().to_string())
    }

    /// The token's user may not do this, although the scope is right.
    #[must_use]
    pub fn no_permission() -> Self {
        let body = concat!(
            r#"{"success":false,"error":"You do not have permission to do this.","#,
            r#""code":"ERR_FORBIDDEN"}"#
        );
        Self::json(false, 403, body)
    }

    /// An answer of a success that says something else.
    #[must_use]
    pub fn distort(distortion: Distortion) -> Self {
        Self::Distort { distortion }
    }

    /// The day's tokens are used up.
    #[must_use]
    pub fn daily_budget_exceeded(retry_after: Duration) -> Self {
        let body = r#"{"success":false,"error":"daily request budget exceeded","errorCode":429}"#;
        Self::json(false, 429, body).with_header("retry-after", &retry_after.as_secs().to_string())
    }

    /// The token is not taken.
    #[must_use]
    pub fn unauthorized() -> Self {
        let body = r#"{"success":false,"error":"unauthorized access","errorCode":401}"#;
        Self::json(false, 401, body).with_header("x-401-by-gw", "true")
    }

    /// The user lacks a permission.
    #[must_use]
    pub fn forbidden() -> Self {
        let body = concat!(
            r#"{"success":false,"error":"You don't have permission to change this resource.","#,
            r#""error_info":"Please check developers.pipedrive.com","data":null}"#
        );
        Self::json(false, 403, body)
    }

    /// The token lacks a scope.
    #[must_use]
    pub fn scope_missing() -> Self {
        let body = concat!(
            r#"{"success":false,"error":"Scope and URL mismatch","errorCode":403,"#,
            r#""error_info":"Please check developers.pipedrive.com"}"#
        );
        Self::json(false, 403, body)
    }

    /// The page that Cloudflare shows to whoever goes on in spite of 429.
    #[must_use]
    pub fn cloudflare_block() -> Self {
        let body = concat!(
            "<!DOCTYPE html><html><head><title>Access denied</title></head>",
            "<body><h1>Access denied</h1><p>This error is produced by Cloudflare.</p></body></html>"
        );
        Self::page(403, body)
    }

    /// The item or resource is not there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::json(
            false,
            404,
            r#"{"success":false,"error":"Not found.","code":"ERR_NOT_FOUND"}"#,
        )
    }

    /// The item was there once.
    #[must_use]
    pub fn gone() -> Self {
        Self::json(
            false,
            410,
            r#"{"success":false,"error":"The item is deleted.","errorCode":410}"#,
        )
    }

    /// All was done, and the answer is 200 with something that is not JSON.
    #[must_use]
    pub fn unreadable_answer() -> Self {
        Self::json(true, 200, r#"{"success":tr"#)
    }

    /// 200 with `success: false`, whether or not anything was done.
    #[must_use]
    pub fn unsuccessful_answer(applied: bool) -> Self {
        Self::json(
            applied,
            200,
            r#"{"success":false,"error":"Something went wrong","data":null}"#,
        )
    }

    fn page(status: u16, body: &str) -> Self {
        let content_type = (
            "content-type".to_owned(),
            "text/html; charset=UTF-8".to_owned(),
        );
        Self::Answer {
            applied: false,
            status,
            headers: vec![content_type],
            body: body.to_owned(),
        }
    }

    fn json(applied: bool, status: u16, body: &str) -> Self {
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        Self::Answer {
            applied,
            status,
            headers: vec![content_type],
            body: body.to_owned(),
        }
    }

    /// Adds a header to another answer; no other fault has any.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// A word for the log and for reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Latency { .. } => "latency".to_owned(),
            Self::CutBeforeEffect => "cut before effect".to_owned(),
            Self::CutAfterEffect => "cut after effect".to_owned(),
            Self::ApplyLate { .. } => "applied late".to_owned(),
            Self::TruncateAnswer => "answer truncated".to_owned(),
            Self::Hang => "no answer".to_owned(),
            Self::Distort { distortion } => distortion.name().to_owned(),
            Self::Answer {
                applied: true,
                status,
                ..
            } => format!("{status} after effect"),
            Self::Answer {
                applied: false,
                status,
                ..
            } => format!("{status} before effect"),
        }
    }
}

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

//! One call: what is asked for, what it costs, whether it may be repeated.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

/// A call that is ready to be sent.
pub(super) struct Call<'c> {
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub query: &'c [(&'c str, &'c str)],
    pub body: Option<Bytes>,
    pub cost: u64,
    pub is_search: bool,
}

impl Call<'_> {
    /// Reads only. A PATCH has absolute values, but one that takes effect late undoes what was written meanwhile: its
    /// sender has to know that one is on its way.
    pub fn is_repeatable(&self) -> bool {
        self.method == Method::GET
    }

    /// Method and path, with `{id}` in place of ids: a label has few values, and tells of nobody.
    pub fn endpoint(&self) -> String {
        let generic = |segment: &str| match segment.parse::<u64>() {
            Ok(_) => "{id}".to_owned(),
            Err(_) => segment.to_owned(),
        };
        let path: Vec<String> = self.path.split('/').map(generic).collect();
        format!("{} {}", self.method, path.join("/"))
    }
}

pub(super) fn get<'c>(
    operation: &'static str,
    path: &str,
    query: &'c [(&'c str, &'c str)],
    cost: u64,
) -> Call<'c> {
    Call {
        operation,
        method: Method::GET,
        path: path.to_owned(),
        query,
        body: None,
        cost,
        is_search: false,
    }
}

pub(super) fn post(
    operation: &'static str,
    path: &str,
    body: &impl Serialize,
    cost: u64,
) -> Call<'static> {
    let body = serde_json::to_vec(body).expect("our own records are JSON");
    Call {
        operation,
        method: Method::POST,
        path: path.to_owned(),
        query: &[],
        body: Some(body.into()),
        cost,
        is_search: false,
    }
}

/// A change to absolute values.
pub(super) fn patch(
    operation: &'static str,
    path: &str,
    body: &impl Serialize,
    cost: u64,
) -> Call<'static> {
    Call {
        method: Method::PATCH,
        ..post(operation, path, body, cost)
    }
}

/// `updated_since` with fractions of a second is refused.
pub(super) fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_names_no_record() {
        let mut call = post("x", "/api/v2/activities/4711", &(), 5);
        call.method = Method::PATCH;

        assert_eq!(call.endpoint(), "PATCH /api/v2/activities/{id}");
        assert_eq!(
            get("x", "/v1/users/me", &[], 2).endpoint(),
            "GET /v1/users/me"
        );
    }

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(
            whole_seconds("2026-03-10T14:12:48.987Z".parse().unwrap()),
            "2026-03-10T14:12:48Z"
        );
    }
}

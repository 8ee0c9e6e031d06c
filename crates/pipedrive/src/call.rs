//! One call: what is asked for, what it costs, whether it may be repeated.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

use crate::ports::Spend;

/// A call that is ready to be sent, and the type `T` of its answer's `data`.
pub struct Call<T> {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) cost: u64,
    pub(crate) is_search: bool,
    /// The id that the answer's record must have.
    pub(crate) expected_id: Option<u64>,
    /// Replaces the client's timeout.
    pub(crate) timeout: Option<Duration>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    fn new(operation: &'static str, method: Method, path: String, cost: u64) -> Self {
        Self {
            operation,
            method,
            path,
            query: Vec::new(),
            body: None,
            cost,
            is_search: false,
            expected_id: None,
            timeout: None,
            answer: PhantomData,
        }
    }

    /// Adds a query parameter.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Counts as a search.
    pub(crate) fn searching(mut self) -> Self {
        self.is_search = true;
        self
    }

    /// Expects a record with this id: another one in the answer is unreadable.
    pub(crate) fn of_record(mut self, id: u64) -> Self {
        self.expected_id = Some(id);
        self
    }

    /// Whether it only reads. A PATCH has absolute values, but one that takes effect late undoes what was written in the
    /// meantime: its sender has to know that one is under way.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.method == Method::GET
    }

    pub(crate) fn spend(&self) -> Spend {
        Spend {
            operation: self.operation,
            tokens: self.cost,
            is_search: self.is_search,
            is_write: self.method == Method::POST || self.method == Method::PUT,
        }
    }

    /// Method and path, with `{id}` in place of ids: a label has few values, and names no record.
    pub(crate) fn endpoint(&self) -> String {
        let generic = |segment: &str| match segment.parse::<u64>() {
            Ok(_) => "{id}".to_owned(),
            Err(_) => segment.to_owned(),
        };
        let path: Vec<String> = self.path.split('/').map(generic).collect();
        format!("{} {}", self.method, path.join("/"))
    }
}

impl<T> fmt::Debug for Call<T> {
    /// Without query and body, which hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.endpoint())
    }
}

pub(crate) fn get<T>(operation: &'static str, path: impl Into<String>, cost: u64) -> Call<T> {
    Call::new(operation, Method::GET, path.into(), cost)
}

pub(crate) fn post<T>(
    operation: &'static str,
    path: &str,
    body: &impl Serialize,
    cost: u64,
) -> Call<T> {
    let body = serde_json::to_vec(body).expect("our own records are JSON");
    Call {
        body: Some(body.into()),
        ..Call::new(operation, Method::POST, path.to_owned(), cost)
    }
}

/// A change to absolute values.
pub(crate) fn patch<T>(
    operation: &'static str,
    path: &str,
    body: &impl Serialize,
    cost: u64,
) -> Call<T> {
    Call {
        method: Method::PATCH,
        ..post(operation, path, body, cost)
    }
}

/// `updated_since` with fractions of a second is refused.
pub(crate) fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_names_no_record() {
        let change: Call<()> = patch("x", "/api/v2/activities/4711", &(), 5);
        let read: Call<()> = get("x", "/v1/users/me", 2);

        assert_eq!(change.endpoint(), "PATCH /api/v2/activities/{id}");
        assert_eq!(read.endpoint(), "GET /v1/users/me");
    }

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(
            whole_seconds("2026-03-10T14:12:48.987Z".parse().unwrap()),
            "2026-03-10T14:12:48Z"
        );
    }
}

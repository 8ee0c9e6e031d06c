//! One call: an operation of the API with its ids, parameters and body filled in.

use std::fmt;

use reqwest::Method;
use serde::Serialize;

use crate::error::GenesysError;

/// Genesys' ids are UUIDs, and some built-in ones are words (`ININ-WRAP-UP-TIMEOUT`). None is longer.
const ID_MAX: usize = 128;

/// An operation of the API, as Genesys documents it.
#[derive(Debug)]
pub struct Operation {
    /// What it does, to follow "to": `read a user`.
    pub name: &'static str,
    /// HTTP method that the request is sent with.
    pub verb: Verb,
    /// The path, with `{name}` in place of ids.
    pub path: &'static str,
    /// What the role of the OAuth client must hold.
    pub permissions: Permissions,
    /// The query parameters that [`crate::Client`] uses.
    pub query: &'static [&'static str],
}

/// HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; may be repeated.
    Get,
    /// Sends a query too large for an address. Changes nothing, except that a job is started.
    Post,
}

/// Permissions that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Every OAuth client may call it.
    None,
    /// Needs one of these permissions.
    AnyOf(&'static [&'static str]),
    /// Needs all of these permissions.
    AllOf(&'static [&'static str]),
}

impl Permissions {
    /// Names of the permissions, such as `analytics:conversationDetail:view`.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::AnyOf(names) | Self::AllOf(names) => names,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Post => Self::POST,
        }
    }
}

/// A call that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub operation: &'static Operation,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

impl Call {
    /// Fills `ids` into the operation's path, in their order.
    ///
    /// # Errors
    ///
    /// When an id has characters that no id of Genesys has: ids come from webhooks, and one like `../..` would lead to
    /// another operation.
    pub fn new(operation: &'static Operation, ids: &[&str]) -> Result<Self, GenesysError> {
        let mut ids = ids.iter();
        let mut path = String::with_capacity(operation.path.len() + 72);
        for segment in operation.path.split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                path.push_str(checked(operation, ids.next().copied().unwrap_or_default())?);
            } else {
                path.push_str(segment);
            }
        }
        Ok(Self {
            operation,
            path,
            query: Vec::new(),
            body: None,
        })
    }

    /// Adds a query parameter.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        debug_assert!(self.operation.query.contains(&name));
        self.query.push((name, value.to_owned()));
        self
    }

    /// The same call with `body` as JSON.
    pub fn with_body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("our own queries are JSON"));
        self
    }
}

/// `id`, if it can be one.
pub(crate) fn checked<'i>(
    operation: &'static Operation,
    id: &'i str,
) -> Result<&'i str, GenesysError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=ID_MAX).contains(&id.len()) && id.bytes().all(is_plain) {
        return Ok(id);
    }
    Err(GenesysError::NotAnId {
        operation: operation.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{TRANSCRIPT_URL, USER};

    #[test]
    fn ids_stand_where_the_documented_path_has_names() {
        let call = Call::new(&TRANSCRIPT_URL, &["a-1", "b_2"]).unwrap();

        assert_eq!(
            call.path,
            "/api/v2/speechandtextanalytics/conversations/a-1/communications/b_2/transcripturl"
        );
    }

    #[test]
    fn an_id_that_would_lead_elsewhere_is_never_sent() {
        let long = "a".repeat(129);
        for id in [
            "",
            ".",
            "..",
            "../queues",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "%2e",
            "é",
            &long,
        ] {
            let error = Call::new(&USER, &[id]).unwrap_err();
            assert!(matches!(error, GenesysError::NotAnId { .. }), "{id}");
        }
        assert!(Call::new(&USER, &["ININ-WRAP-UP-TIMEOUT"]).is_ok());
    }
}

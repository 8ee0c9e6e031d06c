//! A request whose form has been checked: what the handlers work on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::contract::Operation;
use super::error::ApiError;

/// One call of an operation by an authenticated user.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) operation: &'static Operation,
    pub(super) id: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Map<String, Value>,
    pub(super) user_id: i64,
}

impl Call {
    /// The number in the path.
    pub(super) fn item_id(&self) -> Result<i64, ApiError> {
        let text = self.item_key();
        text.parse()
            .map_err(|_| ApiError::validation("id", "must be an integer"))
    }

    /// The word in the path.
    pub(super) fn item_key(&self) -> &str {
        &self.id
    }

    /// A parameter of the query as it was sent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A numeric parameter. Its form has been checked before, as with the ones below.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A boolean parameter, or a flag of v1.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        Some(matches!(self.text(name)?, "true" | "1"))
    }

    /// Reads a query parameter as a time.
    pub(super) fn instant(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }

    /// A comma separated parameter.
    pub(super) fn words(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.text(name)?.split(',').map(str::trim).collect())
    }

    /// The body as the fields a handler knows.
    pub(super) fn fields<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_value(Value::Object(self.body.clone()))
            .map_err(|error| ApiError::bad_request(error.to_string()))
    }

    /// Whether the body holds `null` under `name`.
    pub(super) fn clears(&self, name: &str) -> bool {
        self.body.get(name).is_some_and(Value::is_null)
    }

    /// The whole number that the body holds under `name`, if it has one.
    pub(super) fn field_integer(&self, name: &str) -> Option<i64> {
        self.body.get(name)?.as_i64()
    }
}

//! What a handler answers, and what it changed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The kinds of things that a request can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A person in Pipedrive.
    Person,
    /// An activity in Pipedrive: a call, a chat or whatever type it has.
    Activity,
    /// A deal in Pipedrive.
    Deal,
    /// A note in Pipedrive that stands by itself.
    Note,
    /// A call log in Pipedrive.
    CallLog,
    /// The recording of a call log.
    Recording,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It exists since this request.
    Created,
    /// Its fields were set.
    Updated,
    /// The record was deleted.
    Deleted,
    /// It was merged into another one.
    Merged,
}

/// One change that a request made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The kind of the item.
    pub item: Item,
    /// Its id; those of call logs are words.
    pub id: String,
    /// What happened to it.
    pub change: Change,
}

/// An answer, and the changes that go with it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) effects: Vec<Effect>,
}

impl Reply {
    /// `200` with the given `data`.
    pub(super) fn data(data: Value) -> Self {
        Self::json(200, &success(data))
    }

    /// `200` with a page of a list and what is said about the next one.
    pub(super) fn page(data: Value, additional_data: Value) -> Self {
        let mut body = success(data);
        body.insert("additional_data".to_owned(), additional_data);
        Self::json(200, &body)
    }

    /// A reply with any value as JSON.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        Self {
            status,
            content_type: "application/json; charset=utf-8".to_owned(),
            headers: Vec::new(),
            body: serde_json::to_vec(body).expect("maps with words as keys can be written"),
            effects: Vec::new(),
        }
    }

    /// Notes a change that this answer stands for.
    pub(super) fn with_effect(
        mut self,
        change: Change,
        item: Item,
        id: &(impl ToString + ?Sized),
    ) -> Self {
        self.effects.push(Effect {
            item,
            id: id.to_string(),
            change,
        });
        self
    }

    /// The same reply with one more header.
    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// `data` is moved, not copied: a page can be half a megabyte.
fn success(data: Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("success".to_owned(), Value::Bool(true));
    body.insert("data".to_owned(), data);
    body
}

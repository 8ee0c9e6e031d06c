//! Answers of a success that are not to be trusted: whole, quick, and not what was asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is done to the JSON of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum Distortion {
    /// The whole answer is this: `{}`, a text, a list.
    Whole {
        /// JSON that is answered instead.
        body: Value,
    },
    /// `data` is this: `null`, an object in place of a list, a text.
    Data {
        /// The value of `data`.
        data: Value,
    },
    /// The answer has no data: `{"success":true}`.
    WithoutData,
    /// The list is missing: `data.items` of a search, and `data` of a list is `{}`.
    WithoutList,
    /// One value of one record, or of all of them, is this.
    Value {
        /// Which record of the page, counted from 0; all of them if `None`.
        #[serde(default)]
        record: Option<usize>,
        /// Where in the record, as a JSON pointer such as `/phones/0/value`.
        at: String,
        /// Value that replaces it.
        value: Value,
    },
    /// One value of one record, or of all of them, is missing.
    Missing {
        /// Which record of the page, counted from 0; all of them if `None`.
        #[serde(default)]
        record: Option<usize>,
        /// The name of the record's field.
        field: String,
    },
    /// Every record's `id` is a text.
    TextIds,
    /// The record has this `id`, whichever was asked for.
    OtherId {
        /// Id of the record that the answer shows.
        id: i64,
    },
}

impl Distortion {
    /// An answer without any member: `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::Whole { body: json!({}) }
    }

    /// An answer whose data is null: `{"success":true,"data":null}`.
    #[must_use]
    pub fn null_data() -> Self {
        Self::Data { data: Value::Null }
    }

    /// `null` at a place of one record of the page.
    #[must_use]
    pub fn null(record: usize, at: &str) -> Self {
        Self::Value {
            record: Some(record),
            at: at.to_owned(),
            value: Value::Null,
        }
    }

    /// A word for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "another body",
            Self::Data { .. } => "other data",
            Self::WithoutData => "no data",
            Self::WithoutList => "no list",
            Self::Value { .. } => "another value",
            Self::Missing { .. } => "a value missing",
            Self::TextIds => "ids as text",
            Self::OtherId { .. } => "another id",
        }
    }

    /// The answer as it is sent; unchanged if it is not JSON.
    pub(in super::super) fn apply(&self, body: &[u8]) -> Vec<u8> {
        let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
            return body.to_vec();
        };
        self.change(&mut answer);
        answer.to_string().into_bytes()
    }

    fn change(&self, answer: &mut Value) {
        match self {
            Self::Whole { body } => *answer = body.clone(),
            Self::Data { data } => answer["data"] = data.clone(),
            Self::WithoutData => *answer = json!({"success": true}),
            Self::WithoutList => answer["data"] = json!({}),
            Self::Value { record, at, value } => {
                for record in chosen(answer, *record) {
                    if let Some(place) = record.pointer_mut(at) {
                        *place = value.clone();
                    }
                }
            }
            Self::Missing { record, field } => {
                for record in chosen(answer, *record) {
                    if let Some(fields) = record.as_object_mut() {
                        fields.remove(field);
                    }
                }
            }
            Self::TextIds => {
                for record in chosen(answer, None) {
                    record["id"] = Value::from(record["id"].to_string());
                }
            }
            Self::OtherId { id } => {
                for record in chosen(answer, None) {
                    record["id"] = json!(id);
                }
            }
        }
    }
}

/// The records of an answer: of a search, of a list, or the one that it is about.
fn chosen(answer: &mut Value, wanted: Option<usize>) -> Vec<&mut Value> {
    let data = &mut answer["data"];
    let records: Vec<&mut Value> = if data.get("items").is_some_and(Value::is_array) {
        let items = data["items"].as_array_mut().into_iter().flatten();
        items.filter_map(|item| item.get_mut("item")).collect()
    } else if data.is_array() {
        data.as_array_mut().into_iter().flatten().collect()
    } else if data.is_object() {
        vec![data]
    } else {
        Vec::new()
    };
    let is_wanted = |position: usize| wanted.is_none_or(|wanted| wanted == position);
    let numbered = records.into_iter().enumerate();
    numbered
        .filter(|(position, _)| is_wanted(*position))
        .map(|(_, record)| record)
        .collect()
}

//! How records are written in answers.

pub(super) mod analytics;
pub(super) mod artefacts;
pub(super) mod conversation;
pub(super) mod directory;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A time as Genesys writes it: UTC, milliseconds.
pub(super) fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Takes members without a value out of an object, as Genesys leaves them out.
pub(super) fn compact(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            let kept: Map<String, Value> =
                kept.map(|(name, member)| (name, compact(member))).collect();
            Value::Object(kept)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(compact).collect()),
        other => other,
    }
}

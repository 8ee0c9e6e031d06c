//! Pipedrive's records, as far as they are read or written here. Names are Pipedrive's.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::ids::{ActivityId, DealId, PersonId, UserId};

/// What every answer is wrapped in. A 2xx counts as a success unless it says that it is none.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    pub success: Option<bool>,
    pub data: Option<T>,
    pub additional_data: Option<AdditionalData>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AdditionalData {
    pub next_cursor: Option<String>,
}

/// Why Pipedrive refused.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    error: Option<Value>,
    message: Option<Value>,
    error_info: Option<Value>,
}

impl Refusal {
    /// What it says, in whichever form.
    pub fn reason(self) -> String {
        let said = [self.error, self.message, self.error_info];
        match said.into_iter().flatten().find(|said| !said.is_null()) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}

/// Anything with an id.
#[derive(Debug, Deserialize)]
pub(super) struct Created<Id> {
    pub id: Id,
}

/// An activity, from `GET /api/v2/activities` and `/api/v2/activities/{id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct ActivityRecord {
    pub id: ActivityId,
    #[serde(default)]
    pub is_deleted: bool,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub person_id: Option<PersonId>,
}

/// A person, from `GET /api/v2/persons` and `/api/v2/persons/{id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Person {
    pub id: PersonId,
    #[serde(default)]
    pub is_deleted: bool,
    #[serde(default)]
    pub phones: Option<Vec<Phone>>,
}

/// A person as searches show it: its numbers are bare texts there.
#[derive(Debug, Deserialize)]
pub(super) struct FoundPerson {
    pub id: PersonId,
    #[serde(default)]
    pub phones: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SearchResult {
    pub items: Vec<SearchItem>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SearchItem {
    pub item: FoundPerson,
}

/// A telephone number of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    pub value: String,
    #[serde(default)]
    pub primary: bool,
    #[serde(default)]
    pub label: Option<String>,
}

/// Body of `POST /api/v2/persons`.
#[derive(Clone, Debug, Serialize)]
pub struct NewPerson {
    pub name: String,
    pub phones: Vec<Phone>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deal {
    pub id: DealId,
}

/// The user of the API token.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub id: UserId,
    #[serde(default)]
    pub company_domain: Option<String>,
}

/// A type of activities, from `GET /v1/activityTypes`.
#[derive(Clone, Debug, Deserialize)]
pub struct ActivityType {
    pub key_string: String,
    #[serde(default)]
    pub active_flag: bool,
}

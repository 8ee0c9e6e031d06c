//! Pipedrive's records, as far as they are read or written. Names are Pipedrive's.
//!
//! Only a record's `id` must be right, and above 0. Every other member may be absent, `null` or odd without making the
//! record unreadable.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ids::{ActivityId, DealId, OrganizationId, PersonId, UserId};
use crate::lenient::{items, linked, or_default, record_id};

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(default)]
    pub success: Option<bool>,
    #[serde(default, borrow)]
    pub data: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "or_default")]
    pub additional_data: AdditionalData,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct AdditionalData {
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// The reason of a refusal.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    error: Option<Value>,
    message: Option<Value>,
    error_info: Option<Value>,
}

impl Refusal {
    /// The reason, from whichever member holds it.
    pub fn reason(self) -> String {
        let members = [self.error, self.message, self.error_info];
        match members
            .into_iter()
            .flatten()
            .find(|member| !member.is_null())
        {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}

/// Any record, as far as it has an id.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub id: u64,
}

/// An activity, from `/api/v2/activities` and `/api/v2/activities/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ActivityRecord {
    /// Id of the activity in Pipedrive.
    #[serde(deserialize_with = "record_id")]
    pub id: ActivityId,
    /// Whether it was deleted; it is readable for 30 days more.
    #[serde(default, deserialize_with = "or_default")]
    pub is_deleted: bool,
    /// Headline of the activity, shown on timelines.
    #[serde(default, deserialize_with = "or_default")]
    pub subject: Option<String>,
    /// Date of the activity: `YYYY-MM-DD`, UTC.
    #[serde(default, deserialize_with = "or_default")]
    pub due_date: Option<String>,
    /// `HH:MM` or `HH:MM:SS`, UTC.
    #[serde(default, deserialize_with = "or_default")]
    pub due_time: Option<String>,
    /// A duration: `HH:MM` or `HH:MM:SS`.
    #[serde(default, deserialize_with = "or_default")]
    pub duration: Option<String>,
    /// Whether it is done.
    #[serde(default, deserialize_with = "or_default")]
    pub done: Option<bool>,
    /// The user that owns it.
    #[serde(default, deserialize_with = "linked")]
    pub owner_id: Option<UserId>,
    /// Its note, in HTML.
    #[serde(default, deserialize_with = "or_default")]
    pub note: Option<String>,
    /// Person on whose timeline the activity is.
    #[serde(default, deserialize_with = "linked")]
    pub person_id: Option<PersonId>,
    /// All who took part, the primary participant included.
    #[serde(default, deserialize_with = "items")]
    pub participants: Vec<Participant>,
    /// Organisation on whose timeline the activity is.
    #[serde(default, deserialize_with = "linked")]
    pub org_id: Option<OrganizationId>,
    /// Deal on whose timeline the activity is.
    #[serde(default, deserialize_with = "linked")]
    pub deal_id: Option<DealId>,
}

/// A person who takes part in an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Id of the person who took part.
    #[serde(deserialize_with = "record_id")]
    pub person_id: PersonId,
    /// Whether the activity stands on this person's timeline first. Written as `primary`; some answers say
    /// `primary_flag`.
    #[serde(default, alias = "primary_flag", deserialize_with = "or_default")]
    pub primary: bool,
}

/// A person, from `/api/v2/persons` and `/api/v2/persons/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// Id of the person in Pipedrive.
    #[serde(deserialize_with = "record_id")]
    pub id: PersonId,
    /// First and last name of the person in one text.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
    /// Whether it was deleted, or merged into another.
    #[serde(default, deserialize_with = "or_default")]
    pub is_deleted: bool,
    /// The organisation it belongs to.
    #[serde(default, deserialize_with = "linked")]
    pub org_id: Option<OrganizationId>,
    /// The user that owns it.
    #[serde(default, deserialize_with = "linked")]
    pub owner_id: Option<UserId>,
    /// Telephone numbers of the person, with their labels.
    #[serde(default, deserialize_with = "items")]
    pub phones: Vec<Phone>,
    /// E-mail addresses of the person.
    #[serde(default, deserialize_with = "items")]
    pub emails: Vec<Email>,
    /// When it changed last, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub update_time: Option<String>,
    /// How many open deals it has; only where that was asked for, and Pipedrive answers it.
    #[serde(default, deserialize_with = "or_default")]
    pub open_deals_count: Option<u64>,
}

/// A person as a search shows it: numbers and addresses are bare texts there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PersonHit {
    /// Id of the person in Pipedrive.
    #[serde(deserialize_with = "record_id")]
    pub id: PersonId,
    /// First and last name of the person in one text.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
    /// Telephone numbers, as they were typed in.
    #[serde(default, deserialize_with = "items")]
    pub phones: Vec<String>,
    /// E-mail addresses of the person.
    #[serde(default, deserialize_with = "items")]
    pub emails: Vec<String>,
    /// The organisation it belongs to: an object here, a bare id in [`Person`].
    #[serde(default, rename = "organization", deserialize_with = "linked")]
    pub org_id: Option<OrganizationId>,
}

/// A telephone number of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// The number, as it was typed in.
    pub value: String,
    /// Whether it is the first to call.
    #[serde(default, deserialize_with = "or_default")]
    pub primary: bool,
    /// What it is used for, such as `work`.
    #[serde(default, deserialize_with = "or_default")]
    pub label: Option<String>,
}

/// An e-mail address of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The address, as it was typed in.
    pub value: String,
    /// Whether it is the first to write to.
    #[serde(default, deserialize_with = "or_default")]
    pub primary: bool,
    /// What it is used for, such as `work`.
    #[serde(default, deserialize_with = "or_default")]
    pub label: Option<String>,
}

/// Body of `POST /api/v2/persons`.
#[derive(Clone, Debug, Serialize)]
pub struct NewPerson {
    /// The full name; required.
    pub name: String,
    /// Telephone numbers of the person, with their labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
    /// E-mail addresses of the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
}

/// A deal, as far as it links records.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deal {
    /// Id of the deal in Pipedrive.
    #[serde(deserialize_with = "record_id")]
    pub id: DealId,
    /// The person it is with.
    #[serde(default, deserialize_with = "linked")]
    pub person_id: Option<PersonId>,
    /// `open`, `won` or `lost`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Option<String>,
    /// Whether it was deleted.
    #[serde(default, deserialize_with = "or_default")]
    pub is_deleted: bool,
    /// Whether it was archived: lists leave it out.
    #[serde(default, deserialize_with = "or_default")]
    pub is_archived: bool,
    /// When it changed last, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub update_time: Option<String>,
}

impl Deal {
    /// Whether it is open, and neither deleted nor archived.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open") && !self.is_deleted && !self.is_archived
    }
}

/// A user of the company.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Id of the user in Pipedrive.
    pub id: UserId,
    /// Of the company's host, such as `company` in `company.pipedrive.com`.
    #[serde(default, deserialize_with = "or_default")]
    pub company_domain: Option<String>,
    /// Name of the user, for people to read.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
    /// The e-mail address, in any case of letters.
    #[serde(default, deserialize_with = "or_default")]
    pub email: Option<String>,
    /// Whether the user can log in; records cannot be given to others.
    #[serde(default, deserialize_with = "or_default")]
    pub active_flag: Option<bool>,
}

/// A type of activities, from `GET /v1/activityTypes`.
#[derive(Clone, Debug, Deserialize)]
pub struct ActivityType {
    /// The value of an activity's `type`.
    pub key_string: String,
    /// Whether activities of this type can be created.
    #[serde(default, deserialize_with = "or_default")]
    pub active_flag: bool,
}

//! What the sandbox holds, as a test reads it. The shapes of the API's answers are made in the handlers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A phone number or e-mail address of a person, in whatever form it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The number or address.
    pub value: String,
    /// Whether it is the first choice; one of a list is.
    #[serde(default)]
    pub primary: bool,
    /// A free word such as `work`, which is the default.
    #[serde(default = "work")]
    pub label: String,
}

fn work() -> String {
    "work".to_owned()
}

/// A person in Pipedrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Id of the person in Pipedrive.
    pub id: i64,
    /// First and last name of the person in one text.
    pub name: String,
    /// The user it belongs to.
    pub owner_id: i64,
    /// The organization it is linked to.
    pub org_id: Option<i64>,
    /// When it was created.
    pub add_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// E-mail addresses of the person, with their labels.
    pub emails: Vec<Contact>,
    /// Its phone numbers, as they were written.
    pub phones: Vec<Contact>,
    /// Whether it was deleted, or merged away.
    pub is_deleted: bool,
    /// The person that it was merged into.
    pub merged_into: Option<i64>,
    /// Who sees it: 1, 3, 5 or 7.
    pub visible_to: i64,
    /// Ids of the labels that the person has.
    pub label_ids: Vec<i64>,
    /// The marketing status, where one was set.
    pub marketing_status: Option<String>,
    /// Custom fields by their codes.
    pub custom_fields: Map<String, Value>,
}

/// A person who takes part in an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Id of the person who took part.
    pub person_id: i64,
    /// Whether the activity is on this person's timeline first.
    #[serde(default)]
    pub primary: bool,
}

/// An activity in Pipedrive: a call, a chat or whatever type it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activity {
    /// Id of the activity in Pipedrive.
    pub id: i64,
    /// Headline of the activity, shown in lists.
    pub subject: String,
    /// The key of its type.
    pub r#type: String,
    /// The user it belongs to.
    pub owner_id: i64,
    /// The user who created it.
    pub creator_user_id: i64,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// When it was created.
    pub add_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// Id of the deal on whose timeline the activity is.
    pub deal_id: Option<i64>,
    /// The linked lead. The sandbox has no leads and takes any id.
    pub lead_id: Option<String>,
    /// Person on whose timeline the activity is.
    pub person_id: Option<i64>,
    /// Id of the organisation on whose timeline the activity is.
    pub org_id: Option<i64>,
    /// The linked project. The sandbox has no projects and takes any id.
    pub project_id: Option<i64>,
    /// A date: `YYYY-MM-DD`.
    pub due_date: Option<String>,
    /// A time of day: `HH:MM`, UTC.
    pub due_time: Option<String>,
    /// A duration: `HH:MM`.
    pub duration: Option<String>,
    /// Whether it blocks the calendar.
    pub busy: bool,
    /// Whether it is done.
    pub done: bool,
    /// When it was marked as done.
    pub marked_as_done_time: Option<Timestamp>,
    /// Where it takes place, as it was sent.
    pub location: Option<Value>,
    /// The persons who take part.
    pub participants: Vec<Participant>,
    /// The guests, as they were sent.
    pub attendees: Option<Value>,
    /// Text that guests may see.
    pub public_description: Option<String>,
    /// The id of a priority.
    pub priority: Option<i64>,
    /// Note of the activity, as HTML.
    pub note: Option<String>,
}

/// A deal in Pipedrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deal {
    /// Id of the deal in Pipedrive.
    pub id: i64,
    /// Headline of the deal, shown in lists.
    pub title: String,
    /// The user it belongs to.
    pub owner_id: i64,
    /// The user who created it.
    pub creator_user_id: i64,
    /// Id of the main person of the deal.
    pub person_id: Option<i64>,
    /// Id of the organisation of the deal.
    pub org_id: Option<i64>,
    /// Id of the pipeline that the deal is in.
    pub pipeline_id: i64,
    /// Id of the stage that the deal is in.
    pub stage_id: i64,
    /// Worth of the deal in its currency.
    pub value: f64,
    /// The currency of the value.
    pub currency: String,
    /// `open`, `won` or `lost`.
    pub status: String,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// Whether it was archived.
    pub is_archived: bool,
    /// When it was created.
    pub add_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The other fields that were set.
    pub other: Map<String, Value>,
}

/// A note that stands by itself, known to version 1 of the API only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Id of the note in Pipedrive.
    pub id: i64,
    /// Text of the note, as HTML.
    pub content: String,
    /// Id of the user who wrote the note.
    pub user_id: i64,
    /// When it was created.
    pub add_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The person it is about.
    pub person_id: Option<i64>,
    /// The deal it is about.
    pub deal_id: Option<i64>,
    /// The organization it is about.
    pub org_id: Option<i64>,
    /// The lead it is about.
    pub lead_id: Option<String>,
    /// The project it is about.
    pub project_id: Option<i64>,
    /// The task it is about.
    pub task_id: Option<i64>,
    /// The `pinned_to_…_flag`s by name.
    pub pinned: BTreeMap<String, bool>,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

/// A call log (v1). Each is an activity as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallLog {
    /// Its id, a word.
    pub id: String,
    /// The user whose log it is.
    pub user_id: i64,
    /// The activity that it is shown as.
    pub activity_id: i64,
    /// Headline of the call log, shown in lists.
    pub subject: String,
    /// Duration of the call in seconds, as text.
    pub duration: String,
    /// What came of the call.
    pub outcome: String,
    /// Number or address that the communication came from.
    pub from_phone_number: Option<String>,
    /// Number or address that the communication went to.
    pub to_phone_number: String,
    /// Time at which the call log began.
    pub start_time: Timestamp,
    /// Time at which the call log ended, if it did.
    pub end_time: Timestamp,
    /// The person it is about.
    pub person_id: Option<i64>,
    /// The organization it is about.
    pub org_id: Option<i64>,
    /// The deal it is about.
    pub deal_id: Option<i64>,
    /// The lead it is about.
    pub lead_id: Option<String>,
    /// Note of the call log, as HTML.
    pub note: Option<String>,
    /// Whether a recording was uploaded.
    pub has_recording: bool,
    /// Whether it was deleted; its activity stays.
    pub is_deleted: bool,
}

/// A user of the company.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Id of the user in Pipedrive.
    pub id: i64,
    /// Name of the user, for people to read.
    pub name: String,
    /// E-mail address of the user.
    pub email: String,
    /// Whether they can log in.
    pub active: bool,
}

/// A type of activities.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActivityType {
    /// Id of the activity type in Pipedrive.
    pub id: i64,
    /// Its name on the screen.
    pub name: String,
    /// What activities carry as their `type`.
    pub key: String,
    /// Whether it can be used.
    pub active: bool,
    /// Whether the company added it.
    pub custom: bool,
}

/// An organization, to which persons, deals and activities are linked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    /// Id of the organisation in Pipedrive.
    pub id: i64,
    /// Name of the organisation, for people to read.
    pub name: String,
    /// The user it belongs to.
    pub owner_id: i64,
    /// When it was created.
    pub add_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

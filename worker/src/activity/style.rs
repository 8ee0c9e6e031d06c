//! What an activity shows that does not come from the interaction.

use jiff::tz::TimeZone;
use pipedrive::UserId;

/// What does not come from the interaction.
#[derive(Clone, Debug)]
pub struct Style {
    /// Type of activities for calls.
    pub call_type: String,
    /// Type of activities for everything else.
    pub chat_type: String,
    /// Owner of activities that are attached to no person.
    pub fallback_owner: Option<UserId>,
    /// Address of a person's page, up to the id; absent where the company's host is not known.
    pub person_url: Option<String>,
    /// Link to an interaction; `{id}` is replaced. Empty: none.
    pub interaction_url: String,
    /// Zone of the times in notes.
    pub time_zone: TimeZone,
}

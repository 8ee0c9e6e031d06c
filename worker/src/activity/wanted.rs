//! What an activity is to become, and from what.

use pipedrive::UserId;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;

use crate::activity::content::Activity;
use crate::person::attachment::Attachment;

/// What the activity is to become.
pub(super) struct Wanted<'a> {
    pub activity: &'a Activity,
    pub interaction: &'a Interaction,
    pub party: &'a Party,
    pub attachment: &'a Attachment,
    /// The user of the agent, if there is one.
    pub owner: Option<UserId>,
}

//! The activity that exists already when the customer turns out to be another.

use pipedrive::{ActivityId, Client, PersonId, PipedriveError};

use crate::failure::Failure;
use crate::store::{Effect, Progress, primary};

/// An activity that is known to exist, and the person that we may have attached it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Existing {
    activity: ActivityId,
    people: Vec<Option<PersonId>>,
}

impl Existing {
    pub(super) fn of(progress: &Progress) -> Option<Self> {
        let Effect::Done(activity) = progress.activity else {
            return None;
        };
        let answered = &progress.answered.person;
        let people = if answered.is_empty() {
            vec![progress.person]
        } else {
            answered.clone()
        };
        Some(Self { activity, people })
    }

    /// Whether it is still attached as we left it. 1 token. Where a person attached it elsewhere, or deleted it, it is not
    /// moved, and no person is created for it.
    pub(super) async fn is_as_we_left_it(&self, client: &Client) -> Result<bool, Failure> {
        match client.activity(self.activity).await {
            Ok(present) => Ok(!present.is_deleted && self.people.contains(&primary(&present))),
            Err(PipedriveError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

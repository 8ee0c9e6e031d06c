//! What Redis holds about a write of the activity before it is sent, and after it was refused.

use jiff::Timestamp;
use shared::fail_point::{self, FailPoint};

use crate::effect::once::Intent;
use crate::store::{Answered, Effect, Lease, LeaseError, Progress};

/// The intent to create the activity.
pub(super) struct CreateIntent<'a> {
    pub lease: &'a Lease,
    /// What is known if the attempt takes effect.
    pub progress: &'a Progress,
    /// What was known before this attempt.
    pub before: &'a Progress,
}

impl Intent for CreateIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.lease
            .intend_activity(self.progress, latest_end)
            .await?;
        fail_point::reach(FailPoint::ActivityIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        let older = match self.before.activity {
            Effect::Intended(at) => Some(at),
            Effect::NotTried | Effect::Done(_) => None,
        };
        self.lease
            .restore_activity(older, &self.before.lines, &self.before.answered)
            .await
    }
}

/// The intent to change the activity, with the lines and values of ours that it may have by then.
///
/// A change may take effect late, and undo what another event adds in the meantime: that one has to wait.
pub(super) struct ChangeIntent<'a> {
    pub lease: &'a Lease,
    /// What was known before this attempt.
    pub progress: &'a Progress,
    pub lines: &'a str,
    pub answered: &'a Answered,
}

impl ChangeIntent<'_> {
    async fn store(
        &self,
        until: Option<Timestamp>,
        lines: &str,
        answered: &Answered,
    ) -> Result<(), LeaseError> {
        self.lease
            .doubt_update(until, lines, answered, self.progress)
            .await
    }
}

impl Intent for ChangeIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.store(Some(latest_end), self.lines, self.answered)
            .await?;
        fail_point::reach(FailPoint::ActivityChangeIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        let before = self.progress;
        self.store(before.update_in_doubt, &before.lines, &before.answered)
            .await
    }
}

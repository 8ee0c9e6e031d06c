//! Leases on interactions: the right to work on one, and the steps that are stored under it.
//!
//! The step that ends a lease consumes it: [`Lease::complete`] or [`Lease::release`].

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::ActivityId;
use redis::{RedisError, Script};
use shared::domain::ids::EventKey;

use super::answered::Answered;
use super::connection::Store;
use super::epoch::Epoch;
use super::progress::Progress;
use super::script::{ms, unknown_verdict};

/// `scripts/step.lua`, hashed once.
static STEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/step.lua")));

/// The exclusive, expiring right to work on one interaction.
#[derive(Debug)]
#[must_use = "a lease that is dropped blocks its interaction until it expires"]
pub struct Lease {
    pub(super) store: Store,
    pub(super) keys: [String; 2],
    pub(super) owner: String,
    pub(super) fencing_token: String,
    pub(super) duration: Duration,
    pub(super) epoch: Epoch,
}

/// A step under a lease did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease expired, and another delivery may hold it.
    #[error("the lease was lost")]
    Lost,
    /// Redis did not confirm the step, which may have been written.
    #[error("Redis did not confirm a step")]
    Redis(#[from] RedisError),
}

impl Lease {
    /// Stores that the activity is about to be created, by a request that ends by `latest_end`. From here on every attempt searches for it first.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer: then nothing may be sent.
    pub async fn intend_activity(
        &self,
        progress: &Progress,
        latest_end: Timestamp,
    ) -> Result<(), LeaseError> {
        let intent = self.intent(latest_end);
        let person = progress.person.map_or(0, |id| id.0).to_string();
        let answered = progress.answered.to_field(progress.written.as_deref());
        let fields = [
            ("activity", intent.as_str()),
            ("person", person.as_str()),
            ("number", progress.number.as_deref().unwrap_or_default()),
            ("email", progress.email.as_deref().unwrap_or_default()),
            ("found", progress.found.as_deref().unwrap_or_default()),
            (
                "others",
                progress.third_parties.as_deref().unwrap_or_default(),
            ),
            ("written", progress.written.as_deref().unwrap_or_default()),
            ("lines", &progress.lines),
            ("answered", &answered),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Restores what was known before an attempt that Pipedrive refused: an older intent whose outcome is unknown, with
    /// the lines of its note and the values that were sent, or no intent. The people are deleted from the entry, since they
    /// may be the reason.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn restore_activity(
        &self,
        older: Option<Timestamp>,
        lines: &str,
        answered: &Answered,
    ) -> Result<(), LeaseError> {
        let intent = older.map(|at| self.intent(at)).unwrap_or_default();
        let answered = answered.to_field(None);
        let fields = [
            ("activity", intent.as_str()),
            ("person", ""),
            ("number", ""),
            ("email", ""),
            ("found", ""),
            ("others", ""),
            ("written", ""),
            ("lines", lines),
            ("answered", &answered),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    fn intent(&self, at: Timestamp) -> String {
        format!("intent:{}:{}", self.fencing_token, at.as_millisecond())
    }

    /// Stores until when an update is in flight that may take effect late, or that none is; and the lines and values of
    /// ours that the note and the other members may have by now. The rest of `progress` stays.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn doubt_update(
        &self,
        until: Option<Timestamp>,
        lines: &str,
        answered: &Answered,
        progress: &Progress,
    ) -> Result<(), LeaseError> {
        let until = until.map(|until| until.as_millisecond().to_string());
        let update_in_doubt = ("doubted", until.as_deref().unwrap_or_default());
        let answered = answered.to_field(progress.written.as_deref());
        let displaced = progress.displaced.as_deref().unwrap_or_default();
        let fields = [
            update_in_doubt,
            ("lines", lines),
            ("answered", &answered),
            ("displaced", displaced),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Since when Redis is known to have lost nothing.
    #[must_use]
    pub fn epoch_began(&self) -> Timestamp {
        self.epoch.since
    }

    /// Prolongs the lease.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn renew(&self) -> Result<(), LeaseError> {
        self.step(&[], self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Marks events as recorded in an activity, and ends the lease: the last step.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn complete(
        self,
        progress: &Progress,
        activity: ActivityId,
    ) -> Result<(), LeaseError> {
        self.write_recorded(progress, activity, None, Duration::ZERO)
            .await
    }

    /// The same for all events but `open`, whose message comes again to complete the record; the lease goes on.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn complete_but(
        &self,
        open: &EventKey,
        progress: &Progress,
        activity: ActivityId,
    ) -> Result<(), LeaseError> {
        self.write_recorded(progress, activity, Some(&open.digest()), self.duration)
            .await
    }

    async fn write_recorded(
        &self,
        progress: &Progress,
        activity: ActivityId,
        open: Option<&str>,
        lease: Duration,
    ) -> Result<(), LeaseError> {
        let activity = format!("ok:{activity}");
        let person = progress.person.map_or(0, |id| id.0).to_string();
        let events: Vec<String> = progress
            .facts
            .keys()
            .filter(|event| open != Some(event.as_str()))
            .map(|event| format!("e:{event}"))
            .collect();
        let answered = progress.answered.to_field(progress.written.as_deref());
        let mut fields = vec![
            ("activity", activity.as_str()),
            ("person", person.as_str()),
            ("number", progress.number.as_deref().unwrap_or_default()),
            ("email", progress.email.as_deref().unwrap_or_default()),
            ("found", progress.found.as_deref().unwrap_or_default()),
            (
                "others",
                progress.third_parties.as_deref().unwrap_or_default(),
            ),
            ("written", progress.written.as_deref().unwrap_or_default()),
            ("lines", &progress.lines),
            ("answered", &answered),
            ("inherited", if progress.adopted { "1" } else { "" }),
            (
                "displaced",
                progress.displaced.as_deref().unwrap_or_default(),
            ),
            ("doubted", ""),
        ];
        fields.extend(events.iter().map(|event| (event.as_str(), "1")));
        self.step(&fields, lease, self.store.settings().done_ttl)
            .await
    }

    /// Ends the lease with the work undone.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn release(self) -> Result<(), LeaseError> {
        self.step(&[], Duration::ZERO, self.store.settings().open_ttl)
            .await
    }

    async fn step(
        &self,
        fields: &[(&str, &str)],
        lease: Duration,
        ttl: Duration,
    ) -> Result<(), LeaseError> {
        step(
            &self.store,
            &self.keys,
            [&self.owner, &self.fencing_token],
            lease,
            ttl,
            fields,
        )
        .await
    }
}

/// Writes fields of an entry under a lease; of interactions and of people.
pub(super) async fn step(
    store: &Store,
    keys: &[String; 2],
    [owner, fencing_token]: [&str; 2],
    lease: Duration,
    ttl: Duration,
    fields: &[(&str, &str)],
) -> Result<(), LeaseError> {
    let mut call = STEP.prepare_invoke();
    call.key(&keys[0])
        .key(&keys[1])
        .arg(owner)
        .arg(fencing_token)
        .arg(ms(lease))
        .arg(ms(ttl));
    for (field, value) in fields {
        call.arg(*field).arg(*value);
    }
    let answer: String = call.invoke_async(&mut store.connection()?).await?;
    match answer.as_str() {
        "ok" => Ok(()),
        "lost" => Err(LeaseError::Lost),
        other => Err(unknown_verdict("step.lua", other).into()),
    }
}

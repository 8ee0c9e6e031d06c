//! One write to Pipedrive that must take effect once: intend, send, settle.
//!
//! Pipedrive has no idempotency keys, so a create whose answer is lost may exist. What is known is therefore noted in Redis
//! around each request: *intended* before it is sent, until when it may take effect after its answer was lost, and what
//! was known before the attempt where Pipedrive refused it.

use jiff::Timestamp;
use pipedrive::{Call, Client, PipedriveError, Sent};
use serde::de::DeserializeOwned;
use shared::clock;

use crate::effect::timing::Timing;
use crate::failure::Failure;
use crate::store::LeaseError;

/// The note in Redis about one write.
pub(crate) trait Intent {
    /// Notes that a request is about to be sent, or that its answer was lost, and may take effect until `latest_end`.
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError>;

    /// Puts back what was known before this attempt: Pipedrive did not carry it out. An older attempt whose outcome is
    /// unknown stays noted.
    async fn restore(&self) -> Result<(), LeaseError>;
}

/// The write was not confirmed.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// Nothing was sent, nothing was noted: there was no room, or no access token.
    NotSent(PipedriveError),
    /// Pipedrive did not carry it out; what was known before is noted again.
    Refused(PipedriveError),
    /// Pipedrive may have carried it out; that is noted.
    Unknown(PipedriveError),
    /// The note could not be written.
    NotNoted(LeaseError),
}

impl From<NotDone> for Failure {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::NotSent(error) | NotDone::Refused(error) | NotDone::Unknown(error) => {
                error.into()
            }
            NotDone::NotNoted(error) => error.into(),
        }
    }
}

/// Carries out `call`, with its intent noted before every request.
///
/// Room in the budget is reserved first, so that only a known moment is waited for between the note and the request: the
/// time in the note is then an upper bound for when the request has ended.
pub(crate) async fn once<T: DeserializeOwned>(
    client: &Client,
    call: &Call<T>,
    intent: &impl Intent,
    timing: Timing,
) -> Result<T, NotDone> {
    let mut permit = client.reserve(call).await.map_err(NotDone::NotSent)?;
    loop {
        intent
            .write(timing.latest_end(permit.wait()))
            .await
            .map_err(NotDone::NotNoted)?;
        match client.send(permit, call).await {
            Sent::Answered(answer) => return Ok(answer),
            Sent::Refused(refused) => {
                intent.restore().await.map_err(NotDone::NotNoted)?;
                permit = client
                    .reserve_again(refused, call)
                    .await
                    .map_err(NotDone::Refused)?;
            }
            Sent::Unknown(error) => {
                // The settle time counts from the loss of the answer.
                intent
                    .write(clock::now())
                    .await
                    .map_err(NotDone::NotNoted)?;
                return Err(NotDone::Unknown(error));
            }
        }
    }
}

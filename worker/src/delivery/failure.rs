//! What can go wrong with a message, and what that means: for the message, and for consumption as a whole.

use std::time::Duration;

use redis::RedisError;
use shared::error::chain;

use crate::delivery::retry::Disposition;
use crate::pause::state::PauseReason;
use crate::pipedrive::PipedriveError;
use crate::store::LeaseError;

/// A moment: as long as the shortest delay is.
const A_MOMENT: Duration = Duration::ZERO;

/// The steps of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStep {
    Decode,
    Lease,
    Match,
    Record,
}

impl PipelineStep {
    /// The name in headers and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Lease => "lease",
            Self::Match => "match",
            Self::Record => "record",
        }
    }
}

/// A message was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The body tells no event.
    #[error("the body is no event: {0}")]
    Unrecognised(String),
    /// The body tells an event that is never recorded.
    #[error("the event is none to record: {0}")]
    NotOurs(String),
    /// A newer version wrote the message, or Redis' record of its interaction. It waits for a newer worker.
    #[error("schema {schema} of the {what} is newer than this worker")]
    NewerSchema {
        /// Which of both.
        what: &'static str,
        /// Its schema.
        schema: i64,
    },
    /// Another delivery works on the same interaction, or on the same number.
    #[error("somebody else works on it")]
    Busy,
    /// It only adds to an event that has not come yet.
    #[error("waits for the event that it enriches")]
    Deferred,
    /// A record may still appear that was sent before; it is looked for later.
    #[error("a lost answer has not settled for another {}s", .0.as_secs())]
    Unsettled(Duration),
    /// The lease expired while we worked.
    #[error("the lease was lost")]
    LeaseLost,
    /// Redis lost data while we were connected.
    #[error("Redis lost data")]
    EpochChanged,
    /// Redis does not answer.
    #[error("Redis does not answer")]
    Redis(#[source] RedisError),
    /// Pipedrive did not do what was asked.
    #[error("Pipedrive did not do it")]
    Pipedrive(#[from] PipedriveError),
    /// It killed the worker whenever it was worked on.
    #[error("the worker died {crashes} times while it worked on this message alone")]
    Poison {
        /// How often.
        crashes: u32,
    },
    /// A defect of ours.
    #[error("processing panicked")]
    Panicked,
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Redis(error) => Self::Redis(error),
        }
    }
}

impl Failure {
    /// What becomes of the message.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unrecognised(_) | Self::NotOurs(_) | Self::Poison { .. } | Self::Panicked => {
                Disposition::DeadLetter
            }
            Self::Busy | Self::Deferred | Self::LeaseLost | Self::EpochChanged | Self::Redis(_) => {
                Disposition::Park(A_MOMENT)
            }
            Self::Unsettled(wait) => Disposition::Park(*wait),
            // While versions are rolled out or back, the next try may meet the right one.
            Self::NewerSchema { .. } => Disposition::Retry,
            Self::Pipedrive(error) => of_pipedrive(error),
        }
    }

    /// Whether what was sent to Pipedrive may have been carried out all the same.
    #[must_use]
    pub fn outcome_is_unknown(&self) -> bool {
        matches!(self, Self::Pipedrive(error) if error.outcome_is_unknown())
    }

    /// Whether nothing at all should be consumed until it heals, because every other message would fail alike.
    #[must_use]
    pub fn closes(&self) -> Option<PauseReason> {
        match self {
            Self::Redis(_) | Self::EpochChanged => Some(PauseReason::Redis),
            Self::Pipedrive(error) => PauseReason::caused_by(error),
            Self::Unrecognised(_)
            | Self::NotOurs(_)
            | Self::NewerSchema { .. }
            | Self::Busy
            | Self::Deferred
            | Self::Unsettled(_)
            | Self::LeaseLost
            | Self::Poison { .. }
            | Self::Panicked => None,
        }
    }

    /// A stable code for headers and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unrecognised(_) => "unrecognised",
            Self::NotOurs(_) => "not_ours",
            Self::NewerSchema { .. } => "newer_schema",
            Self::Busy => "busy",
            Self::Deferred => "deferred",
            Self::Unsettled(_) => "unsettled",
            Self::LeaseLost => "lease_lost",
            Self::EpochChanged => "redis_lost_data",
            Self::Redis(_) => "redis_unavailable",
            Self::Pipedrive(error) => error.reason(),
            Self::Poison { .. } => "killed_the_worker",
            Self::Panicked => "panicked",
        }
    }

    /// Pipedrive's status, where it answered.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Pipedrive(error) => error.status(),
            _ => None,
        }
    }

    /// With its causes, in one line, for a person.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Pipedrive(error) => chain(error),
            other => chain(other),
        }
    }
}

fn of_pipedrive(error: &PipedriveError) -> Disposition {
    match error {
        PipedriveError::Unreachable { .. }
        | PipedriveError::NoAnswer { .. }
        | PipedriveError::Unreadable { .. }
        | PipedriveError::Server { .. }
        // A person may have been deleted or merged since it was looked up: the next attempt looks anew.
        | PipedriveError::NotFound { .. } => Disposition::Retry,
        PipedriveError::RateLimited { wait, .. } => Disposition::Park(*wait),
        // Our trouble, not the message's. Dead-lettering here would empty the work queue within minutes of a token's
        // end. Consumption pauses meanwhile, so that the short wait is no hammering.
        PipedriveError::BudgetSpent { .. }
        | PipedriveError::Unauthorized { .. }
        | PipedriveError::Denied(_)
        | PipedriveError::NoToken(_)
        | PipedriveError::Blocked
        | PipedriveError::Redis(_) => Disposition::Park(A_MOMENT),
        PipedriveError::Forbidden { .. } | PipedriveError::Rejected { .. } => Disposition::DeadLetter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipedrive::{Denial, NoToken};

    #[test]
    fn an_expired_token_pauses_everything_and_dead_letters_nothing() {
        let failure = Failure::from(PipedriveError::Unauthorized { status: 401 });

        assert_eq!(failure.disposition(), Disposition::Park(A_MOMENT));
        assert_eq!(
            failure.closes(),
            Some(PauseReason::Unauthorized { status: 401 })
        );
    }

    #[test]
    fn an_app_without_an_access_token_pauses_everything_and_dead_letters_nothing() {
        for (error, reason) in [
            (
                NoToken::Denied(Denial::Grant),
                PauseReason::Denied(Denial::Grant),
            ),
            (NoToken::Failed { status: 503 }, PauseReason::NoToken),
            (NoToken::Late, PauseReason::NoToken),
        ] {
            let failure = Failure::from(PipedriveError::from(error));

            assert_eq!(failure.disposition(), Disposition::Park(A_MOMENT));
            assert_eq!(failure.closes(), Some(reason));
        }
    }

    #[test]
    fn what_pipedrive_refuses_is_dead_and_what_it_fails_at_is_retried() {
        let rejected = PipedriveError::Rejected {
            operation: "x",
            status: 400,
            message: String::new(),
        };
        assert_eq!(
            Failure::from(rejected).disposition(),
            Disposition::DeadLetter
        );

        let server = PipedriveError::Server {
            operation: "x",
            status: 503,
        };
        assert_eq!(Failure::from(server).disposition(), Disposition::Retry);
    }
}

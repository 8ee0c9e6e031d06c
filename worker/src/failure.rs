//! Why a message is not recorded, and what follows: for the message, and for consumption as a whole.

use std::time::Duration;

use pipedrive::PipedriveError;
use redis::RedisError;
use shared::error::chain;

use crate::pause::breaker::FailureKind;
use crate::pause::reason::PauseReason;
use crate::pause::redis_trouble::RedisTrouble;
use crate::store::LeaseError;

/// Waits for the shortest delay of the retry schedule.
const A_MOMENT: Duration = Duration::ZERO;

/// The reason of an error of Redis that one key causes.
const REDIS_REFUSED: &str = "redis_refused";
/// What fails then, as a breaker names it.
pub(crate) const REDIS_OPERATION: &str = "use its entry in Redis";

/// How the message of a failure is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The cause may pass: the message waits for the next delay of the retry schedule, and one more attempt counts.
    Retry,
    /// The cause lies outside of the message: it waits at least so long, and no attempt counts.
    Park(Duration),
    /// A retry would fail in the same way.
    DeadLetter,
    /// Whose fault it is depends on how other messages fare.
    Judged(FailureKind),
}

/// A message was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The body is not an event.
    #[error("the body is not an event: {0}")]
    Unrecognised(String),
    /// Events of this kind are never recorded.
    #[error("events of this kind are never recorded: {0}")]
    NotOurs(String),
    /// A newer version wrote the message, or the entry in Redis. The message waits for a newer worker.
    #[error("schema {schema} of the {what} is newer than this worker")]
    NewerSchema {
        /// `message` or `record in Redis`.
        what: &'static str,
        /// Schema version that was found.
        schema: i64,
    },
    /// Another delivery works on the same interaction, or on the same number.
    #[error("another delivery works on the same interaction or number")]
    Busy,
    /// The event only adds to another one, which has not arrived yet.
    #[error("waits for the event that it enriches")]
    Deferred,
    /// Other events of the interaction are waited for: one record holds them all.
    #[error("waits for other events of the interaction")]
    Settling {
        /// How long the message waits before it is tried again.
        wait: Duration,
        /// Whether the end of the customer's session is known.
        is_end_known: bool,
    },
    /// The interaction is recorded, and Genesys may have more of it.
    #[error("is recorded, and completed from Genesys in {} s at the earliest", .0.as_secs())]
    Incomplete(Duration),
    /// An earlier request may still take effect; the next attempt searches for its record.
    #[error("an earlier request may still take effect for {} s", .0.as_secs())]
    Unsettled(Duration),
    /// The lease expired during the work.
    #[error("the lease was lost")]
    LeaseLost,
    /// Redis lost data while we were connected.
    #[error("Redis lost data")]
    EpochChanged,
    /// Redis does not answer, or refuses.
    #[error("Redis does not answer, or refuses")]
    Redis(#[source] RedisError),
    /// A request to Pipedrive failed.
    #[error(transparent)]
    Pipedrive(#[from] PipedriveError),
    /// Pipedrive refused one person after another: that is a matter of the credential.
    #[error("Pipedrive refused one person after another (403)")]
    PeopleForbidden,
    /// The worker died each time it processed this message.
    #[error("the worker died {crashes} times while it processed this message alone")]
    Poison {
        /// Number of worker processes that died over the message.
        crashes: u32,
    },
    /// A defect of the worker.
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

/// What a failure means: for the message, and for consumption as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// A stable code for headers and metrics.
    pub reason: &'static str,
    /// Where the message goes.
    pub disposition: Disposition,
    /// Why consumption pauses: every other message would fail alike.
    pub pause: Option<PauseReason>,
    /// Pipedrive's status, where it answered.
    pub http_status: Option<u16>,
    /// Whether the message itself harms the worker, or is not an event.
    pub is_poison: bool,
}

impl Classification {
    /// Whether other messages decide whose fault it is.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        matches!(self.disposition, Disposition::Judged(_))
    }

    /// A failure of this one message.
    fn of_message(reason: &'static str, disposition: Disposition) -> Self {
        Self {
            reason,
            disposition,
            pause: None,
            http_status: None,
            is_poison: false,
        }
    }

    fn poison(reason: &'static str) -> Self {
        Self {
            is_poison: true,
            ..Self::of_message(reason, Disposition::DeadLetter)
        }
    }

    /// A failure that every message would meet.
    fn of_all(reason: &'static str, pause: PauseReason) -> Self {
        Self {
            pause: Some(pause),
            ..Self::of_message(reason, Disposition::Park(A_MOMENT))
        }
    }
}

impl Failure {
    /// Whether the interaction is recorded all the same: what the message went through works.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self, Self::Incomplete(_))
    }

    /// What the failure means.
    #[must_use]
    pub fn classify(&self) -> Classification {
        let of_message = Classification::of_message;
        match self {
            Self::Unrecognised(_) => Classification::poison("unrecognised"),
            Self::Poison { .. } => Classification::poison("killed_the_worker"),
            Self::Panicked => Classification::poison("panicked"),
            Self::NotOurs(_) => of_message("not_ours", Disposition::DeadLetter),
            // While versions are rolled out or back, the next try may meet the right one.
            Self::NewerSchema { .. } => of_message("newer_schema", Disposition::Retry),
            Self::Busy => of_message("busy", Disposition::Park(A_MOMENT)),
            Self::Deferred => of_message("deferred", Disposition::Park(A_MOMENT)),
            Self::Settling { wait, .. } => of_message("settling", Disposition::Park(*wait)),
            Self::Incomplete(wait) => of_message("incomplete", Disposition::Park(*wait)),
            Self::Unsettled(wait) => of_message("unsettled", Disposition::Park(*wait)),
            Self::LeaseLost => of_message("lease_lost", Disposition::Park(A_MOMENT)),
            Self::EpochChanged => {
                Classification::of_all("redis_lost_data", PauseReason::RedisLostData)
            }
            Self::Redis(error) => match RedisTrouble::of(error) {
                Some(trouble) => {
                    Classification::of_all("redis_unavailable", PauseReason::Redis(trouble))
                }
                None => of_message(REDIS_REFUSED, Disposition::Judged(FailureKind::Refusal)),
            },
            Self::PeopleForbidden => Classification {
                http_status: Some(403),
                ..Classification::of_all("pipedrive_forbidden", PauseReason::PeopleForbidden)
            },
            Self::Pipedrive(error) => of_pipedrive(error),
        }
    }
}

/// What a breaker is named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// What failed; `None` where only the trace of the message says it.
    pub operation: Option<&'static str>,
    /// Kind of the failure, as breakers compare it.
    pub label: String,
}

impl Failure {
    /// The failure for people: without what stands around Pipedrive's answer.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Pipedrive(error) => chain(error),
            other => chain(other),
        }
    }

    /// The breaker that a judged failure belongs to.
    pub(crate) fn breaker(&self) -> Broken {
        let of = |operation, label: &str| Broken {
            operation: Some(operation),
            label: label.to_owned(),
        };
        let Self::Pipedrive(error) = self else {
            return of(REDIS_OPERATION, "redis");
        };
        match error {
            PipedriveError::Unreachable { operation, .. }
            | PipedriveError::NoAnswer { operation, .. }
            | PipedriveError::Unreadable { operation, .. }
            | PipedriveError::Server { operation, .. } => of(operation, "outage"),
            PipedriveError::NotFound { operation, status }
            | PipedriveError::Rejected {
                operation, status, ..
            } => of(operation, &status.to_string()),
            PipedriveError::Forbidden { operation, .. } => of(operation, "403"),
            PipedriveError::Blocked => Broken {
                operation: None,
                label: "blocked".to_owned(),
            },
            PipedriveError::Store(_)
            | PipedriveError::RateLimited { .. }
            | PipedriveError::BudgetSpent { .. }
            | PipedriveError::Unauthorized { .. }
            | PipedriveError::ScopeMissing { .. }
            | PipedriveError::Denied(_)
            | PipedriveError::NoToken(_) => of(REDIS_OPERATION, "redis"),
        }
    }
}

/// A failure that lies outside of the message pauses consumption: dead letters would empty the work queue within minutes
/// of a token's end. The pause also keeps short waits from flooding Pipedrive.
fn of_pipedrive(error: &PipedriveError) -> Classification {
    let class = error.class();
    let pause = PauseReason::caused_by(error);
    let disposition = match error {
        PipedriveError::Unreachable { .. }
        | PipedriveError::NoAnswer { .. }
        | PipedriveError::Unreadable { .. }
        | PipedriveError::Server { .. } => Disposition::Judged(FailureKind::Outage),
        // A person may have been deleted or merged since it was read: the next attempt searches anew.
        PipedriveError::NotFound { .. }
        | PipedriveError::Blocked
        | PipedriveError::Forbidden { .. }
        | PipedriveError::Rejected { .. } => Disposition::Judged(FailureKind::Refusal),
        // An error of one key of Redis.
        PipedriveError::Store(_) if pause.is_none() => {
            return Classification::of_message(
                REDIS_REFUSED,
                Disposition::Judged(FailureKind::Refusal),
            );
        }
        PipedriveError::RateLimited { wait, .. } => Disposition::Park(*wait),
        PipedriveError::BudgetSpent { .. }
        | PipedriveError::Unauthorized { .. }
        | PipedriveError::ScopeMissing { .. }
        | PipedriveError::Denied(_)
        | PipedriveError::NoToken(_)
        | PipedriveError::Store(_) => Disposition::Park(A_MOMENT),
    };
    Classification {
        reason: class.reason,
        disposition,
        pause,
        http_status: class.status,
        is_poison: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipedrive::{Denial, NoToken};

    #[test]
    fn an_expired_token_pauses_everything_and_dead_letters_nothing() {
        let failure = Failure::from(PipedriveError::Unauthorized { status: 401 });

        assert_eq!(failure.classify().disposition, Disposition::Park(A_MOMENT));
        assert_eq!(
            failure.classify().pause,
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

            assert_eq!(failure.classify().disposition, Disposition::Park(A_MOMENT));
            assert_eq!(failure.classify().pause, Some(reason));
        }
    }

    #[test]
    fn a_refusal_and_an_outage_are_judged_by_how_other_messages_fare() {
        let rejected = PipedriveError::Rejected {
            operation: "create an activity",
            status: 400,
            message: String::new(),
        };
        let forbidden = PipedriveError::Forbidden {
            operation: "create an activity",
            message: String::new(),
        };
        let server = PipedriveError::Server {
            operation: "create an activity",
            status: 503,
        };
        for (error, kind, label) in [
            (rejected, FailureKind::Refusal, "400"),
            (forbidden, FailureKind::Refusal, "403"),
            (PipedriveError::Blocked, FailureKind::Refusal, "blocked"),
            (server, FailureKind::Outage, "outage"),
        ] {
            let failure = Failure::from(error);
            let class = failure.classify();

            assert_eq!(class.disposition, Disposition::Judged(kind), "{label}");
            assert_eq!(class.pause, None, "{label}");
            assert_eq!(failure.breaker().label, label);
        }
    }

    #[test]
    fn an_error_of_one_key_of_redis_pauses_nothing() {
        let away = RedisError::from((redis::ErrorKind::Io, "not connected to Redis"));
        let odd = RedisError::from((redis::ErrorKind::UnexpectedReturnType, "no text"));

        let class = Failure::from(away).classify();
        assert_eq!(class.pause, Some(PauseReason::Redis(RedisTrouble::Away)));
        let class = Failure::from(odd).classify();
        assert_eq!(
            (class.reason, class.pause, class.disposition),
            (
                "redis_refused",
                None,
                Disposition::Judged(FailureKind::Refusal)
            )
        );
    }
}

//! Places at which a test lets the process die or hang, to prove what a crash there does not do.
//!
//! Compiled to nothing without the cargo feature `kill-points`, which only the project's own tests turn on. Armed by
//! the environment: `BRIDGE_KILL_POINT=<name>=abort` or `<name>=hang:<duration>`; it strikes once.

/// A place between two steps whose order matters. `docs/RELIABILITY.md` lists what each proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPoint {
    /// A message was delivered, nothing is done yet.
    Delivered,
    /// The lease is granted, nothing is intended yet.
    Claimed,
    /// It is written down that a person is about to be created.
    PersonIntended,
    /// Pipedrive said that the person is created; nobody wrote that down.
    PersonAnswered,
    /// The person is known, the activity is not intended yet.
    Matched,
    /// It is written down that the activity is about to be created.
    ActivityIntended,
    /// Pipedrive said that the activity is created, or changed; nobody wrote that down.
    ActivityAnswered,
    /// The interaction is marked as recorded, the message is not acknowledged.
    Completed,
    /// The copy in a retry queue is confirmed, the original is not acknowledged.
    RetryPublished,
    /// The copy in the dead letter queue is confirmed, the original is not acknowledged.
    DeadLetterPublished,
    /// The broker confirmed a webhook's message, the sender has no answer.
    WebhookConfirmed,
}

impl KillPoint {
    /// The name in `BRIDGE_KILL_POINT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Claimed => "claimed",
            Self::PersonIntended => "person-intended",
            Self::PersonAnswered => "person-answered",
            Self::Matched => "matched",
            Self::ActivityIntended => "activity-intended",
            Self::ActivityAnswered => "activity-answered",
            Self::Completed => "completed",
            Self::RetryPublished => "retry-published",
            Self::DeadLetterPublished => "dead-letter-published",
            Self::WebhookConfirmed => "webhook-confirmed",
        }
    }
}

/// Passes a kill point; where it is armed, the process dies or hangs here.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach(_: KillPoint) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(feature = "kill-points")]
pub use armed::reach;

#[cfg(feature = "kill-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::KillPoint;

    struct Armed {
        name: String,
        /// `None`: die.
        hang: Option<Duration>,
        struck: AtomicBool,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    /// Passes a kill point; where it is armed, the process dies or hangs here.
    pub async fn reach(point: KillPoint) {
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        if armed.name != point.name() || armed.struck.swap(true, Ordering::SeqCst) {
            return;
        }
        match armed.hang {
            None => std::process::abort(),
            Some(duration) => tokio::time::sleep(duration).await,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no setting: only tests arm a kill point"
    )]
    fn read() -> Option<Armed> {
        let text = std::env::var("BRIDGE_KILL_POINT").ok()?;
        let (name, action) = text.split_once('=')?;
        let hang = action
            .strip_prefix("hang:")
            .and_then(|duration| humantime::parse_duration(duration).ok());
        assert!(
            hang.is_some() || action == "abort",
            "BRIDGE_KILL_POINT: {action} is neither abort nor hang:<duration>"
        );
        Some(Armed {
            name: name.to_owned(),
            hang,
            struck: AtomicBool::new(false),
        })
    }
}

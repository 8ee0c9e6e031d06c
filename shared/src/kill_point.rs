//! Places at which a test lets the process die or hang, to prove what a crash there does not do.
//!
//! Compiled to nothing without the cargo feature `kill-points`, which only the project's own tests turn on. Armed by
//! the environment: `BRIDGE_KILL_POINT=<name>=abort`, `<name>=panic` or `<name>=hang:<duration>`, and `@<interaction>`
//! behind it to strike over that one only; it strikes once.

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
    /// Pipedrive gave new OAuth tokens; Redis does not have them yet.
    TokenAnswered,
    /// The broker confirmed a webhook's message, the sender has no answer.
    WebhookConfirmed,
    /// The broker did not take a webhook's message, and it is not in the spool yet.
    SpoolNeeded,
    /// A webhook's message is in the spool for good, the sender has no answer.
    Spooled,
    /// The broker confirmed messages of the spool, they are still in it.
    SpoolConfirmed,
    /// Confirmed messages are out of the spool.
    SpoolDeleted,
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
            Self::TokenAnswered => "token-answered",
            Self::WebhookConfirmed => "webhook-confirmed",
            Self::SpoolNeeded => "spool-needed",
            Self::Spooled => "spooled",
            Self::SpoolConfirmed => "spool-confirmed",
            Self::SpoolDeleted => "spool-deleted",
        }
    }
}

/// Passes a kill point; where it is armed, the process dies or hangs here.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach(_: KillPoint) -> std::future::Ready<()> {
    std::future::ready(())
}

/// [`reach`], on behalf of one interaction.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach_with(_: KillPoint, _: &str) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(feature = "kill-points")]
pub use armed::{reach, reach_with};

#[cfg(feature = "kill-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::KillPoint;

    struct Armed {
        name: String,
        action: Action,
        /// Only over this interaction.
        interaction: Option<String>,
        struck: AtomicBool,
    }

    enum Action {
        Abort,
        Panic,
        Hang(Duration),
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    /// Passes a kill point; where it is armed, the process dies or hangs here.
    pub async fn reach(point: KillPoint) {
        strike(point, None).await;
    }

    /// [`reach`], on behalf of one interaction.
    pub async fn reach_with(point: KillPoint, interaction: &str) {
        strike(point, Some(interaction)).await;
    }

    async fn strike(point: KillPoint, interaction: Option<&str>) {
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        let is_meant = armed.interaction.is_none() || armed.interaction.as_deref() == interaction;
        if armed.name != point.name() || !is_meant || armed.struck.swap(true, Ordering::SeqCst) {
            return;
        }
        match armed.action {
            Action::Abort => std::process::abort(),
            Action::Panic => panic!("kill point {}", armed.name),
            Action::Hang(duration) => tokio::time::sleep(duration).await,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no setting: only tests arm a kill point"
    )]
    fn read() -> Option<Armed> {
        let text = std::env::var("BRIDGE_KILL_POINT").ok()?;
        let (name, rest) = text.split_once('=')?;
        let (action, interaction) = rest
            .split_once('@')
            .map_or((rest, None), |(action, id)| (action, Some(id)));
        let hang = action
            .strip_prefix("hang:")
            .and_then(|duration| humantime::parse_duration(duration).ok());
        let action = match (action, hang) {
            ("abort", _) => Action::Abort,
            ("panic", _) => Action::Panic,
            (_, Some(duration)) => Action::Hang(duration),
            _ => panic!("BRIDGE_KILL_POINT: {action} is none of abort, panic, hang:<duration>"),
        };
        let interaction = interaction.map(str::to_owned);
        Some(Armed {
            name: name.to_owned(),
            action,
            interaction,
            struck: AtomicBool::new(false),
        })
    }
}

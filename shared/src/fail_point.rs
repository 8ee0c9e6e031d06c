//! Fail points: places at which a test lets the process die or hang, to prove what a crash there does not do.
//!
//! Compiled to nothing without the cargo feature `kill-points`, which only the project's own tests turn on. Armed by
//! the environment: `BRIDGE_KILL_POINT=<name>=abort`, `<name>=panic`, `<name>=hold:<path>` or `<name>=hold-panic:<path>`,
//! and `@<subject>` behind it to strike over that one only, an interaction or an operation; it strikes once. A held
//! process creates the file; when the file is deleted, it continues, or panics. The names of the feature, of the variable
//! and of the points are contracts of the tests.

/// A place between two steps whose order matters. `docs/RELIABILITY.md` lists what each proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailPoint {
    /// A message was delivered, nothing is done yet.
    Delivered,
    /// It is decided whether a worker may have worked on it before; it is not claimed yet.
    ClaimWeighed,
    /// The lease is granted, nothing is intended yet.
    Claimed,
    /// Redis knows the person of the number; Pipedrive was not asked yet whether that is still so.
    PersonRecalled,
    /// The search found no person with the number; nothing is intended yet.
    PersonSearched,
    /// The intent to create a person is stored.
    PersonIntended,
    /// Pipedrive answered that the person is created; that is not stored yet.
    PersonAnswered,
    /// The person who was created is remembered for the number.
    PersonRemembered,
    /// A page of the list of people is in the directory; its progress is not noted.
    DirectoryPageStored,
    /// Changes of people are in the directory; it is not noted up to when they are known.
    DirectoryPolled,
    /// The person is known, the activity is not intended yet.
    Matched,
    /// The intent to create the activity is stored.
    ActivityIntended,
    /// The intent to change the activity is stored.
    ActivityChangeIntended,
    /// Pipedrive answered that the activity is changed; that is not stored yet.
    ActivityChangeAnswered,
    /// The activity is created or up to date; that is not stored yet.
    ActivityAnswered,
    /// Pipedrive answered a request; the token bucket was not corrected by the answer yet. The subject is the
    /// operation.
    PipedriveAnswered,
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
    /// A background task of a service begins. The subject is its name.
    TaskStarted,
}

impl FailPoint {
    /// The name in `BRIDGE_KILL_POINT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::ClaimWeighed => "claim-weighed",
            Self::Claimed => "claimed",
            Self::PersonRecalled => "person-recalled",
            Self::PersonSearched => "person-searched",
            Self::PersonIntended => "person-intended",
            Self::PersonAnswered => "person-answered",
            Self::PersonRemembered => "person-remembered",
            Self::DirectoryPageStored => "directory-page-stored",
            Self::DirectoryPolled => "directory-polled",
            Self::Matched => "matched",
            Self::ActivityIntended => "activity-intended",
            Self::ActivityChangeIntended => "activity-change-intended",
            Self::ActivityChangeAnswered => "activity-change-answered",
            Self::ActivityAnswered => "activity-answered",
            Self::PipedriveAnswered => "pipedrive-answered",
            Self::Completed => "completed",
            Self::RetryPublished => "retry-published",
            Self::DeadLetterPublished => "dead-letter-published",
            Self::TokenAnswered => "token-answered",
            Self::WebhookConfirmed => "webhook-confirmed",
            Self::SpoolNeeded => "spool-needed",
            Self::Spooled => "spooled",
            Self::SpoolConfirmed => "spool-confirmed",
            Self::SpoolDeleted => "spool-deleted",
            Self::TaskStarted => "task-started",
        }
    }
}

/// Passes a fail point; where it is armed, the process dies or is held here.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach(_: FailPoint) -> std::future::Ready<()> {
    std::future::ready(())
}

/// [`reach`], over one subject.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach_with(_: FailPoint, _: &str) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(feature = "kill-points")]
pub use armed::{reach, reach_with};

#[cfg(feature = "kill-points")]
mod armed {
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::FailPoint;

    /// Time between two checks whether a held process may continue.
    const POLL: Duration = Duration::from_millis(20);

    struct Armed {
        name: String,
        action: Action,
        /// Only over this one.
        subject: Option<String>,
        struck: AtomicBool,
    }

    enum Action {
        Abort,
        Panic,
        Hold(PathBuf),
        /// Held like [`Self::Hold`], then a panic.
        HoldThenPanic(PathBuf),
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    /// Passes a fail point; where it is armed, the process dies or is held here.
    pub async fn reach(point: FailPoint) {
        strike(point, None).await;
    }

    /// [`reach`], over one subject.
    pub async fn reach_with(point: FailPoint, subject: &str) {
        strike(point, Some(subject)).await;
    }

    async fn strike(point: FailPoint, subject: Option<&str>) {
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        let is_meant = armed.subject.is_none() || armed.subject.as_deref() == subject;
        if armed.name != point.name() || !is_meant || armed.struck.swap(true, Ordering::SeqCst) {
            return;
        }
        match &armed.action {
            Action::Abort => std::process::abort(),
            Action::Panic => panic!("fail point {}", armed.name),
            Action::Hold(path) => hold(path).await,
            Action::HoldThenPanic(path) => {
                hold(path).await;
                panic!("fail point {}", armed.name);
            }
        }
    }

    async fn hold(path: &Path) {
        std::fs::write(path, "held").expect("the file of a held fail point can be written");
        while path.exists() {
            tokio::time::sleep(POLL).await;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no setting: only tests arm a fail point"
    )]
    fn read() -> Option<Armed> {
        let text = std::env::var("BRIDGE_KILL_POINT").ok()?;
        let (name, rest) = text.split_once('=')?;
        let (action, subject) = rest
            .split_once('@')
            .map_or((rest, None), |(action, subject)| (action, Some(subject)));
        let action = match action.split_once(':') {
            None if action == "abort" => Action::Abort,
            None if action == "panic" => Action::Panic,
            Some(("hold", path)) => Action::Hold(path.into()),
            Some(("hold-panic", path)) => Action::HoldThenPanic(path.into()),
            _ => panic!(
                "BRIDGE_KILL_POINT: {action} is none of abort, panic, hold:<path> and hold-panic:<path>"
            ),
        };
        Some(Armed {
            name: name.to_owned(),
            action,
            subject: subject.map(str::to_owned),
            struck: AtomicBool::new(false),
        })
    }
}

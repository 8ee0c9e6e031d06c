//! Which form a body had.

/// Which form a body had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The payload of the guide: `{"data":{…}}`.
    Guide,
    /// `conversation.ended` with `callerId` and `calleeId`: like the guide's, an invention and no feature of Genesys.
    ConversationEnded,
    /// An EventBridge envelope, whole.
    EventBridge,
    /// An envelope's `detail`, or the JSON template of a trigger's data action.
    EventBody,
    /// An event body by itself, or the flat template of a trigger's data action.
    Flat,
    /// Made by `worker` from Genesys' own record of a conversation whose events never came.
    Reconcile,
}

impl Source {
    /// The name in headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::ConversationEnded => "conversation-ended",
            Self::EventBridge => "eventbridge",
            Self::EventBody => "event-body",
            Self::Flat => "flat",
            Self::Reconcile => "reconcile",
        }
    }
}

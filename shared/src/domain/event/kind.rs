//! Which event of an interaction it is.

use serde::{Deserialize, Serialize};

/// What topic names of analytics detail events begin with; then the conversation id, a dot and the leaf.
const DETAIL_TOPIC: &str = "v2.detail.events.conversation.";

/// Which event it is. The order is the order of authority: what an earlier kind says of the customer wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The guide's `interaction.completed`, or its sibling `conversation.ended`.
    Completed,
    /// The customer's session ended: the best single sign that an interaction is over.
    CustomerEnd,
    /// An agent's leg ended.
    UserEnd,
    /// An agent finished after-call work.
    Acw,
    /// A wrap-up code was given.
    Wrapup,
}

impl Kind {
    /// The topic's leaf; also the name in headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "interaction.completed",
            Self::CustomerEnd => "customer.end",
            Self::UserEnd => "user.end",
            Self::Acw => "acw",
            Self::Wrapup => "wrapup",
        }
    }

    /// Whether it only adds to what another event of the same interaction says.
    #[must_use]
    pub fn enriches(self) -> bool {
        match self {
            Self::Completed | Self::CustomerEnd => false,
            Self::UserEnd | Self::Acw | Self::Wrapup => true,
        }
    }

    /// The kind that a full topic name, or its leaf, stands for.
    pub(super) fn from_topic(topic: &str) -> Option<Self> {
        let leaf = match topic.strip_prefix(DETAIL_TOPIC) {
            Some(rest) => rest.split_once('.')?.1,
            None => topic,
        };
        [
            Self::Completed,
            Self::CustomerEnd,
            Self::UserEnd,
            Self::Acw,
            Self::Wrapup,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == leaf)
    }
}

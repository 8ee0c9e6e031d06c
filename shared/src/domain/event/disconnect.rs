//! Why a session or a leg ended.

use serde::{Deserialize, Serialize};

/// Genesys' `disconnectType`, in capitals. Unknown values are kept.
///
/// Source: the enumeration of `disconnectType` in Genesys' detail event schemas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Disconnect(String);

impl Disconnect {
    /// Reads a value in whatever case it is written.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.to_ascii_uppercase())
    }

    /// The value as Genesys writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the leg was handed on: the interaction continues with another leg.
    #[must_use]
    pub fn is_transfer(&self) -> bool {
        self.0 == "TRANSFER" || self.0.ends_with("_TRANSFER")
    }

    /// Whether the other side did not want to be disturbed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0 == "DND_ENDPOINT" || self.0 == "DND_TRANSFER"
    }

    /// Whether the leg ended since it was not answered.
    #[must_use]
    pub fn is_no_answer(&self) -> bool {
        ["NO_ANSWER_TRANSFER", "NOT_AVAILABLE_TRANSFER", "TIMEOUT"].contains(&self.as_str())
    }

    /// Whether the connection could not be made, or broke.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        ["ERROR", "TRANSPORT_FAILURE", "UNCALLABLE"].contains(&self.as_str())
    }

    /// Whether, on a customer's session, the customer hung up.
    #[must_use]
    pub fn is_by_customer(&self) -> bool {
        ["ENDPOINT", "CLIENT"].contains(&self.as_str())
    }
}

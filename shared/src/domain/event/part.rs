//! Which part of an event arrived, when its body was cut off on the way.

use serde::{Deserialize, Serialize};

/// Which part of an event arrived.
///
/// Kept in Redis as JSON: members may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The digest of the key under which the whole event is known; absent when the cut removed a part of that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How many bytes arrived.
    pub bytes: u64,
}

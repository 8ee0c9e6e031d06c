//! Identifiers that must not be mixed, and the two keys of idempotency.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest interaction id accepted, in bytes: it travels as AMQP `message_id`, a short string of at most 255.
pub const INTERACTION_ID_MAX_BYTES: usize = 200;

/// Which conversation: Genesys' `conversationId`, or the guide's `data.id`. Decides which record an event belongs to.
///
/// 1 to [`INTERACTION_ID_MAX_BYTES`] bytes, no control characters, no blank at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InteractionId(String);

/// The text is empty, too long or holds control characters.
#[derive(Debug, thiserror::Error)]
#[error("an interaction id has 1 to {INTERACTION_ID_MAX_BYTES} bytes and no control characters")]
pub struct InvalidInteractionId;

impl InteractionId {
    /// Trims `text` and checks it.
    ///
    /// # Errors
    ///
    /// When nothing is left, it is too long, or it holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidInteractionId> {
        let text = text.trim();
        let fits = (1..=INTERACTION_ID_MAX_BYTES).contains(&text.len());
        if !fits || text.chars().any(char::is_control) {
            return Err(InvalidInteractionId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as Genesys wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The idempotency key of the guide: the id's SHA-256 in hexadecimal.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        sha256_hex(&self.0)
    }
}

impl fmt::Display for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for InteractionId {
    type Error = InvalidInteractionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<InteractionId> for String {
    fn from(id: InteractionId) -> Self {
        id.0
    }
}

/// Which event of an interaction: what came twice under one key is a duplicate.
///
/// Of Genesys' events the natural key `leaf|conversationId|participantId|sessionId|eventTime`. The envelope's own id is no
/// part of it: Genesys may publish one event anew under another envelope. Of the guide's event, which has no such members,
/// `interaction.completed|id|<digest of the body>`: the same body is a duplicate, one that says more is an update. Older
/// versions wrote `interaction.completed|id`; see [`super::facts::Facts::repeats`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey(String);

impl EventKey {
    /// Joins the parts that distinguish one event from another. The digest of a part stands for one that is no id of Genesys', but
    /// a text of any length: the key travels as a header, and headers that do not fit into one frame cost the connection.
    #[must_use]
    pub fn from_parts(parts: &[&str]) -> Self {
        let parts = parts.iter().map(|part| {
            if part.len() > INTERACTION_ID_MAX_BYTES {
                Cow::Owned(sha256_hex(part))
            } else {
                Cow::Borrowed(*part)
            }
        });
        Self(parts.collect::<Vec<_>>().join("|"))
    }

    /// The key of the guide's event without its content, which older versions wrote.
    #[must_use]
    pub fn legacy_of_guide(interaction: &InteractionId) -> Self {
        Self::from_parts(&["interaction.completed", interaction.as_str()])
    }

    /// The key in readable form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A short, fixed-length form for Redis fields: the first 16 bytes of the key's SHA-256 in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hex = sha256_hex(&self.0);
        hex.truncate(32);
        hex
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of `text` in hexadecimal.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    sha256_hex_of(text.as_bytes())
}

/// SHA-256 of `bytes` in hexadecimal.
#[must_use]
pub fn sha256_hex_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idempotency_key_is_the_sha_256_that_the_guide_computes() {
        let id = InteractionId::parse("abc").unwrap();

        let key = id.idempotency_key();

        assert_eq!(
            key,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_part_of_any_length_makes_a_key_of_its_own_that_is_short() {
        let long = "x".repeat(100_000);

        let key = EventKey::from_parts(&["acw", &long]);

        assert!(key.as_str().len() < 100, "{key}");
        assert_ne!(key, EventKey::from_parts(&["acw", &long[1..]]));
        assert_eq!(EventKey::from_parts(&["acw", "p"]).as_str(), "acw|p");
    }

    #[test]
    fn blank_long_and_control_character_ids_are_refused() {
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert!(InteractionId::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(InteractionId::parse(" a ").unwrap().as_str(), "a");
    }
}

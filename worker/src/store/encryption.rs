//! Encryption of secrets that Redis keeps: AES-256-GCM with a random nonce for each.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// How a sealed value is laid out: this byte, the nonce, the ciphertext with its tag.
const VERSION: u8 = 1;

/// Encrypts and decrypts with one key.
pub(super) struct Encryption(RandomizedNonceKey);

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryption([REDACTED])")
    }
}

impl Encryption {
    pub fn new(key: &[u8; 32]) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key);
        Self(key.expect("AES-256 takes any 32 bytes"))
    }

    /// Encrypts `text`. It opens at the same `place` only: what lies in Redis cannot be moved about.
    pub fn close(&self, place: &str, mut text: Vec<u8>) -> Vec<u8> {
        let sealing = self.0.seal_in_place_append_tag(Aad::from(place), &mut text);
        let nonce = sealing.expect("a text is far shorter than what AES-GCM takes");
        [&[VERSION], nonce.as_ref().as_slice(), &text].concat()
    }

    /// Decrypts; `None` where it was encrypted with another key, at another place, by a newer version, or was changed.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = sealed.split_first()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        if version != VERSION {
            return None;
        }
        let mut text = ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(place), &mut text);
        let length = opened.ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"refresh token";

    #[test]
    fn what_is_sealed_opens_with_the_same_key_at_the_same_place_only() {
        let encryption = Encryption::new(&[7; 32]);
        let sealed = encryption.close("here", TEXT.to_vec());

        assert_eq!(encryption.open("here", &sealed).as_deref(), Some(TEXT));
        assert_eq!(encryption.open("there", &sealed), None);
        assert_eq!(Encryption::new(&[8; 32]).open("here", &sealed), None);
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let encryption = Encryption::new(&[7; 32]);
        let sealed = encryption.close("here", TEXT.to_vec());

        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(encryption.open("here", &changed), None, "byte {at}");
            assert_eq!(encryption.open("here", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn nothing_of_the_text_is_seen_and_no_two_are_alike() {
        let encryption = Encryption::new(&[7; 32]);
        let (one, other) = (
            encryption.close("here", TEXT.to_vec()),
            encryption.close("here", TEXT.to_vec()),
        );

        assert!(
            !one.windows(4)
                .any(|part| TEXT.windows(4).any(|text| text == part))
        );
        assert_ne!(one, other);
    }
}

//! The one function that hashes handles: telephone numbers and e-mail addresses, for names of keys and for the directory.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use shared::domain::ids::sha256_hex;

/// Hashes handles, with the key of this installation where there is one.
#[derive(Clone, Debug)]
pub(crate) struct HandleHasher(Option<hmac::Key>);

impl HandleHasher {
    pub fn new(key: Option<&SecretString>) -> Self {
        let key = key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes()));
        Self(key)
    }

    /// A handle's name: its SHA-256 in hexadecimal; with a key, the HMAC-SHA256 of that.
    pub fn name(&self, handle: &str) -> String {
        self.protect(sha256_hex(handle))
    }

    /// The name that replaces a plain SHA-256. The same text without a key.
    pub fn protect(&self, plain: String) -> String {
        match &self.0 {
            None => plain,
            Some(key) => {
                let tag = hmac::sign(key, plain.as_bytes());
                let mut name = String::with_capacity(2 * tag.as_ref().len());
                for byte in tag.as_ref() {
                    for digit in [byte >> 4, byte & 15] {
                        name.extend(char::from_digit(digit.into(), 16));
                    }
                }
                name
            }
        }
    }

    /// The first eight bytes of a handle's name.
    pub fn short(&self, handle: &str) -> [u8; 8] {
        let name = self.name(handle);
        let value = u64::from_str_radix(&name[..16], 16).unwrap_or_default();
        value.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_changes_every_name_and_without_one_it_is_the_plain_hash() {
        let plain = HandleHasher::new(None);
        let keyed = HandleHasher::new(Some(&SecretString::from(
            "0123456789abcdef0123456789abcdef",
        )));
        let other = HandleHasher::new(Some(&SecretString::from(
            "fedcba9876543210fedcba9876543210",
        )));

        assert_eq!(plain.name("+12025550143"), sha256_hex("+12025550143"));
        assert_eq!(keyed.name("a"), keyed.protect(sha256_hex("a")));
        assert_eq!(keyed.name("a").len(), 64);
        assert_ne!(keyed.name("a"), plain.name("a"));
        assert_ne!(keyed.name("a"), other.name("a"));
        assert_ne!(keyed.short("a"), plain.short("a"));
    }
}

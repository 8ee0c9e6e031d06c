//! `X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body>`, in hexadecimal (GitHub's form) or base64 (Genesys' form).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Length of an HMAC-SHA256 in bytes.
pub const MAC_BYTES: usize = 32;

/// A signature secret of senders, with its key schedule computed.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Takes a secret of any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("keys of any length are valid"))
    }

    /// Whether `signature` is this key's for `body`; in constant time.
    #[must_use]
    pub fn signs(&self, body: &[u8], signature: &[u8; MAC_BYTES]) -> Choice {
        let mac = self.0.clone().chain_update(body).finalize().into_bytes();
        mac.as_slice().ct_eq(signature)
    }
}

/// Reads the header's value; `None` when it is no signature at all.
#[must_use]
pub fn parse(header: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let encoded = header.strip_prefix(b"sha256=")?;
    let decoded = match encoded.len() {
        length if length == MAC_BYTES * 2 => hex::decode(encoded).ok()?,
        // Genesys' documentation shows the padded standard alphabet; the others cost nothing.
        _ => [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|alphabet| alphabet.decode(encoded).ok())?,
    };
    decoded.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &[u8] = b"Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const MAC: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn signs(body: &[u8], header: &str) -> bool {
        parse(header.as_bytes()).is_some_and(|mac| SigningKey::new(KEY).signs(body, &mac).into())
    }

    #[test]
    fn hexadecimal_and_base64_are_the_same_signature() {
        let mac = hex::decode(MAC).unwrap();

        for encoded in [
            MAC.to_owned(),
            MAC.to_uppercase(),
            STANDARD.encode(&mac),
            URL_SAFE_NO_PAD.encode(&mac),
        ] {
            assert!(signs(BODY, &format!("sha256={encoded}")), "{encoded}");
        }
    }

    #[test]
    fn another_body_and_another_shape_are_refused() {
        assert!(!signs(
            b"what do ya want for nothing!",
            &format!("sha256={MAC}")
        ));
        for shape in [
            "",
            "sha256=",
            MAC,
            &format!("sha1={MAC}"),
            &format!("sha256={}", &MAC[2..]),
        ] {
            assert!(!signs(BODY, shape), "{shape}");
        }
    }
}

//! Names of the keys that belong to a handle: a number or an e-mail address by which a person is found.
//!
//! No other module makes such names. The two keys of a handle hold the person and the lease; both carry the hash of the
//! handle, because numbers and addresses are personal data.

use shared::domain::ids::sha256_hex;
use shared::domain::phone::{self, E164};

use super::handle::HandleHasher;

/// The part of a handle's key names that distinguishes handles. Its order is the order in which leases are claimed: all
/// workers claim in the same order, so that none waits for another that waits for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandleKey(String);

impl HandleKey {
    /// The keys of a number, the one of its matching key first: the two spellings of one mobile share them. The others are
    /// those under which older versions store a number that has a second spelling. For all other numbers both names are
    /// the same.
    #[must_use]
    pub fn of_number(number: &E164) -> Vec<Self> {
        let spellings = phone::spellings(number);
        spellings
            .iter()
            .map(|spelling| Self::hashed(spelling.as_str()))
            .collect()
    }

    /// The key of an e-mail address in lower case. `mailto:` keeps addresses apart from numbers, whatever they look like.
    #[must_use]
    pub fn of_email(address: &str) -> Self {
        Self::hashed(&format!("mailto:{address}"))
    }

    fn hashed(handle: &str) -> Self {
        Self(sha256_hex(handle))
    }

    /// Names of the entry and of its lease, in one slot of a Redis cluster.
    pub(super) fn names(&self, hasher: &HandleHasher) -> [String; 2] {
        let hash = hasher.protect(self.0.clone());
        [
            format!("person:{{{hash}}}"),
            format!("person-lock:{{{hash}}}"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(number: &str) -> Vec<HandleKey> {
        HandleKey::of_number(&E164::try_from(number.to_owned()).unwrap())
    }

    #[test]
    fn a_number_keeps_the_name_under_which_older_versions_store_it() {
        let hash = sha256_hex("+12025550143");
        let [key] = &keys("+12025550143")[..] else {
            panic!("a number of one spelling has one key");
        };
        assert_eq!(
            key.names(&HandleHasher::new(None)),
            [
                format!("person:{{{hash}}}"),
                format!("person-lock:{{{hash}}}")
            ]
        );
    }

    #[test]
    fn the_two_spellings_of_a_mobile_share_their_keys_and_the_older_name_is_among_them() {
        let long = keys("+5215512345678");
        assert_eq!(long, keys("+525512345678"));
        assert_eq!(long[1], HandleKey::hashed("+5215512345678"));
    }

    #[test]
    fn an_address_that_looks_like_a_number_has_a_key_of_its_own() {
        let number = keys("+12025550143").remove(0);
        assert_ne!(HandleKey::of_email("+12025550143"), number);
    }
}

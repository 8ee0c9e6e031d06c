//! One generation of tokens: how long it is valid, what refreshes it, how it is stored.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

/// How long before its end an access token is refreshed: time enough for a token endpoint that is away for a while.
const AHEAD: Duration = Duration::from_secs(300);
/// A token that lives for less than 25 minutes is refreshed when this part of its life is left.
const AHEAD_PART: u32 = 5;

/// Tokens from one refresh.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Later tokens have a greater one, those after a loss of Redis too: milliseconds of Unix time, or one more than the
    /// last.
    pub generation: u64,
    /// Access token that requests carry.
    pub access_token: SecretString,
    /// Obtains the next tokens.
    pub refresh_token: SecretString,
    /// When the refresh began.
    pub issued_at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// The company's host for requests.
    pub api_domain: Option<Url>,
    /// How this process obtained them.
    pub origin: TokenOrigin,
}

/// How a process obtained its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOrigin {
    /// Another process refreshed them, with whatever secret it had.
    Store,
    /// A refresh by this process, and they are stored.
    Refreshed,
    /// A refresh by this process, whose answer the store did not take.
    NotKept,
}

impl fmt::Display for TokenOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => {
                "found in Redis (client_id and client_secret were not tried, which only a refresh does)"
            }
            Self::Refreshed => "refreshed just now, and kept in Redis for the workers",
            Self::NotKept => {
                "refreshed just now, but not stored in Redis: if no worker is authorized, install the app again"
            }
        })
    }
}

impl Tokens {
    /// Whether the access token is still valid.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// How long until it is refreshed.
    #[must_use]
    pub fn until_due(&self, now: Timestamp) -> Duration {
        let life = self.expires_at.duration_since(self.issued_at);
        let life = Duration::try_from(life).unwrap_or_default();
        let left = self.expires_at.duration_since(now);
        let left = Duration::try_from(left).unwrap_or_default();
        left.saturating_sub(AHEAD.min(life / AHEAD_PART))
    }
}

/// A generation after all that are known.
pub(crate) fn next_generation<'t>(
    now: Timestamp,
    known: impl IntoIterator<Item = &'t Tokens>,
) -> u64 {
    let clock = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let last = known.into_iter().map(|tokens| tokens.generation).max();
    last.map_or(clock, |last| clock.max(last + 1))
}

/// The refresh token to try next. The newest that is known goes first, for older ones may be spent, and the first of
/// the installation last.
pub(crate) fn next_candidate<'t>(
    known: impl IntoIterator<Item = &'t Tokens>,
    first: &SecretString,
    denied: &[SecretString],
) -> Option<SecretString> {
    let mut known: Vec<&Tokens> = known.into_iter().collect();
    known.sort_by_key(|tokens| std::cmp::Reverse(tokens.generation));
    let known = known.into_iter().map(|tokens| &tokens.refresh_token);
    let is_denied = |token: &SecretString| denied.iter().any(|denied| is_same(denied, token));
    known
        .chain([first])
        .find(|token| !is_denied(token))
        .cloned()
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// Tokens as they are encrypted: JSON of schema 1, to which fields may be added.
#[derive(Serialize, Deserialize)]
struct Written {
    access_token: String,
    refresh_token: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    api_domain: Option<Url>,
}

impl Tokens {
    /// The tokens as they are to be encrypted: JSON.
    ///
    /// # Panics
    ///
    /// Never: texts and times are always JSON.
    #[must_use]
    pub fn to_plaintext(&self) -> Vec<u8> {
        let written = Written {
            access_token: self.access_token.expose_secret().to_owned(),
            refresh_token: self.refresh_token.expose_secret().to_owned(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            api_domain: self.api_domain.clone(),
        };
        serde_json::to_vec(&written).expect("texts and times are JSON")
    }

    /// Reads what was encrypted; `None` where it is of another form.
    #[must_use]
    pub fn from_plaintext(generation: u64, plaintext: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(plaintext).ok()?;
        Some(Self {
            generation,
            access_token: written.access_token.into(),
            refresh_token: written.refresh_token.into(),
            issued_at: written.issued_at,
            expires_at: written.expires_at,
            api_domain: written.api_domain,
            origin: TokenOrigin::Store,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(generation: u64, refresh_token: &str) -> Tokens {
        let issued_at = Timestamp::UNIX_EPOCH;
        Tokens {
            generation,
            access_token: "access".into(),
            refresh_token: refresh_token.into(),
            issued_at,
            expires_at: issued_at + Duration::from_secs(3600),
            api_domain: None,
            origin: TokenOrigin::Refreshed,
        }
    }

    fn after(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// All that are tried when each is denied, in order.
    fn order(known: &[&Tokens]) -> Vec<String> {
        let first = SecretString::from("first");
        let (mut denied, mut names) = (Vec::new(), Vec::new());
        while let Some(next) = next_candidate(known.iter().copied(), &first, &denied) {
            names.push(next.expose_secret().to_owned());
            denied.push(next);
        }
        names
    }

    #[test]
    fn a_token_is_refreshed_well_before_its_end() {
        let mut token = tokens(1, "r");
        assert_eq!(token.until_due(after(0)), Duration::from_secs(3300));
        assert_eq!(token.until_due(after(3400)), Duration::ZERO);
        assert!(token.is_valid(after(3599)) && !token.is_valid(after(3600)));

        token.expires_at = after(2);
        assert_eq!(token.until_due(after(0)), Duration::from_millis(1600));
        assert_eq!(token.until_due(after(9)), Duration::ZERO);
    }

    #[test]
    fn generations_grow_whatever_redis_and_the_clock_forget() {
        let known = tokens(5_000, "r");

        assert_eq!(next_generation(after(9), []), 9_000);
        assert_eq!(next_generation(after(9), [&known]), 9_000);
        assert_eq!(next_generation(after(1), [&known]), 5_001);
    }

    #[test]
    fn the_newest_refresh_token_is_tried_first_and_the_configured_one_last() {
        let (old, new) = (tokens(1, "old"), tokens(2, "new"));

        assert_eq!(order(&[]), ["first"]);
        assert_eq!(order(&[&new]), ["new", "first"]);
        assert_eq!(order(&[&new, &old]), ["new", "old", "first"]);
        assert_eq!(order(&[&old, &new]), ["new", "old", "first"]);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut token = tokens(7, "refresh");
        token.api_domain = "https://company.pipedrive.com".parse().ok();

        let read = Tokens::from_plaintext(7, &token.to_plaintext()).unwrap();

        assert!(is_same(&read.access_token, &token.access_token));
        assert!(is_same(&read.refresh_token, &token.refresh_token));
        assert_eq!(
            (read.generation, read.expires_at, read.api_domain),
            (7, token.expires_at, token.api_domain)
        );
        assert!(Tokens::from_plaintext(7, b"[]").is_none());
    }
}

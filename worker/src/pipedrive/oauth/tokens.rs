//! One generation of tokens: how long it serves, what refreshes it, how it is written down.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

/// How long before its end an access token is refreshed: time enough for a token endpoint that is away for a while.
const AHEAD: Duration = Duration::from_secs(300);
/// A token that lives for less than 25 minutes is refreshed when this part of its life is left.
const AHEAD_PART: u32 = 5;

/// What one refresh gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Later tokens have a greater one, those after a loss of Redis too: milliseconds of Unix time, or one more than the
    /// last.
    pub generation: u64,
    /// For the API.
    pub access_token: SecretString,
    /// For the next refresh.
    pub refresh_token: SecretString,
    /// The configured refresh token that they descend from: another one in the settings is of a new installation.
    pub installed_with: SecretString,
    /// When they were asked for.
    pub issued_at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// The company's host.
    pub api_domain: Option<Url>,
}

impl Tokens {
    /// Whether the access token still serves.
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
pub(super) fn next_generation<'t>(
    now: Timestamp,
    known: impl IntoIterator<Item = &'t Tokens>,
) -> u64 {
    let clock = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let last = known.into_iter().map(|tokens| tokens.generation).max();
    last.map_or(clock, |last| clock.max(last + 1))
}

/// A refresh token to try.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub refresh_token: SecretString,
    pub installed_with: SecretString,
}

/// The refresh token to try next. The newest first: older ones may be spent. Before all of them a configured one of which
/// these do not descend, unless this worker has long worked with them: then its settings are the ones that are old.
pub(super) fn next_candidate(
    stored: Option<&Tokens>,
    held: Option<&Tokens>,
    configured: &SecretString,
    denied: &[SecretString],
) -> Option<Candidate> {
    let mut known: Vec<&Tokens> = stored.into_iter().chain(held).collect();
    known.sort_by_key(|tokens| std::cmp::Reverse(tokens.generation));
    let is_new_installation = held.is_none()
        && known
            .first()
            .is_some_and(|tokens| !is_same(&tokens.installed_with, configured));
    let mut candidates: Vec<Candidate> = known
        .into_iter()
        .map(|tokens| Candidate {
            refresh_token: tokens.refresh_token.clone(),
            installed_with: tokens.installed_with.clone(),
        })
        .collect();
    let place = if is_new_installation {
        0
    } else {
        candidates.len()
    };
    let of_settings = Candidate {
        refresh_token: configured.clone(),
        installed_with: configured.clone(),
    };
    candidates.insert(place, of_settings);
    let is_untried = |candidate: &Candidate| {
        !denied
            .iter()
            .any(|denied| is_same(denied, &candidate.refresh_token))
    };
    candidates.into_iter().find(is_untried)
}

pub(super) fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// Tokens as they are encrypted: JSON of schema 1, to which fields may be added.
#[derive(Serialize, Deserialize)]
struct Written {
    access_token: String,
    refresh_token: String,
    installed_with: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    api_domain: Option<Url>,
}

impl Tokens {
    /// What is to be encrypted.
    pub(crate) fn to_plaintext(&self) -> Vec<u8> {
        let written = Written {
            access_token: self.access_token.expose_secret().to_owned(),
            refresh_token: self.refresh_token.expose_secret().to_owned(),
            installed_with: self.installed_with.expose_secret().to_owned(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            api_domain: self.api_domain.clone(),
        };
        serde_json::to_vec(&written).expect("texts and times are JSON")
    }

    /// Reads what was encrypted; `None` where it is of another form.
    pub(crate) fn from_plaintext(generation: u64, plaintext: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(plaintext).ok()?;
        Some(Self {
            generation,
            access_token: written.access_token.into(),
            refresh_token: written.refresh_token.into(),
            installed_with: written.installed_with.into(),
            issued_at: written.issued_at,
            expires_at: written.expires_at,
            api_domain: written.api_domain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(generation: u64, refresh_token: &str, installed_with: &str) -> Tokens {
        let issued_at = Timestamp::UNIX_EPOCH;
        Tokens {
            generation,
            access_token: "access".into(),
            refresh_token: refresh_token.into(),
            installed_with: installed_with.into(),
            issued_at,
            expires_at: issued_at + Duration::from_secs(3600),
            api_domain: None,
        }
    }

    fn after(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// All that are tried when each is denied, in order.
    fn order(stored: Option<&Tokens>, held: Option<&Tokens>, configured: &str) -> Vec<String> {
        let configured = SecretString::from(configured);
        let (mut denied, mut names) = (Vec::new(), Vec::new());
        while let Some(next) = next_candidate(stored, held, &configured, &denied) {
            names.push(next.refresh_token.expose_secret().to_owned());
            denied.push(next.refresh_token);
        }
        names
    }

    #[test]
    fn a_token_is_refreshed_well_before_its_end() {
        let mut token = tokens(1, "r", "r");
        assert_eq!(token.until_due(after(0)), Duration::from_secs(3300));
        assert_eq!(token.until_due(after(3400)), Duration::ZERO);
        assert!(token.is_valid(after(3599)) && !token.is_valid(after(3600)));

        token.expires_at = after(2);
        assert_eq!(token.until_due(after(0)), Duration::from_millis(1600));
        assert_eq!(token.until_due(after(9)), Duration::ZERO);
    }

    #[test]
    fn generations_grow_whatever_redis_and_the_clock_forget() {
        let known = tokens(5_000, "r", "r");

        assert_eq!(next_generation(after(9), []), 9_000);
        assert_eq!(next_generation(after(9), [&known]), 9_000);
        assert_eq!(next_generation(after(1), [&known]), 5_001);
    }

    #[test]
    fn the_newest_refresh_token_is_tried_first_and_the_configured_one_last() {
        let (old, new) = (tokens(1, "old", "first"), tokens(2, "new", "first"));

        assert_eq!(order(None, None, "first"), ["first"]);
        assert_eq!(order(Some(&new), None, "first"), ["new", "first"]);
        assert_eq!(
            order(Some(&new), Some(&old), "first"),
            ["new", "old", "first"]
        );
        assert_eq!(
            order(Some(&old), Some(&new), "first"),
            ["new", "old", "first"]
        );
        assert_eq!(
            order(None, Some(&new), "first"),
            ["new", "first"],
            "Redis lost its data"
        );
    }

    #[test]
    fn a_new_installation_goes_first_when_a_worker_starts_with_it() {
        let (old, mine) = (tokens(1, "old", "first"), tokens(1, "mine", "first"));

        assert_eq!(order(Some(&old), None, "second"), ["second", "old"]);
        assert_eq!(
            order(Some(&old), Some(&mine), "second"),
            ["old", "mine", "second"],
            "a worker that runs follows the others"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let mut token = tokens(7, "refresh", "first");
        token.api_domain = "https://company.pipedrive.com".parse().ok();

        let read = Tokens::from_plaintext(7, &token.to_plaintext()).unwrap();

        assert!(is_same(&read.access_token, &token.access_token));
        assert!(is_same(&read.refresh_token, &token.refresh_token));
        assert!(is_same(&read.installed_with, &token.installed_with));
        assert_eq!(
            (read.generation, read.expires_at, read.api_domain),
            (7, token.expires_at, token.api_domain)
        );
        assert!(Tokens::from_plaintext(7, b"[]").is_none());
    }
}

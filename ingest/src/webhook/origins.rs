//! Origin policy for authenticated senders: rejects events that are too old for a signature, and events of another
//! company's EventBridge.

use std::time::Duration;

use jiff::Timestamp;
use shared::config::Ingest;
use shared::domain::origin::Origin;

use super::WebhookError;
use crate::auth::{Admission, Unauthenticated};

/// The accepted origins of events.
pub struct Origins {
    accounts: Vec<String>,
    sources: Vec<String>,
    signature_max_age: Duration,
}

impl Origins {
    /// Accepts the accounts and sources that the settings name, or all.
    #[must_use]
    pub fn new(settings: &Ingest) -> Self {
        Self {
            accounts: settings.eventbridge.accounts.clone(),
            sources: settings.eventbridge.sources.clone(),
            signature_max_age: settings.auth.signature_max_age,
        }
    }

    /// Whether the origin of an event has to be read at all.
    #[must_use]
    pub fn matter(&self, admission: Admission) -> bool {
        let are_limited = !self.accounts.is_empty() || !self.sources.is_empty();
        admission == Admission::SignatureAlone || are_limited
    }

    /// Checks the origin of an event.
    ///
    /// # Errors
    ///
    /// When it is too old for a signature alone, or from another EventBridge.
    pub fn check(
        &self,
        admission: Admission,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        // A negative age comes from a wrong clock, and is within any limit.
        let age = origin.at.map(|at| now.duration_since(at));
        let is_old = age
            .and_then(|age| Duration::try_from(age).ok())
            .is_some_and(|age| age > self.signature_max_age);
        if is_old && admission == Admission::SignatureAlone {
            return Err(WebhookError::Stale(Unauthenticated));
        }
        match &origin.envelope {
            Some(envelope) if !envelope.is_from_account(&self.accounts) => {
                Err(WebhookError::Foreign("account"))
            }
            Some(envelope) if !envelope.is_from_source(&self.sources) => {
                Err(WebhookError::Foreign("source"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::origin::Envelope;

    use super::*;

    fn origins(variables: &[(&str, &str)]) -> Origins {
        let variables = variables
            .iter()
            .map(|(key, value)| (format!("BRIDGE__INGEST__{key}"), (*value).to_owned()));
        Origins::new(&shared::config::load_from(None, variables).unwrap().ingest)
    }

    fn at(text: &str) -> Origin {
        Origin {
            at: Some(text.parse().unwrap()),
            envelope: None,
        }
    }

    #[test]
    fn a_signature_alone_is_good_for_six_days_and_a_secret_for_ever() {
        let origins = origins(&[]);
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let is_taken = |admission, origin: &Origin| origins.check(admission, origin, now).is_ok();

        for (origin, signature_alone) in [
            (at("2026-03-10T12:00:00Z"), true),
            (at("2026-03-04T12:00:00Z"), true),
            (at("2026-03-04T11:59:59Z"), false),
            (at("1970-01-01T00:00:00Z"), false),
            (at("2026-03-10T13:00:00Z"), true),
            (Origin::default(), true),
        ] {
            assert_eq!(
                is_taken(Admission::SignatureAlone, &origin),
                signature_alone,
                "{origin:?}"
            );
            assert!(is_taken(Admission::Secret, &origin));
        }
    }

    #[test]
    fn only_an_envelope_is_asked_for_its_account_and_source() {
        let limited = origins(&[
            ("EVENTBRIDGE__ACCOUNTS", "123456789012"),
            ("EVENTBRIDGE__SOURCES", "aws.partner/genesys.com/cloud/org"),
        ]);
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let outcome = |account: &str, source: &str| {
            let envelope = Envelope {
                account: Some(account.to_owned()),
                source: Some(source.to_owned()),
            };
            let origin = Origin {
                at: None,
                envelope: Some(envelope),
            };
            limited.check(Admission::Secret, &origin, now)
        };

        assert!(outcome("123456789012", "aws.partner/genesys.com/cloud/org/x").is_ok());
        for (account, source, what) in [
            (
                "999999999999",
                "aws.partner/genesys.com/cloud/org/x",
                "account",
            ),
            (
                "123456789012",
                "aws.partner/genesys.com/cloud/other",
                "source",
            ),
        ] {
            let error = outcome(account, source).unwrap_err();
            assert!(matches!(error, WebhookError::Foreign(found) if found == what));
        }
        assert!(
            limited
                .check(Admission::Secret, &Origin::default(), now)
                .is_ok()
        );
    }

    #[test]
    fn origins_are_read_only_where_they_matter() {
        let open = origins(&[]);
        let limited = origins(&[("EVENTBRIDGE__ACCOUNTS", "123456789012")]);

        assert!(!open.matter(Admission::Secret));
        assert!(open.matter(Admission::SignatureAlone));
        assert!(limited.matter(Admission::Secret));
    }
}

//! Where an event comes from, and when it happened, as its body says.
//!
//! Read besides the event itself, by whoever has to know it before the event is taken: of an event that is ignored it
//! counts as well. The body's author is believed; who that is, a credential says.

use jiff::{SignedDuration, Timestamp};

use super::event::Node;
use super::times::{from_epoch_ms, milliseconds, timestamp};

/// What a body says of its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// When the event happened; none if no member states it.
    pub at: Option<Timestamp>,
    /// Set when the body is an EventBridge envelope.
    pub envelope: Option<Envelope>,
}

/// Who put an event on EventBridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// AWS account that the envelope comes from.
    pub account: Option<String>,
    /// Event source that the envelope names.
    pub source: Option<String>,
}

impl Origin {
    /// Reads a body that was recognised; one that is no JSON says nothing.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let Some(node) = Node::read(body) else {
            return Self::default();
        };
        let is_envelope = node.detail.0.is_some() || node.detail_type.as_deref().is_some();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            at: happened(&node),
            envelope: is_envelope.then(|| Envelope {
                account: owned(node.account.as_deref()),
                source: owned(node.source.as_deref()),
            }),
        }
    }
}

/// The event's own time, of whichever form it is; else when its envelope was made.
fn happened(node: &Node<'_>) -> Option<Timestamp> {
    let body = node.event_body();
    let body = body.data.0.as_deref().unwrap_or(body);
    let ended = || {
        let started = timestamp(body.start_time.as_deref())?;
        let lasted = body.duration.0.and_then(|s| milliseconds(s * 1000.0));
        let lasted = i64::try_from(lasted.unwrap_or_default()).ok()?;
        started
            .checked_add(SignedDuration::from_millis(lasted))
            .ok()
    };
    let by_clock = body.event_time.0.and_then(from_epoch_ms);
    by_clock
        .or_else(|| timestamp(body.end_time.as_deref()))
        .or_else(ended)
        .or_else(|| timestamp(node.time.as_deref()))
}

impl Envelope {
    /// Whether it comes from one of `accounts`, if there are any to choose from.
    #[must_use]
    pub fn is_from_account(&self, accounts: &[String]) -> bool {
        accounts.is_empty()
            || (self.account.as_ref()).is_some_and(|account| accounts.contains(account))
    }

    /// Whether it comes from one of `sources`, or from one below them: the organization's source stands for those of
    /// each suffix.
    #[must_use]
    pub fn is_from_source(&self, sources: &[String]) -> bool {
        let is_or_holds = |entry: &String, source: &str| {
            let rest = source.strip_prefix(entry.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        sources.is_empty()
            || (self.source.as_ref())
                .is_some_and(|source| sources.iter().any(|entry| is_or_holds(entry, source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &[u8] =
        include_bytes!("../../fixtures/events/eventbridge-customer-end-voice-inbound.json");
    const ORGANIZATION: &str = "aws.partner/genesys.com/cloud/9b1f0c7e-5d2a-4b7f-8c36-2f6e1d0a7b11";

    fn at(body: &str) -> Option<String> {
        Origin::of(body.as_bytes()).at.map(|at| at.to_string())
    }

    fn envelope() -> Envelope {
        Origin::of(ENVELOPE).envelope.unwrap()
    }

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn the_time_is_the_event_s_own_in_every_form() {
        let own = r#"{"eventTime":1773151967318}"#;
        let wrapped = |name: &str, inner: &str| format!(r#"{{"{name}":{inner}}}"#);
        let event_body = wrapped("eventBody", own);

        for body in [own, &event_body, &wrapped("detail", &event_body)] {
            assert_eq!(
                at(body).as_deref(),
                Some("2026-03-10T14:12:47.318Z"),
                "{body}"
            );
        }
        assert_eq!(
            Origin::of(ENVELOPE).at.unwrap().as_millisecond(),
            1_773_151_967_318,
            "not the envelope's"
        );
        for (members, stated) in [
            (
                r#""endTime":"2026-03-10T14:12:47Z""#,
                Some("2026-03-10T14:12:47Z"),
            ),
            (
                r#""startTime":"2026-03-10T14:00:00Z","duration":60"#,
                Some("2026-03-10T14:01:00Z"),
            ),
            (
                r#""startTime":"2026-03-10T14:00:00Z""#,
                Some("2026-03-10T14:00:00Z"),
            ),
            (r#""endTime":"yesterday""#, None),
            (r#""duration":60"#, None),
        ] {
            let body = format!(r#"{{"data":{{"id":"call-1",{members}}}}}"#);
            assert_eq!(at(&body).as_deref(), stated, "{body}");
        }
        let by_envelope = r#"{"time":"2026-03-10T14:12:48Z","detail":{"eventBody":{}}}"#;
        assert_eq!(at(by_envelope).as_deref(), Some("2026-03-10T14:12:48Z"));
        assert_eq!(at("{"), None);
    }

    #[test]
    fn an_account_is_one_of_those_or_any() {
        assert!(envelope().is_from_account(&[]));
        assert!(envelope().is_from_account(&list(&["999999999999", "123456789012"])));
        assert!(!envelope().is_from_account(&list(&["12345678901", "1234567890123"])));
        assert!(!Envelope::default().is_from_account(&list(&["123456789012"])));
    }

    #[test]
    fn a_source_is_one_of_those_or_below_one() {
        let suffix = format!("{ORGANIZATION}/crm-logger");
        let slash = format!("{ORGANIZATION}/");

        for entry in [
            ORGANIZATION,
            &suffix,
            &slash,
            "aws.partner/genesys.com/cloud",
        ] {
            assert!(
                envelope().is_from_source(&list(&["other", entry])),
                "{entry}"
            );
        }
        for entry in [
            &ORGANIZATION[..60],
            "crm-logger",
            &format!("{suffix}/x"),
            "/",
        ] {
            assert!(!envelope().is_from_source(&list(&[entry])), "{entry}");
        }
        assert!(envelope().is_from_source(&[]));
        assert!(!Envelope::default().is_from_source(&list(&[ORGANIZATION])));
    }

    #[test]
    fn only_an_envelope_is_one() {
        for body in [
            r#"{"data":{"id":"call-1"}}"#,
            r#"{"eventBody":{},"source":"aws.partner"}"#,
            "[]",
        ] {
            assert_eq!(Origin::of(body.as_bytes()).envelope, None, "{body}");
        }
        let cut_before_its_detail = r#"{"detail-type":"v2","source":"aws.partner"}"#;
        let envelope = Origin::of(cut_before_its_detail.as_bytes()).envelope;
        assert_eq!(envelope.unwrap().source.as_deref(), Some("aws.partner"));
    }
}

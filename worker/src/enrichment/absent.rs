//! What Genesys did not have for a record that is written. Pure.

use serde::Serialize;

use crate::enrichment::known::{Artefact, Known};

/// Why there is nothing to wait for: it is not absent.
const NOT_EXPECTED: [&str; 5] = [
    "not_recorded",
    "not_connected",
    "switched_off",
    "no_conversation",
    "deleted",
];

/// A part of a conversation that is absent from its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Absent {
    /// Which: `recording` or `summary`.
    pub artefact: &'static str,
    /// `pending` while it may still come; else why it will not.
    pub reason: String,
}

/// Whether recording or summary is absent, by what is kept of Genesys' answers. Nothing is absent where nothing is kept.
pub(crate) fn absent(kept: &str, wants_summary: bool) -> Vec<Absent> {
    let Ok(known) = serde_json::from_str::<Known>(kept) else {
        return Vec::new();
    };
    let recording = reason("recording", &known.recording);
    let summary = reason("summary", &known.summary).filter(|_| wants_summary);
    recording.into_iter().chain(summary).collect()
}

fn reason<T>(artefact: &'static str, state: &Artefact<T>) -> Option<Absent> {
    let reason = match state {
        Artefact::Attached { .. } => return None,
        Artefact::Pending { .. } => "pending".to_owned(),
        Artefact::Unavailable { reason } if NOT_EXPECTED.contains(&reason.as_str()) => return None,
        Artefact::Unavailable { reason } => reason.clone(),
    };
    Some(Absent { artefact, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(recording: Artefact<()>) -> String {
        let known = Known {
            recording,
            ..Known::default()
        };
        serde_json::to_string(&known).unwrap()
    }

    fn reasons(kept: &str, wants_summary: bool) -> Vec<String> {
        let absent = absent(kept, wants_summary).into_iter();
        absent
            .map(|absent| format!("{}: {}", absent.artefact, absent.reason))
            .collect()
    }

    #[test]
    fn what_may_come_and_what_did_not_come_is_absent_and_what_was_never_there_is_not() {
        let pending = kept(Artefact::default());
        assert_eq!(
            reasons(&pending, true),
            ["recording: pending", "summary: pending"]
        );
        let given_up = kept(Artefact::unavailable("not_there"));
        assert_eq!(reasons(&given_up, false), ["recording: not_there"]);
        for present in [
            Artefact::Attached { value: () },
            Artefact::unavailable("not_recorded"),
        ] {
            assert!(reasons(&kept(present), false).is_empty());
        }
        assert!(reasons("", true).is_empty());
    }
}

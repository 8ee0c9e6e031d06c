//! The rules of the door. Pure functions of counts.

use std::collections::BTreeMap;

use shared::incident::Verdict;

use crate::door::Counts;

/// Webhooks below which there is no incident, as in `deploy/prometheus/alerts.yml`.
const LEAST: u64 = 10;
/// One in so many may be refused.
const REFUSED_PART: u64 = 20;
/// Reasons that a message names.
const REASONS_NAMED: usize = 3;

/// Rule by which incidents are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Webhooks come, and none is recorded.
    EverythingIgnored,
    /// A share of the webhooks is answered 4xx.
    ShareRefused,
}

impl Rule {
    /// All rules, in the order in which they are reported.
    pub const ALL: [Self; 2] = [Self::EverythingIgnored, Self::ShareRefused];

    /// The label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::EverythingIgnored => "everything_ignored",
            Self::ShareRefused => "share_refused",
        }
    }

    /// Minutes whose webhooks count.
    pub fn minutes(self) -> i64 {
        match self {
            Self::EverythingIgnored => 60,
            Self::ShareRefused => 15,
        }
    }

    /// The headline of a message.
    pub fn title(self) -> &'static str {
        match self {
            Self::EverythingIgnored => "Webhooks come, and every one is ignored",
            Self::ShareRefused => "Many webhooks are refused",
        }
    }

    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::EverythingIgnored => {
                "channel, status: ingest.channels and ingest.statuses leave it out. topic: the trigger in Genesys sends another \
                 event than those of docs/SETUP.md."
            }
            Self::ShareRefused => {
                "unauthenticated: the sender has another secret, or a stranger is guessing. unrecognised, malformed: its bodies \
                 changed; they are dead letters. Others: docs/OPERATIONS.md, BridgeWebhooksRejected."
            }
        }
    }

    /// Evaluates it by the webhooks of its minutes.
    pub fn verdict(self, counts: &Counts) -> Verdict {
        match self {
            Self::EverythingIgnored => {
                let ignored: u64 = counts.ignored.values().sum();
                if ignored < LEAST || counts.accepted > 0 {
                    return Verdict::Clear;
                }
                Verdict::Firing(format!(
                    "{ignored} came within an hour, and none was recorded: {}.",
                    reasons(&counts.ignored)
                ))
            }
            Self::ShareRefused => {
                let refused: u64 = counts.refused.values().sum();
                if refused < LEAST || refused * REFUSED_PART <= counts.received {
                    return Verdict::Clear;
                }
                Verdict::Firing(format!(
                    "{refused} of {} were answered 4xx within 15 min: {}.",
                    counts.received,
                    reasons(&counts.refused)
                ))
            }
        }
    }
}

/// The most frequent reasons, with their counts.
fn reasons(counted: &BTreeMap<&'static str, u64>) -> String {
    let mut ranked: Vec<_> = counted.iter().collect();
    ranked.sort_by(|(name, count), (other, fewer)| fewer.cmp(count).then(name.cmp(other)));
    let named = ranked.into_iter().take(REASONS_NAMED);
    let named: Vec<String> = named.map(|(reason, n)| format!("{reason} ({n})")).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(accepted: u64, ignored: u64, refused: &[(&'static str, u64)]) -> Counts {
        let refused: BTreeMap<_, _> = refused.iter().copied().collect();
        Counts {
            received: accepted + ignored + refused.values().sum::<u64>(),
            accepted,
            ignored: BTreeMap::from([("topic", ignored)]),
            refused,
        }
    }

    #[test]
    fn ten_that_are_ignored_fire_unless_one_was_accepted() {
        let verdict = |accepted, ignored| {
            let counts = counts(accepted, ignored, &[]);
            Rule::EverythingIgnored.verdict(&counts)
        };

        assert_eq!(verdict(0, 9), Verdict::Clear);
        assert_eq!(verdict(1, 500), Verdict::Clear);
        assert_eq!(
            verdict(0, 10),
            Verdict::Firing(
                "10 came within an hour, and none was recorded: topic (10).".to_owned()
            )
        );
    }

    #[test]
    fn ten_and_more_than_a_twentieth_refused_fire_with_the_reasons() {
        let verdict = |accepted, refused: &[_]| {
            let counts = counts(accepted, 0, refused);
            Rule::ShareRefused.verdict(&counts)
        };

        assert_eq!(verdict(0, &[("stale", 9)]), Verdict::Clear);
        assert_eq!(verdict(190, &[("stale", 10)]), Verdict::Clear);
        assert_eq!(
            verdict(90, &[("stale", 3), ("unauthenticated", 7)]),
            Verdict::Firing(
                "10 of 100 were answered 4xx within 15 min: unauthenticated (7), stale (3)."
                    .to_owned()
            )
        );
    }
}

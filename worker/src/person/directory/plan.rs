//! What the directory does next, and what it is blind to: decided here, done elsewhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::{DirectoryState, Memory};

/// Tokens of a page of a list.
pub(super) const PAGE_TOKENS: u64 = 10;
/// People on a page.
pub(super) const PAGE_PEOPLE: u64 = 500;
/// The shortest pause between two polls.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);
/// So many changes in a poll are many.
const MANY_CHANGES: u64 = 20;
/// Share of Redis' memory, in percent, beyond which nothing is added: interactions need the rest.
const MEMORY_PERCENT: u64 = 70;
/// Pause before it is looked again whether there is memory.
const MEMORY_PAUSE: Duration = Duration::from_secs(600);

/// What the settings and the day allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Tokens that may be spent today.
    pub share: u64,
    /// Tokens that were spent today.
    pub spent: u64,
    /// How long until the day's tokens are new.
    pub until_reset: Duration,
    /// Between two full passes.
    pub full_pass: Duration,
    /// Longest pause between two polls.
    pub longest_interval: Duration,
    /// Memory that Redis uses.
    pub memory: Memory,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin a full pass.
    Begin,
    /// List the next page of the pass that runs.
    Page,
    /// Read what changed.
    Poll,
    /// Nothing for so long, for want of what is named.
    Wait(Duration, Want),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// The next poll or pass is not due.
    Time,
    /// The day's share is spent.
    Tokens,
    /// Redis' memory is too full.
    Memory,
}

impl Want {
    /// The word in the state; nothing where nothing is wrong.
    pub fn word(self) -> &'static str {
        match self {
            Self::Time => "",
            Self::Tokens => "tokens",
            Self::Memory => "memory",
        }
    }
}

/// The tokens of a day that the directory may take.
pub(super) fn share(daily_tokens: u64, percent: u8) -> u64 {
    daily_tokens * u64::from(percent) / 100
}

/// Decides the next step of the directory's task.
pub(super) fn next_step(state: &DirectoryState, now: Timestamp, limits: &Limits) -> Step {
    let step = wanted_step(state, now, limits);
    if matches!(step, Step::Wait(..)) {
        return step;
    }
    if limits.spent + PAGE_TOKENS > limits.share {
        return Step::Wait(limits.until_reset, Want::Tokens);
    }
    if !has_room(limits.memory) {
        return Step::Wait(MEMORY_PAUSE, Want::Memory);
    }
    step
}

/// Polls go before a pass that only looks for deletions.
fn wanted_step(state: &DirectoryState, now: Timestamp, limits: &Limits) -> Step {
    if !state.is_ours {
        return Step::Begin;
    }
    let interval = interval(state, limits.longest_interval);
    let poll_in = remaining(state.polled, interval, now);
    let pass_in = remaining(state.passed, limits.full_pass, now);
    if state.is_complete() && poll_in.is_zero() {
        return Step::Poll;
    }
    if state.pass_began.is_some() {
        return Step::Page;
    }
    if !state.is_complete() || pass_in.is_zero() {
        return Step::Begin;
    }
    Step::Wait(poll_in.min(pass_in), Want::Time)
}

/// The present pause between two polls.
pub(super) fn interval(state: &DirectoryState, longest: Duration) -> Duration {
    let interval = state.interval.unwrap_or(SHORTEST_INTERVAL);
    interval.clamp(SHORTEST_INTERVAL, longest.max(SHORTEST_INTERVAL))
}

/// The pause after a poll that found `changed` people: twice as long after none, half as long after many.
pub(super) fn next_interval(present: Duration, changed: u64, longest: Duration) -> Duration {
    let next = match changed {
        0 => present * 2,
        MANY_CHANGES.. => present / 2,
        _ => present,
    };
    next.clamp(SHORTEST_INTERVAL, longest.max(SHORTEST_INTERVAL))
}

/// Whether Redis has memory for more people.
pub(super) fn has_room(memory: Memory) -> bool {
    memory.limit == 0 || memory.used < memory.limit / 100 * MEMORY_PERCENT
}

/// Tokens that listing so many people costs.
pub(super) fn cost(people: u64) -> u64 {
    people.div_ceil(PAGE_PEOPLE).max(1) * PAGE_TOKENS
}

/// Days over which a cost spreads.
pub(super) fn days(cost: u64, share: u64) -> u64 {
    cost.div_ceil(share.max(1)).max(1)
}

/// What the directory cannot know, one sentence each.
pub(super) fn blind_to(state: &DirectoryState, now: Timestamp) -> Vec<String> {
    let since = |moment: Option<Timestamp>| match moment {
        Some(moment) => format!("{} ago", human(now.duration_since(moment))),
        None => "never".to_owned(),
    };
    let mut blind = Vec::new();
    if !state.is_complete() {
        blind.push("everybody: it is not complete, and the search serves".to_owned());
    }
    blind.push(format!(
        "changes since the last poll ({}), until a caller is not found: then it polls at once",
        since(state.polled)
    ));
    blind.push(format!(
        "deletions since the last full pass ({}); a person is read before anything is attached",
        since(state.passed)
    ));
    blind.push("people hidden from the user of the API token".to_owned());
    blind
}

fn human(span: SignedDuration) -> String {
    let minutes = span.as_mins().max(0);
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

fn remaining(last: Option<Timestamp>, pause: Duration, now: Timestamp) -> Duration {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    last.map_or(Duration::ZERO, |last| {
        let rest = pause.saturating_sub(now.duration_since(last));
        Duration::try_from(rest).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn limits() -> Limits {
        Limits {
            share: 6000,
            spent: 0,
            until_reset: HOUR,
            full_pass: HOUR * 24 * 7,
            longest_interval: HOUR,
            memory: Memory::default(),
        }
    }

    fn now() -> Timestamp {
        "2026-03-10T14:00:00Z".parse().unwrap()
    }

    fn ago(hours: i64) -> Option<Timestamp> {
        now().checked_sub(SignedDuration::from_hours(hours)).ok()
    }

    fn complete() -> DirectoryState {
        DirectoryState {
            is_ours: true,
            complete_since: ago(48),
            passed: ago(48),
            polled: ago(0),
            interval: Some(HOUR),
            ..DirectoryState::default()
        }
    }

    #[test]
    fn an_empty_directory_is_filled_page_by_page_and_one_of_another_form_anew() {
        let empty = DirectoryState::default();
        assert_eq!(next_step(&empty, now(), &limits()), Step::Begin);
        let filling = DirectoryState {
            is_ours: true,
            pass_began: ago(1),
            ..empty
        };
        assert_eq!(next_step(&filling, now(), &limits()), Step::Page);
    }

    #[test]
    fn a_complete_one_is_polled_when_due_and_listed_anew_each_week() {
        let fresh = complete();
        assert_eq!(
            next_step(&fresh, now(), &limits()),
            Step::Wait(HOUR, Want::Time)
        );
        let polled_long_ago = DirectoryState {
            polled: ago(2),
            ..complete()
        };
        assert_eq!(next_step(&polled_long_ago, now(), &limits()), Step::Poll);
        let passed_long_ago = DirectoryState {
            passed: ago(8 * 24),
            ..complete()
        };
        assert_eq!(next_step(&passed_long_ago, now(), &limits()), Step::Begin);
        let passing = DirectoryState {
            pass_began: ago(1),
            ..polled_long_ago
        };
        assert_eq!(
            next_step(&passing, now(), &limits()),
            Step::Poll,
            "polls go first"
        );
    }

    #[test]
    fn nothing_is_listed_beyond_the_days_share() {
        let spent = Limits {
            spent: 5991,
            ..limits()
        };
        let wait = Step::Wait(HOUR, Want::Tokens);
        assert_eq!(next_step(&DirectoryState::default(), now(), &spent), wait);
        let rest = Limits {
            spent: 5990,
            ..limits()
        };
        assert_eq!(
            next_step(&DirectoryState::default(), now(), &rest),
            Step::Begin
        );
        assert_eq!(share(30_000, 20), 6000);
    }

    #[test]
    fn nothing_is_added_to_a_redis_that_is_full_to_seventy_percent() {
        let memory = |used, limit| Limits {
            memory: Memory { used, limit },
            ..limits()
        };
        let step = |limits| next_step(&DirectoryState::default(), now(), &limits);
        assert_eq!(step(memory(699, 1000)), Step::Begin);
        assert_eq!(
            step(memory(700, 1000)),
            Step::Wait(MEMORY_PAUSE, Want::Memory)
        );
        assert_eq!(step(memory(u64::MAX, 0)), Step::Begin, "no limit");
    }

    #[test]
    fn the_interval_follows_how_much_changes_between_its_bounds() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(next_interval(minutes(10), 0, HOUR), minutes(20));
        assert_eq!(next_interval(minutes(10), 5, HOUR), minutes(10));
        assert_eq!(next_interval(minutes(10), 500, HOUR), minutes(5));
        assert_eq!(next_interval(minutes(50), 0, HOUR), HOUR);
        assert_eq!(next_interval(minutes(1), 500, HOUR), minutes(1));
    }

    #[test]
    fn a_cost_is_said_before_it_is_spent() {
        assert_eq!(cost(10_000), 200);
        assert_eq!(cost(1_000_000), 20_000);
        assert_eq!(days(20_000, 6000), 4);
        assert_eq!(days(200, 6000), 1);
    }

    #[test]
    fn what_it_is_blind_to_names_the_age_of_what_it_knows() {
        let blind = blind_to(&complete(), now());
        assert_eq!(blind.len(), 3);
        assert!(
            blind[0].contains("0 min ago") && blind[1].contains("2 days ago"),
            "{blind:?}"
        );
        let empty = blind_to(&DirectoryState::default(), now());
        assert!(
            empty[0].contains("not complete") && empty[1].contains("never"),
            "{empty:?}"
        );
    }
}

//! What the directory does next, and what it is blind to: decided here, done elsewhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::{DirectoryState, Kind, Memory};

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
    /// Whether open deals are known, too.
    pub with_deals: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin a full pass.
    Begin,
    /// List the next page of the pass that runs.
    Page,
    /// List the next page of open deals.
    Deals,
    /// Read what changed since the last poll.
    Poll(Kind),
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

/// What counts as spent of a share. Polls at once take half of it at most: however many new callers there are, deletions
/// are found.
pub(super) fn counted(background: u64, at_once: u64, share: u64) -> u64 {
    background + at_once.min(share / 2)
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
    let poll_in = |kind| {
        let wanted = state.knows(kind) && (limits.with_deals || kind == Kind::People);
        let interval = interval(state, kind, limits.longest_interval);
        wanted.then(|| remaining(state.polls(kind).polled, interval, now))
    };
    let (people_in, deals_in) = (poll_in(Kind::People), poll_in(Kind::Deals));
    let pass_in = remaining(state.passed, limits.full_pass, now);
    if people_in == Some(Duration::ZERO) {
        return Step::Poll(Kind::People);
    }
    if deals_in == Some(Duration::ZERO) {
        return Step::Poll(Kind::Deals);
    }
    if state.pass_began.is_some() {
        return Step::Page;
    }
    if !state.is_complete() || pass_in.is_zero() {
        return Step::Begin;
    }
    if limits.with_deals && state.deals.pass != Some(state.pass) {
        return Step::Deals;
    }
    let polls = [people_in, deals_in].into_iter().flatten();
    Step::Wait(polls.fold(pass_in, Duration::min), Want::Time)
}

/// The present pause between two polls.
pub(super) fn interval(state: &DirectoryState, kind: Kind, longest: Duration) -> Duration {
    let interval = state.polls(kind).interval.unwrap_or(SHORTEST_INTERVAL);
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
pub(super) fn blind_to(state: &DirectoryState, with_deals: bool, now: Timestamp) -> Vec<String> {
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
        since(state.polls.polled)
    ));
    if let Some(stopped) = &state.polls.stopped {
        blind.push(format!(
            "changes after {}: a poll stopped there, and the next one goes on",
            stopped.listed_to
        ));
    }
    blind.push(format!(
        "deletions since the last full pass ({}); a person is read before anything is attached",
        since(state.passed)
    ));
    if with_deals {
        blind.push(if state.knows(Kind::Deals) {
            format!(
                "deals opened or closed since the last poll of deals ({}), where Pipedrive does not count them",
                since(state.deals.polls.polled)
            )
        } else {
            "deals: they are not listed yet, and are listed for each person who has any".to_owned()
        });
    }
    blind.push(
        "people that Pipedrive's list does not show: they are hidden from the user whose token the bridge has. Use the token \
         of a user who sees all people, or directory.search_unknown: a call of theirs may create another person"
            .to_owned(),
    );
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
#[path = "plan_tests.rs"]
mod tests;

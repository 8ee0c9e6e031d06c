//! Plans, by example.

use super::*;
use crate::store::{DirectoryDeals, Polls};

const HOUR: Duration = Duration::from_secs(3600);

fn limits() -> Limits {
    Limits {
        share: 6000,
        spent: 0,
        until_reset: HOUR,
        full_pass: HOUR * 24 * 7,
        longest_interval: HOUR,
        memory: Memory::default(),
        with_deals: true,
    }
}

fn polled(hours: i64) -> Polls {
    Polls {
        polled: ago(hours),
        interval: Some(HOUR),
        ..Polls::default()
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
        pass: 1,
        polls: polled(0),
        deals: DirectoryDeals {
            pass: Some(1),
            complete_since: ago(48),
            polls: polled(0),
            ..DirectoryDeals::default()
        },
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
        polls: polled(2),
        ..complete()
    };
    let poll = Step::Poll(Kind::People);
    assert_eq!(next_step(&polled_long_ago, now(), &limits()), poll);
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
        poll,
        "polls go first"
    );
}

#[test]
fn deals_are_listed_after_each_pass_and_polled_where_they_are_linked() {
    let step = |state: &DirectoryState, limits: &Limits| next_step(state, now(), limits);
    let mut state = complete();
    state.deals.polls = polled(2);
    assert_eq!(step(&state, &limits()), Step::Poll(Kind::Deals));
    state.deals = DirectoryDeals::default();
    assert_eq!(step(&state, &limits()), Step::Deals);
    let unlinked = Limits {
        with_deals: false,
        ..limits()
    };
    assert_eq!(step(&state, &unlinked), Step::Wait(HOUR, Want::Time));
    state.pass_began = ago(0);
    assert_eq!(step(&state, &limits()), Step::Page, "people go first");
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
    assert_eq!(counted(500, 100, 6000), 600);
    assert_eq!(counted(500, 9000, 6000), 3500, "half of it is left");
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
    let blind = blind_to(&complete(), true, now());
    assert_eq!(blind.len(), 4);
    assert!(
        blind[0].contains("0 min ago") && blind[1].contains("2 days ago"),
        "{blind:?}"
    );
    let empty = blind_to(&DirectoryState::default(), true, now());
    assert!(
        empty[0].contains("not complete") && empty[1].contains("never"),
        "{empty:?}"
    );
}

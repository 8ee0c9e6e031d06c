//! Days of the call centre: the same for the same seed, and without contradictions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_tests::sandbox::call_centre::{
    AgentTalk, Day, Form, Happening, Outcome, Plan, Scenario, Who,
};
use bridge_tests::sandbox::genesys::model::{Purpose, SegmentKind};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::Value;

fn day(seed: u64, conversations: usize) -> Day {
    Day::generate(&Plan {
        seed,
        conversations,
        ..Plan::default()
    })
}

#[test]
fn a_day_of_two_thousand_has_every_kind_of_conversation() {
    let day = day(1, 2_000);

    let kinds: BTreeSet<Scenario> = day
        .happenings
        .iter()
        .map(|happening| happening.scenario)
        .collect();
    assert_eq!(kinds, Scenario::ALL.iter().copied().collect());
    let ids: BTreeSet<&str> = day
        .happenings
        .iter()
        .map(|one| &*one.truth.conversation)
        .collect();
    assert_eq!(ids.len(), 2_000);
    let deliveries = day.deliveries();
    assert!(deliveries.iter().any(|delivery| delivery.is_duplicate));
    assert!(day.happenings.iter().any(|one| one.truth.late_events > 0));
    assert!(
        day.happenings
            .iter()
            .any(|one| matches!(one.truth.who, Who::Shared(_)))
    );
    assert!(day.happenings.iter().any(arrives_out_of_order));
}

fn arrives_out_of_order(happening: &Happening) -> bool {
    let times: Vec<_> = happening
        .deliveries
        .iter()
        .filter(|one| !one.is_duplicate)
        .map(|one| event(&one.body)["eventTime"].as_i64())
        .collect();
    !times.is_sorted()
}

/// The event in a delivery's body.
fn event(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).expect("a body is JSON");
    for inner in [
        &body["detail"]["eventBody"],
        &body["eventBody"],
        &body["data"],
    ] {
        if inner.is_object() {
            return inner.clone();
        }
    }
    body
}

#[test]
fn the_guides_form_is_one_delivery_that_says_less() {
    let plan = Plan {
        conversations: 50,
        forms: vec![Form::Guide],
        ..Plan::default()
    };

    let day = Day::generate(&plan);

    for happening in &day.happenings {
        let events = happening.deliveries.iter().filter(|one| !one.is_duplicate);
        assert_eq!(events.count(), 1);
        let data = event(&happening.deliveries[0].body);
        assert_eq!(data["id"], happening.truth.conversation);
        if happening.truth.who == Who::Withheld {
            assert_eq!(data["phoneNumber"], "Unknown");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_seed_makes_the_same_day(seed in any::<u64>()) {
        prop_assert_eq!(day(seed, 30), day(seed, 30));
        prop_assert_ne!(day(seed, 30), day(seed ^ 1, 30));
    }

    #[test]
    fn times_of_a_conversation_fit_together(seed in any::<u64>()) {
        for happening in day(seed, 60).happenings {
            let conversation = &happening.held.conversation;
            let truth = &happening.truth;
            prop_assert_eq!(conversation.end, Some(truth.end));
            prop_assert_eq!(conversation.start, truth.start);
            for session in conversation.participants.iter().flat_map(|one| &one.sessions) {
                prop_assert!(session.start() >= Some(truth.start) && session.end() <= Some(truth.end), "{:?}", happening.scenario);
                prop_assert!(session.segments.iter().all(|segment| segment.start < segment.end), "{:?}", session);
                prop_assert!(session.segments.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
        }
    }

    #[test]
    fn the_truth_of_agents_is_what_the_sessions_say(seed in any::<u64>()) {
        for happening in day(seed, 60).happenings.iter().filter(|one| one.truth.is_recorded) {
            let truth: BTreeMap<String, (Duration, Duration)> = happening.truth.agents.iter().map(talked).collect();
            prop_assert_eq!(talk_times(happening), truth, "{:?}", happening.scenario);
            let is_connected = happening.truth.outcome == Outcome::Connected;
            prop_assert_eq!(is_connected, !happening.truth.agents.is_empty());
        }
    }

    #[test]
    fn deliveries_come_after_their_events_and_each_event_comes(seed in any::<u64>()) {
        for happening in day(seed, 60).happenings {
            let customers = happening.held.conversation.participants.iter().filter(|one| matches!(one.purpose, Purpose::Customer | Purpose::External)).count();
            let ends = happening.deliveries.iter().filter(|one| one.leaf == "customer.end" && !one.is_duplicate);
            prop_assert_eq!(ends.count(), customers);
            for delivery in &happening.deliveries {
                let event = event(&delivery.body);
                prop_assert_eq!(event["conversationId"].as_str(), Some(&*happening.truth.conversation));
                let at = event["eventTime"].as_i64().unwrap_or(i64::MAX);
                prop_assert!(delivery.at.as_millisecond() > at);
                prop_assert!(delivery.at.as_millisecond() - at < SignedDuration::from_mins(5).as_secs() * 1_000);
            }
        }
    }
}

fn talked(agent: &AgentTalk) -> (String, (Duration, Duration)) {
    (agent.user_id.clone(), (agent.talk, agent.held))
}

/// What the sessions say of agents who talked.
fn talk_times(happening: &Happening) -> BTreeMap<String, (Duration, Duration)> {
    let mut times: BTreeMap<String, (Duration, Duration)> = BTreeMap::new();
    for participant in &happening.held.conversation.participants {
        let Some(user) = &participant.user_id else {
            continue;
        };
        for session in &participant.sessions {
            let talk = session.time(SegmentKind::Interact);
            if !talk.is_zero() {
                let known = times.entry(user.clone()).or_default();
                known.0 += talk;
                known.1 += session.time(SegmentKind::Hold);
            }
        }
    }
    times
}

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::domain::event::{Filter, Recognised, recognise};
use shared::domain::interaction::no_own_numbers;

use super::*;

const SETTLE_DELAY: Duration = Duration::from_secs(75);
const HOUR: Duration = Duration::from_secs(3600);
/// What a message waits that has never waited.
const FRESH: Settling = Settling {
    waited: Duration::ZERO,
    is_end_known: false,
};
const WITH_LEGS: Settling = Settling {
    waited: SETTLE_DELAY,
    is_end_known: false,
};
const WITH_END: Settling = Settling {
    waited: SETTLE_DELAY,
    is_end_known: true,
};
const AFTER_AN_HOUR: Settling = Settling {
    waited: HOUR,
    is_end_known: false,
};

/// What is known of one call, by events as `events` makes them.
struct Call {
    interaction: Interaction,
    progress: Progress,
}

fn event(leaf: &str, body: &Value) -> String {
    let mut event = json!({"conversationId": "call-1", "sessionId": leaf, "mediaType": "VOICE",
        "eventTime": 1_773_151_200_000_i64, "direction": "INBOUND", "ani": "tel:+12025550143",
        "dnis": "sip:alex+example.orgspan.com@localhost", "interactingDurationMs": 60_000});
    for (name, value) in body.as_object().unwrap() {
        event[name] = value.clone();
    }
    let topic = format!("v2.detail.events.conversation.call-1.{leaf}");
    json!({"topicName": topic, "eventBody": event}).to_string()
}

fn end() -> String {
    event("customer.end", &json!({"disconnectType": "ENDPOINT"}))
}

fn leg(why: &str) -> String {
    event(
        "user.end",
        &json!({"disconnectType": why, "userId": "alex"}),
    )
}

fn declined() -> String {
    let body = json!({"disconnectType": "NOT_AVAILABLE_TRANSFER", "interactingDurationMs": 0,
        "alertingDurationMs": 8_000, "userId": "alex"});
    event("user.end", &body)
}

fn guide() -> String {
    let data = json!({"id": "call-1", "channelType": "voice", "phoneNumber": "+12025550143", "duration": 60});
    json!({"data": data}).to_string()
}

impl Call {
    fn of(events: &[String]) -> Self {
        let mut progress = Progress::default();
        let mut id = None;
        for body in events {
            let known = recognise(body.as_bytes(), None, &Filter::everything());
            let Ok(Recognised::Event(event)) = known else {
                panic!("no event: {body}");
            };
            let facts = Facts::of(&event, "2026-03-10T15:00:00Z".parse().unwrap());
            progress.facts.insert(event.key.digest(), facts);
            id = Some(event.interaction);
        }
        let id = id.unwrap();
        let interaction = Interaction::merge(&id, &progress.facts, &no_own_numbers).unwrap();
        Self {
            interaction,
            progress,
        }
    }

    /// Recorded with the events so far; then came `later`.
    fn recorded(events: &[String], later: String) -> Self {
        let before = Self::of(events);
        let mut all = events.to_vec();
        all.push(later);
        let mut call = Self::of(&all);
        call.progress.recorded = before.progress.facts.into_keys().collect();
        call.progress.activity = Effect::Done(pipedrive::ActivityId(7));
        call
    }

    fn due(&self, settling: Settling) -> Due {
        self.due_after(Waits {
            settling,
            was_tried_before: false,
            was_forgotten: false,
        })
    }

    fn due_after(&self, waits: Waits) -> Due {
        policy(Some(SETTLE_DELAY)).due(Kind::UserEnd, &self.interaction, &self.progress, &waits)
    }
}

fn policy(settle_delay: Option<Duration>) -> SettlePolicy {
    SettlePolicy {
        settle_delay,
        legs_wait: HOUR,
        records_internal_calls: false,
    }
}

fn later(wait: Duration, is_end_known: bool) -> Due {
    Due::Later { wait, is_end_known }
}

#[test]
fn a_record_waits_for_the_settle_delay_after_the_end_of_the_customers_session_was_known() {
    let call = Call::of(&[end(), leg("PEER")]);

    assert_eq!(call.due(FRESH), later(SETTLE_DELAY, true));
    assert_eq!(call.due(WITH_END), Due::Now);
    // The leg came back before `customer.end` did.
    assert_eq!(call.due(WITH_LEGS), later(SETTLE_DELAY, true));
    assert_eq!(call.due(AFTER_AN_HOUR), later(SETTLE_DELAY, true));
}

#[test]
fn legs_wait_for_the_settle_delay_then_for_the_rest_of_the_hour() {
    let rest = Duration::from_secs(3525);
    for legs in [leg("PEER"), leg("TRANSFER")] {
        let call = Call::of(&[legs]);

        assert_eq!(call.due(FRESH), later(SETTLE_DELAY, false));
        assert_eq!(call.due(WITH_LEGS), later(rest, false));
        assert_eq!(call.due(AFTER_AN_HOUR), Due::Now);
    }
}

#[test]
fn offers_that_no_agent_took_make_no_record() {
    let call = Call::of(&[declined()]);

    assert_eq!(call.due(FRESH), later(SETTLE_DELAY, false));
    assert_eq!(call.due(AFTER_AN_HOUR), Due::Never);
    let abandoned = Call::of(&[declined(), end()]);
    assert_eq!(abandoned.due(WITH_END), Due::Now);
}

#[test]
fn what_is_whole_by_itself_is_recorded_at_once() {
    assert_eq!(Call::of(&[guide()]).due(FRESH), Due::Now);
    assert_eq!(Call::of(&[leg("PEER"), guide()]).due(FRESH), Due::Now);
}

#[test]
fn a_replay_waits_no_more() {
    for call in [Call::of(&[end()]), Call::of(&[leg("PEER")])] {
        assert_eq!(call.due(Settling::OVER), Due::Now);
    }
}

#[test]
fn later_facts_change_a_record_at_once() {
    let late = Call::recorded(&[end()], leg("PEER"));
    assert_eq!(late.due(FRESH), Due::Now);

    let legs = Call::recorded(&[leg("PEER")], event("acw", &json!({})));
    assert_eq!(legs.due(FRESH), Due::Now);
}

#[test]
fn the_end_of_a_session_whose_legs_are_recorded_waits_for_what_comes_with_it() {
    let call = Call::recorded(&[leg("TRANSFER")], end());

    assert_eq!(call.due(FRESH), later(SETTLE_DELAY, true));
    assert_eq!(call.due(WITH_END), Due::Now);
}

#[test]
fn a_create_whose_outcome_is_unknown_is_settled_at_once() {
    let mut call = Call::of(&[end()]);
    call.progress.activity = Effect::Intended(Timestamp::UNIX_EPOCH);

    assert_eq!(call.due(FRESH), Due::Now);
}

#[test]
fn a_record_that_redis_forgot_meanwhile_waits_once_more_for_what_the_others_say() {
    let call = Call::of(&[end()]);
    let due = |settling| {
        call.due_after(Waits {
            settling,
            was_tried_before: false,
            was_forgotten: true,
        })
    };

    assert_eq!(due(WITH_END), later(SETTLE_DELAY, true));
    assert_eq!(due(WITH_END.and(SETTLE_DELAY, true)), Due::Now);
}

#[test]
fn a_call_between_colleagues_is_never_recorded_unless_that_is_set() {
    let call = Call::of(&[colleagues("customer.end")]);

    assert_eq!(call.due(FRESH), later(SETTLE_DELAY, true));
    assert_eq!(call.due(WITH_END), Due::Never);
    let all = SettlePolicy {
        records_internal_calls: true,
        ..policy(None)
    };
    let waits = Waits {
        settling: FRESH,
        was_tried_before: false,
        was_forgotten: false,
    };
    let due = |policy: SettlePolicy| {
        policy.due(Kind::CustomerEnd, &call.interaction, &call.progress, &waits)
    };
    assert_eq!(due(policy(None)), Due::Never);
    assert_eq!(due(all), Due::Now);
}

#[test]
fn another_session_of_the_customer_waits_for_what_comes_with_it() {
    let callback = event("customer.end", &json!({"eventTime": 1_773_151_900_000_i64}));
    let call = Call::recorded(&[end()], callback);

    assert_eq!(call.due(FRESH), later(SETTLE_DELAY, true));
    assert_eq!(call.due(WITH_END), Due::Now);
}

#[test]
fn without_a_settle_delay_only_a_lone_addition_waits_and_only_once() {
    let due = |kind, event: String, was_tried_before| {
        due_at_once(kind, &[event], FRESH, was_tried_before)
    };

    assert_eq!(due(Kind::CustomerEnd, end(), false), Due::Now);
    assert_eq!(due(Kind::UserEnd, leg("PEER"), false), Due::Deferred);
    assert_eq!(due(Kind::UserEnd, leg("PEER"), true), Due::Now);
    let both = [leg("PEER"), end()];
    assert_eq!(due_at_once(Kind::UserEnd, &both, FRESH, false), Due::Now);
}

#[test]
fn without_a_settle_delay_what_makes_no_record_yet_still_waits_in_a_queue() {
    for (legs, fate) in [
        (leg("TRANSFER"), Due::Now),
        (declined(), Due::Never),
        (colleagues("user.end"), Due::Never),
    ] {
        let due =
            |settling| due_at_once(Kind::UserEnd, std::slice::from_ref(&legs), settling, false);

        assert_eq!(due(FRESH), later(HOUR, false));
        assert_eq!(due(AFTER_AN_HOUR), fate);
    }
}

fn colleagues(leaf: &str) -> String {
    event(
        leaf,
        &json!({"ani": "sip:kim+example.orgspan.com@localhost"}),
    )
}

fn due_at_once(kind: Kind, events: &[String], settling: Settling, was_tried_before: bool) -> Due {
    let call = Call::of(events);
    let waits = Waits {
        settling,
        was_tried_before,
        was_forgotten: false,
    };
    policy(None).due(kind, &call.interaction, &call.progress, &waits)
}

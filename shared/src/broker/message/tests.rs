use std::time::Duration;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::headers::{DELIVERY_COUNT, FIRST_DEATH_QUEUE, accepted, dead, put, retried};
use super::{
    DeadLetter, Envelope, Retry, Settling, accepted_properties, backfill_properties,
    dead_letter_properties, failure_reason, retry_properties,
};
use crate::domain::event::{Filter, Recognised, recognise};

fn accepted_call() -> BasicProperties {
    let body = br#"{"data":{"id":"call-1","channelType":"voice"}}"#;
    let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
        panic!("not recognised");
    };
    accepted_properties(
        &event,
        "2026-03-10T14:12:48Z".parse().unwrap(),
        "00-0af7-b7ad-01",
        "ingest",
    )
}

#[test]
fn a_retried_message_keeps_its_origin_and_loses_what_the_broker_wrote() {
    let mut original = accepted_call();
    let mut headers = original.headers().clone().unwrap();
    put(&mut headers, FIRST_DEATH_QUEUE, "interactions.retry.5s");
    original = original.with_headers(headers);
    let since = "2026-03-10T14:12:50Z".parse().unwrap();

    let again = retry_properties(
        &original,
        &Retry {
            attempts: 2,
            since,
            received: since,
            reason: "server",
            deferred: false,
            settling: Settling::default().and(Duration::from_secs(75), true),
            failed_deliveries: 0,
        },
    );

    let envelope = Envelope::read(&again, false);
    assert_eq!((envelope.attempts, envelope.retry_since), (2, Some(since)));
    let settling = envelope.settling;
    assert_eq!(
        (settling.waited, settling.is_end_known),
        (Duration::from_secs(75), true)
    );
    assert_eq!(
        envelope.received_at,
        Some("2026-03-10T14:12:48Z".parse().unwrap())
    );
    assert_eq!(envelope.event.as_deref(), Some("interaction.completed"));
    assert!(
        !again
            .headers()
            .as_ref()
            .unwrap()
            .inner()
            .contains_key(FIRST_DEATH_QUEUE)
    );
}

#[test]
fn a_wait_for_other_events_is_no_delay_of_a_message() {
    let received: Timestamp = "2026-03-10T14:12:48Z".parse().unwrap();
    let waited = Settling::default().and(Duration::from_secs(75), true);

    assert_eq!(
        waited.after(received),
        "2026-03-10T14:14:03Z".parse().unwrap()
    );
    assert_eq!(Settling::OVER.after(received), received);
}

#[test]
fn a_message_published_by_hand_carries_from_its_first_wait_when_it_was_received() {
    let received: Timestamp = "2026-03-10T14:12:50Z".parse().unwrap();
    let retry = |received| Retry {
        attempts: 0,
        since: received,
        received,
        reason: "busy",
        deferred: false,
        settling: Settling::default(),
        failed_deliveries: 0,
    };

    let once = retry_properties(&BasicProperties::default(), &retry(received));
    let later = "2026-03-10T15:00:00Z".parse().unwrap();
    let twice = retry_properties(&once, &retry(later));

    let envelope = Envelope::read(&twice, false);
    assert_eq!(envelope.received_at, Some(received));
}

#[test]
fn attempts_of_a_replayed_dead_letter_start_anew() {
    let letter = DeadLetter {
        class: "permanent",
        reason: "rejected",
        detail: "x".repeat(2000),
        step: "record",
        http_status: Some(400),
        attempts: 7,
        at: "2026-03-11T00:00:00Z".parse().unwrap(),
        worker: "w1",
    };

    let dead = dead_letter_properties(&accepted_call(), &letter);

    let envelope = Envelope::read(&dead, false);
    assert!(envelope.is_replay);
    assert_eq!((envelope.attempts, envelope.retry_since), (0, None));
    assert_eq!(envelope.settling, Settling::OVER);
    assert_eq!(failure_reason(&dead).as_deref(), Some("rejected"));
}

#[test]
fn a_message_dead_lettered_by_the_broker_is_a_replay_one_from_a_retry_queue_is_not() {
    for (queue, is_replay) in [
        ("interactions.work", true),
        ("interactions.backfill", true),
        ("interactions.retry.5s", false),
    ] {
        let mut headers = FieldTable::default();
        put(&mut headers, FIRST_DEATH_QUEUE, queue);
        let envelope = Envelope::read(&BasicProperties::default().with_headers(headers), false);
        assert_eq!(envelope.is_replay, is_replay, "{queue}");
    }
}

#[test]
fn failed_deliveries_of_a_replay_count_from_its_own_first_one() {
    let looked_at = |header: &str| {
        let mut headers = FieldTable::default();
        put(&mut headers, header, "2026-03-11T00:00:00Z");
        headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(3));
        headers.insert(retried::FAILED_DELIVERIES.into(), AMQPValue::LongLongInt(2));
        BasicProperties::default().with_headers(headers)
    };
    let failed = |properties: &BasicProperties, redelivered| {
        Envelope::read(properties, redelivered).failed_deliveries
    };

    let replay = looked_at(dead::AT);
    assert_eq!((failed(&replay, false), failed(&replay, true)), (0, 3));
    let retried = looked_at(retried::SINCE);
    assert_eq!(failed(&retried, false), 5);
}

#[test]
fn a_message_that_returns_to_the_backfill_queue_keeps_its_attempts_and_waits_for_no_event() {
    let mut headers = FieldTable::default();
    put(&mut headers, accepted::SOURCE, "reconcile");
    put(&mut headers, FIRST_DEATH_QUEUE, "interactions.retry.5s");
    headers.insert(retried::ATTEMPT.into(), AMQPValue::LongLongInt(2));
    put(&mut headers, retried::SINCE, "2026-03-11T00:00:00Z");
    let parked = BasicProperties::default().with_headers(headers);

    let back = backfill_properties(&parked, 1);

    let envelope = Envelope::read(&back, false);
    assert!(envelope.is_reconciled && !envelope.is_replay);
    assert_eq!((envelope.attempts, envelope.failed_deliveries), (2, 1));
    assert!(envelope.retry_since.is_some());
    assert_eq!(envelope.settling, Settling::OVER);
    let kept = back.headers().clone().unwrap();
    assert!(!kept.inner().contains_key(FIRST_DEATH_QUEUE));
}

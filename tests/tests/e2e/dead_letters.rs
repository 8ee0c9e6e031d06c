//! Messages of which no record can be made: dead letters with a reason, ours or the broker's.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::servers::{Publication, wait_until};
use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use shared::broker::topology;
use worker::commands::replay;

/// How often the broker delivers a message again.
const DELIVERY_LIMIT: usize = 20;

/// Receives a message and disconnects, like a worker that dies over it. Returns whether there was one.
async fn die_over_a_message(app: &TestApp) -> lapin::Result<bool> {
    let address = app.vhost().amqp_url();
    let connection = Connection::connect(address.as_str(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let delivery = channel
        .basic_get(topology::WORK_QUEUE.into(), BasicGetOptions::default())
        .await?;
    connection.close(200, "died".into()).await?;
    Ok(delivery.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_in_vain_too_often_is_the_brokers_dead_letter_and_can_be_replayed() {
    let mut app = TestApp::builder().without_worker().spawn().await;
    let body = call("call-1", "+12025550143");
    app.post(body.clone()).await.assert_accepted();

    let mut deliveries = 0;
    let letter = wait_until("the broker's dead letter", PATIENCE, async || {
        deliveries += usize::from(die_over_a_message(&app).await?);
        let vhost = app.vhost().name();
        let mut letters = app
            .management()
            .get_messages(vhost, topology::DEAD_LETTER_QUEUE, 1)
            .await?;
        ensure!(!letters.is_empty(), "after {deliveries} deliveries");
        Ok(letters.remove(0))
    });
    let letter = letter.await.unwrap();

    assert_eq!(deliveries, 1 + DELIVERY_LIMIT);
    assert_eq!(letter.payload, body);
    assert_eq!(letter.header("x-failure-reason"), None);
    assert_eq!(
        letter.header("x-death").unwrap()[0]["reason"],
        "delivery_limit"
    );
    app.start_worker().await;
    let moved = replay::replay(&app.settings, &replay::ReplayFilter::default()).await;
    assert_eq!(moved.unwrap().moved, 1);
    app.wait_for_exactly(1).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_never_recorded_is_a_dead_letter_that_asks_pipedrive_nothing() {
    let app = TestApp::spawn().await;
    // Ingest ignores it; it is published by hand.
    let body = sample("trigger-documentation-test");
    let message = Publication {
        exchange: topology::EXCHANGE.to_owned(),
        routing_key: topology::WORK_KEY.to_owned(),
        payload: String::from_utf8(body).unwrap(),
        ..Publication::default()
    };

    let published = app.management().publish(app.vhost().name(), &message).await;

    published.unwrap();
    let letters = app.wait_for_dead_letters(1).await;
    let letter = &letters[0];
    assert_eq!(letter.payload, message.payload);
    assert_eq!(letter.header("x-failure-class").unwrap(), "permanent");
    assert_eq!(letter.header("x-failure-reason").unwrap(), "not_ours");
    assert_eq!(letter.header("x-failed-step").unwrap(), "decode");
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.request_count(), 0);
}

//! How much of the allowance of two seconds is used while there is work, and that it is not exceeded.

use std::time::Duration;

use bridge_tests::bridge::TestApp;
use bridge_tests::sandbox::pipedrive::{Limits, RequestRecord, SandboxConfig};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use pipedrive::{Client, PersonId};

use super::client::client;
use super::refusals;

/// How many requests wait for their turn at once.
const BACKLOG: usize = 300;
/// As many as a worker sends at once.
const CONCURRENCY: usize = 16;

/// Carries out a backlog with so many clients, and answers which part of the allowance was used, and how many requests
/// Pipedrive refused.
async fn part_used(clients: usize, is_search: bool) -> (f64, usize) {
    let (requests, searches) = (20, 10);
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            limits: Limits {
                requests_per_2s: Some(requests),
                searches_per_2s: Some(searches),
                daily_tokens: None,
            },
            ..SandboxConfig::default()
        })
        .set("BRIDGE__PIPEDRIVE__REQUESTS_PER_2S", requests.to_string())
        .set("BRIDGE__PIPEDRIVE__SEARCHES_PER_2S", searches.to_string())
        .without_worker()
        .spawn()
        .await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let limit = if is_search { searches } else { requests };
    let backlog = if is_search { BACKLOG / 3 } else { BACKLOG };
    let clients: Vec<Client> = join_all((0..clients).map(|_| client(&app))).await;

    let share = backlog / clients.len();
    let work = clients.iter().map(|client| async move {
        let send = |_| async move {
            while !is_sent(client, is_search).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        stream::iter(0..share)
            .for_each_concurrent(CONCURRENCY, send)
            .await;
    });
    join_all(work).await;

    let sent = app.pipedrive.requests();
    let part = rate(&sent, limit as usize) * 2.0 / f64::from(limit);
    (part, refusals(&sent))
}

/// Whether a request was sent; none is where its turn is too far away.
async fn is_sent(client: &Client, is_search: bool) -> bool {
    let result = if is_search {
        client.search_by_phone("2025550143").await.map(drop)
    } else {
        client.person(PersonId(1)).await.map(drop)
    };
    result.is_ok()
}

/// Requests a second, without the first window, which is free.
fn rate(sent: &[RequestRecord], limit: usize) -> f64 {
    let (first, last) = (sent[0].at, sent[sent.len() - 1].at);
    let time = last.duration_since(first).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let count = (sent.len() - limit) as f64;
    count / time
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_uses_the_allowance_and_does_not_exceed_it() {
    for clients in [1, 2, 4] {
        for is_search in [false, true] {
            let (part, refused) = part_used(clients, is_search).await;

            println!("{clients} clients, searches: {is_search}: {part:.3}, {refused} refused");
            // A machine that stands still for a moment between a request's two ends makes one too many of it.
            assert!(
                refused <= 1,
                "{refused} of {BACKLOG} exceeded the allowance"
            );
            // The simulation in the worker's own tests asserts 98 %; a busy machine sends late.
            assert!(
                part > 0.85,
                "{part:.3}: more than one window in seven passed unused"
            );
        }
    }
}

//! A day of the call centre against its truth: person, outcome, agents, queue, times and owner of every record, and what they
//! cost. `BRIDGE_TEST_DAY=2000` makes it longer.

use anyhow::ensure;
use bridge_tests::bridge::PATIENCE;
use bridge_tests::bridge::call_centre::CallCentre;
use bridge_tests::bridge::day_truth::wrong;
use bridge_tests::servers::wait_until;
use futures_util::StreamExt;
use futures_util::stream;

/// How many conversations a day has without a wish.
const CONVERSATIONS: usize = 200;
/// How many webhooks are on their way at once.
const AT_ONCE: usize = 8;
/// Tokens of a conversation of a known caller.
const EACH: u64 = 7;
/// Tokens of each late change.
const CHANGE: u64 = 5;

/// A longer day takes minutes: `BRIDGE_TEST_DAY=2000`.
#[expect(
    clippy::disallowed_methods,
    reason = "a size of this test, no setting of the bridge"
)]
fn conversations() -> usize {
    let wanted = std::env::var("BRIDGE_TEST_DAY").ok();
    wanted
        .and_then(|count| count.parse().ok())
        .unwrap_or(CONVERSATIONS)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_a_day_says_the_truth() {
    let conversations = conversations();
    // Legs of calls between colleagues wait so long for a customer who never comes.
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__LEGS_WAIT", "10s");
    let centre = CallCentre::of(conversations, builder).await;
    let meter = centre.app.pipedrive.meter();

    let deliveries = centre.day.deliveries();
    let posts = stream::iter(deliveries).map(|delivery| centre.app.post(delivery.body.clone()));
    let answers: Vec<_> = posts.buffer_unordered(AT_ONCE).collect().await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let recorded = centre
        .day
        .happenings
        .iter()
        .filter(|one| one.truth.is_recorded)
        .count();
    let patience = PATIENCE * u32::try_from(conversations / CONVERSATIONS + 1).unwrap_or(1);
    let right = wait_until("a day that is recorded as it was", patience, async || {
        let wrong = wrong(&centre);
        let counts = wrong.iter().map(|(what, all)| (what, all.len(), &all[0]));
        let counts: Vec<_> = counts.collect();
        ensure!(wrong.is_empty(), "of {conversations}: {counts:#?}");
        Ok(())
    });
    right.await.unwrap_or_else(|error| panic!("{error:#}"));
    centre.app.wait_until_idle().await;

    assert!(
        wrong(&centre).is_empty(),
        "a later event made a record wrong"
    );
    assert_eq!(centre.app.genesys().violations(), Vec::<String>::new());
    centre.app.wait_for_dead_letters(0).await;
    let by_operation = meter.by_operation();
    let spent = |names: &[&str]| {
        let readings = names.iter().filter_map(|name| by_operation.get(*name));
        readings.map(|reading| reading.tokens).sum::<u64>()
    };
    let changes = by_operation
        .get("PATCH /api/v2/activities/{id}")
        .map_or(0, |spent| spent.requests);
    // Searches, deals, and people who are created are prices of their own: of callers who are new, and of settings.
    let of_known = spent(&[
        "POST /api/v2/activities",
        "GET /api/v2/activities/{id}",
        "PATCH /api/v2/activities/{id}",
        "GET /api/v2/persons/{id}",
    ]);
    let most = EACH * recorded as u64 + CHANGE * changes;
    assert!(
        of_known <= most,
        "{of_known} tokens, {most} at most: {by_operation:#?}"
    );
    assert!(
        spent(&["GET /v1/users"]) <= 20,
        "users are listed once an hour"
    );
}

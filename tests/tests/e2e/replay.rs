//! Dead letters come back: from the management UI, and from the command line.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use shared::broker::topology::{DEAD_LETTER_QUEUE, WORK_QUEUE};
use worker::commands::replay::{ReplayFilter, Replayed, replay};

async fn with_dead_letters(count: usize) -> TestApp {
    let app = TestApp::spawn().await;
    app.let_another_pass("create an activity").await;
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));
    for n in 0..count {
        app.post(call(&format!("call-{n}"), "+12025550143"))
            .await
            .assert_accepted();
    }
    app.wait_for_dead_letters(count).await;
    app.pipedrive.clear_faults();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_moved_to_the_work_queue_is_recorded() {
    let app = with_dead_letters(2).await;

    app.management()
        .move_messages(app.vhost().name(), DEAD_LETTER_QUEUE, WORK_QUEUE)
        .await
        .unwrap();

    app.wait_for_exactly(2).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_dead_letter_that_dies_again_says_why_again() {
    let app = with_dead_letters(1).await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::server_error_before_effect(500),
    ));
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));

    app.management()
        .move_messages(app.vhost().name(), DEAD_LETTER_QUEUE, WORK_QUEUE)
        .await
        .unwrap();

    // It goes through a retry queue on its way: what the broker wrote at its first death must not make it vanish there.
    app.wait_until_idle().await;
    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].header("x-attempt").unwrap(), 2);
    assert!(letters[0].header("x-dead-at").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_moves_what_its_filter_admits_and_leaves_the_rest() {
    let app = with_dead_letters(3).await;
    let one = ReplayFilter {
        interaction: Some("call-1".to_owned()),
        ..ReplayFilter::default()
    };
    let dry = ReplayFilter {
        dry_run: true,
        ..ReplayFilter::default()
    };

    let listed = replay(&app.settings, &dry).await.unwrap();
    let moved = replay(&app.settings, &one).await.unwrap();

    assert_eq!(listed, Replayed { seen: 3, moved: 3 });
    assert_eq!(moved, Replayed { seen: 3, moved: 1 });
    app.wait_for_exactly(1).await;
    let letters = app.wait_for_dead_letters(2).await;
    assert!(
        letters
            .iter()
            .all(|letter| letter.property("message_id").unwrap() != "call-1")
    );
}

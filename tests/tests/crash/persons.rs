//! Whose a number is, while that changes: C16, C17 and C20 of `docs/RELIABILITY.md`.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use futures_util::future::join_all;

use crate::hold::Hold;
use crate::invariants::{assert_settled, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";
const CALLER: &str = "+12025550143";

/// Asserts that there are so many activities, all of one and the only person.
async fn assert_all_of_one_person(app: &TestApp, count: usize) -> i64 {
    app.wait_for_activities(count).await;
    assert_settled(app).await;
    let activities = app.wait_for_activities(count).await;
    let [person] = &app.pipedrive.persons()[..] else {
        panic!("not one person: {:#?}", app.pipedrive.persons())
    };
    let of = activities.iter().map(|activity| activity.person_id);
    assert!(of.eq(vec![Some(person.id); count]));
    person.id
}

fn searches(app: &TestApp) -> usize {
    let requests = app.pipedrive.requests();
    let searches = requests
        .iter()
        .filter(|request| request.path.ends_with("/search"));
    searches.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_the_search_does_not_know_the_person_that_a_worker_created_before_it_died() {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let doomed = Worker::start(&app, "person-remembered=abort");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    doomed.wait_for_death().await;
    let searched = searches(&app);

    let _heir = Worker::start(&app, "");
    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    assert_all_of_one_person(&app, 2).await;
    assert_eq!(created(&app, "/api/v2/persons"), 1);
    assert_eq!(searches(&app), searched, "the number is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn c17_the_number_comes_in_another_form_between_the_search_and_the_create() {
    let app = TestApp::builder().without_worker().spawn().await;
    let hold = Hold::new();
    let slow = Worker::start(&app, &hold.at("person-searched"));
    app.post(call("call-1", "(555) 012-3456"))
        .await
        .assert_accepted();
    hold.reached().await;

    // Only now, so that it is this worker that has the first call; the second goes to either.
    app.post(call("call-2", "tel:+1-555-012-3456;ext=2"))
        .await
        .assert_accepted();
    let busy = r#"reason="busy""#;
    slow.wait_for_metric("bridge_worker_retries_total", busy, 1)
        .await;
    hold.release();

    assert_all_of_one_person(&app, 2).await;
    assert_eq!(created(&app, "/api/v2/persons"), 1);
}

const OTHER: &str = "+12025550199";

/// What is done to a person by hand.
#[derive(Clone, Copy, Debug)]
enum Hand {
    Merges,
    Deletes,
    GivesNumberAway,
}

impl Hand {
    /// Takes the number from `loser`; if a person has it then, that is `other`.
    fn act(self, app: &TestApp, loser: i64, other: i64) {
        assert!(match self {
            Self::Merges => app.pipedrive.merge_persons(loser, other),
            Self::Deletes => app.pipedrive.delete_person(loser),
            Self::GivesNumberAway => {
                app.pipedrive.set_phones(loser, &[])
                    && app.pipedrive.set_phones(other, &[OTHER, CALLER])
            }
        });
    }
}

/// A person is remembered for a number; while a worker is held over their next call, they are merged or deleted.
async fn lose_at(point: &str, hand: Hand) {
    let app = TestApp::builder().without_worker().spawn().await;
    // The index knows neither the merge nor the deletion before the end of the test.
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let loser = first_call(&app).await;
    let survivor = app.pipedrive.add_person("Casey C.", &[OTHER]);
    let hold = Hold::new();
    let _worker = Worker::start(&app, &hold.at(point));
    app.post(call("call-2", CALLER)).await.assert_accepted();
    hold.reached().await;

    hand.act(&app, loser, survivor);
    hold.release();

    match hand {
        Hand::Merges => assert_eq!(assert_all_of_one_person(&app, 2).await, survivor),
        Hand::Deletes | Hand::GivesNumberAway => {
            app.wait_for_activities(2).await;
            assert_settled(&app).await;
            let activities = app.pipedrive.activities();
            let persons = app.pipedrive.persons();
            assert_eq!(persons.len(), 2, "the other one, and a new one");
            let of: Vec<_> = activities
                .iter()
                .map(|activity| activity.person_id)
                .collect();
            assert_eq!(of, [Some(loser), Some(persons[1].id)], "{point}");
        }
    }
}

/// The first call of an unknown caller; the person created is remembered.
async fn first_call(app: &TestApp) -> i64 {
    let worker = Worker::start(app, "");
    app.post(call("call-1", CALLER)).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    worker.terminate().await;
    app.pipedrive.persons()[0].id
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_person_is_merged_or_deleted_before_or_after_they_are_read() {
    let cases = ["person-recalled", "matched"]
        .into_iter()
        .flat_map(|point| [(point, Hand::Merges), (point, Hand::Deletes)]);
    join_all(cases.map(|(point, hand)| lose_at(point, hand))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_that_forget_a_merged_person_the_later_one_keeps_what_the_other_found() {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let loser = first_call(&app).await;
    let survivor = app.pipedrive.add_person("Casey C.", &[OTHER]);
    let hold = Hold::new();
    let _slow = Worker::start(&app, &hold.at("person-recalled"));
    app.post(call("call-2", CALLER)).await.assert_accepted();
    hold.reached().await;
    app.pipedrive.merge_persons(loser, survivor);
    let _fast = Worker::start(&app, "");
    app.post(call("call-3", CALLER)).await.assert_accepted();
    app.wait_for_activities(2).await;
    let asked = app.pipedrive.request_count();

    hold.release();

    assert_eq!(assert_all_of_one_person(&app, 3).await, survivor);
    let later = app.pipedrive.requests_since(asked);
    let lists = later
        .iter()
        .filter(|request| request.method == "GET" && request.path == "/api/v2/persons");
    assert_eq!(
        lists.count(),
        0,
        "no person had to be found again: {later:#?}"
    );
}

/// The search knows a person, and goes on to after they lost the number. The number remembers no person, or that one.
async fn lose_the_person_that_the_search_knows(hand: Hand, is_remembered: bool) {
    let app = TestApp::builder().without_worker().spawn().await;
    let loser = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let other = app.pipedrive.add_person("Casey C.", &[OTHER]);
    if is_remembered {
        first_call(&app).await;
    }
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    hand.act(&app, loser, other);

    let _worker = Worker::start(&app, "");
    app.post(call("call-2", CALLER)).await.assert_accepted();

    let calls = 1 + usize::from(is_remembered);
    let activities = app.wait_for_activities(calls).await;
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    let (heir, newcomers) = match hand {
        Hand::Merges | Hand::GivesNumberAway => (other, 0),
        Hand::Deletes => (app.pipedrive.persons().last().expect("a new person").id, 1),
    };
    let case = format!("{hand:?}, remembered: {is_remembered}");
    assert_eq!(activities[calls - 1].person_id, Some(heir), "{case}");
    assert_eq!(created(&app, "/api/v2/persons"), newcomers, "{case}");
    assert_eq!(created(&app, "/api/v2/activities"), calls, "{case}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_search_still_knows_by_a_number_that_they_lost_does_not_get_its_calls() {
    let hands = [Hand::Merges, Hand::Deletes, Hand::GivesNumberAway];
    let cases = hands
        .into_iter()
        .flat_map(|hand| [(hand, false), (hand, true)]);
    join_all(cases.map(|(hand, known)| lose_the_person_that_the_search_knows(hand, known))).await;
}

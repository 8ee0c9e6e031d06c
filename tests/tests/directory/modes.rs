//! Every way in which the search may read numbers, with the directory and without.

use std::collections::BTreeMap;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Behaviour, SandboxConfig, SearchMode};
use futures_util::{StreamExt, stream};

use crate::people::{app_of, interaction, number, wait_until_complete};

const PEOPLE: usize = 10_000;
/// Calls of people who are in Pipedrive: a step that meets every form.
const CALLS: usize = 100;
const STEP: usize = 97;
/// Calls of people who are not.
const NEW_CALLERS: usize = 10;

/// What went wrong in calls of known and new people.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mistakes {
    duplicates: usize,
    wrong_people: usize,
}

async fn app_in(mode: SearchMode, directory: &str) -> TestApp {
    let sandbox = SandboxConfig {
        behaviour: Behaviour {
            search_mode: mode,
            ..Behaviour::default()
        },
        ..SandboxConfig::default()
    };
    let mut app = app_of(TestApp::builder().sandbox(sandbox), PEOPLE, directory).await;
    app.start_worker().await;
    if directory == "on" {
        wait_until_complete(&app).await;
    }
    app
}

async fn mistakes(mode: SearchMode, directory: &str) -> Mistakes {
    let app = app_in(mode, directory).await;
    let known = (0..CALLS).map(|n| n * STEP);
    let new = PEOPLE..PEOPLE + NEW_CALLERS;
    let calls = known.clone().chain(new);
    stream::iter(calls)
        .for_each_concurrent(8, |n| {
            let app = &app;
            async move {
                let body = call(&format!("call-{n}"), &number(n));
                app.post(body).await.assert_accepted();
            }
        })
        .await;
    let activities = app.wait_for_exactly(CALLS + NEW_CALLERS).await;
    let attached: BTreeMap<String, Option<i64>> = activities
        .into_iter()
        .filter_map(|activity| {
            let id = interaction(&activity)?.strip_prefix("call-")?.to_owned();
            Some((id, activity.person_id))
        })
        .collect();
    // Ids count upwards from 1.
    let is_right = |n: usize| attached[&n.to_string()] == i64::try_from(n + 1).ok();
    let of_known_people = |id: &i64| usize::try_from(*id).is_ok_and(|id| id <= PEOPLE);
    let misattached = known.filter(|n| !is_right(*n));
    let wrong = misattached.filter(|n| {
        attached[&n.to_string()]
            .as_ref()
            .is_some_and(of_known_people)
    });
    Mistakes {
        duplicates: app.pipedrive.persons().len() - PEOPLE - NEW_CALLERS,
        wrong_people: wrong.count(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_directory_no_mode_of_the_search_makes_a_duplicate_or_a_wrong_person() {
    let modes = [
        SearchMode::DigitsAnywhere,
        SearchMode::Prefix,
        SearchMode::Suffix,
        SearchMode::Literal,
        SearchMode::ByWord,
        SearchMode::Blind,
    ];
    println!("of {CALLS} calls of known people: duplicates, wrong people");
    for mode in modes {
        let with = mistakes(mode, "on").await;
        let without = mistakes(mode, "off").await;
        println!("{mode:?}: with the directory {with:?}, without {without:?}");

        assert_eq!(with, Mistakes::default(), "{mode:?}");
        let is_blind = mode == SearchMode::Blind;
        assert_eq!(without.duplicates == CALLS, is_blind, "the test can fail");
    }
}

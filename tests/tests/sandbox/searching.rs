//! The ways in which the search may read a term.

use bridge_tests::sandbox::pipedrive::{Behaviour, NewPerson, Sandbox, SandboxConfig, SearchMode};
use serde_json::json;

use crate::api::Api;

const STORED: [&str; 6] = [
    "2025550123",
    "+12025550123",
    "(202) 555-0123",
    "+1 2025550123",
    "2025550123 x4",
    "+44 7700 900123",
];

async fn found(mode: SearchMode, term: &str) -> Vec<i64> {
    let sandbox = Sandbox::spawn(SandboxConfig {
        behaviour: Behaviour {
            search_mode: mode,
            ..Behaviour::default()
        },
        ..SandboxConfig::default()
    });
    for number in STORED {
        sandbox.add_person("Example", &[number]);
    }
    let path = format!("/api/v2/persons/search?fields=phone&term={term}");
    Api::of(&sandbox).get(&path).await.found()
}

#[tokio::test]
async fn each_mode_finds_the_numbers_that_it_reads_as_the_term() {
    for (mode, expected) in [
        (SearchMode::DigitsAnywhere, vec![1, 2, 3, 4, 5]),
        (SearchMode::Prefix, vec![1, 3, 5]),
        (SearchMode::Suffix, vec![1, 2, 3, 4]),
        (SearchMode::Literal, vec![1, 2, 4, 5]),
        (SearchMode::ByWord, vec![1, 4, 5]),
        (SearchMode::Blind, vec![]),
    ] {
        assert_eq!(found(mode, "2025550123").await, expected, "{mode:?}");
    }
}

#[tokio::test]
async fn a_term_of_several_words_needs_each_of_them() {
    assert_eq!(found(SearchMode::ByWord, "202%20555-0123").await, [3]);
    assert_eq!(found(SearchMode::Literal, "%2B12025").await, [2]);
}

#[tokio::test]
async fn an_address_is_found_whole_where_it_is_searched_exactly() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let id = sandbox.add(NewPerson::named("Example").email("Desk@example.com"));
    let path = "/api/v2/persons/search?fields=email&exact_match=true&term=";

    let whole = api.get(&format!("{path}desk%40EXAMPLE.com")).await;
    let part = api.get(&format!("{path}desk")).await;

    assert_eq!((whole.found(), part.found()), (vec![id], vec![]));
    let created = json!({"name": "Other", "emails": [{"value": "other@example.com"}]});
    api.post("/api/v2/persons", created).await;
    let other = api.get(&format!("{path}other%40example.com")).await;
    assert_eq!(other.found(), [id + 1]);
}

#[tokio::test]
async fn a_search_among_ten_thousand_people_finds_the_one_who_has_the_number() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let number = |n: u32| NewPerson::named("Example").phone(&format!("+1 (202) 555-{n:05}"));
    sandbox.add_people((0..10_000).map(number));
    let path = "/api/v2/persons/search?fields=phone&term=20255504321";

    let found = api.get(path).await.found();

    assert_eq!(found, [4322]);
}

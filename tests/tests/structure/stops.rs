//! Every test that `docs/STOPS.md` names exists.

use std::fs;
use std::path::Path;

/// The beginnings of names that stand in backquotes and end with an ellipsis.
fn named(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|word| word.strip_suffix('…'))
        .filter(|word| word.contains('_'))
        .collect()
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|it| it == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_way_to_stop_names_a_test_that_exists() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let page = fs::read_to_string(root.join("docs/STOPS.md")).unwrap();
    let mut text = String::new();
    sources(&root.join("tests/tests"), &mut text);
    sources(&root.join("worker/src"), &mut text);

    let named = named(&page);

    assert!(named.len() > 25, "{named:?}");
    for test in named {
        assert!(text.contains(&format!("fn {test}")), "{test}");
    }
}

//! No fail point without a test that arms it, none that the documentation leaves out; and no test in the
//! documentation that is not there.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of the documentation that has the table.
fn crash_points() -> String {
    let page = read(&root().join("docs/RELIABILITY.md"));
    let (_, section) = page.split_once("## Crash points").expect("its title");
    section.to_owned()
}

#[test]
fn every_fail_point_is_armed_by_a_test_and_listed_in_the_table() {
    let source = read(&root().join("shared/src/fail_point.rs"));
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("Self::")?
                .split_once(" => \"")?
                .1
                .strip_suffix("\",")
        })
        .collect();
    assert!(names.len() > 15, "{names:?}");
    let files = std::fs::read_dir(root().join("tests/tests/crash")).expect("the tests are there");
    let files = files.map(|file| file.expect("a readable folder").path());
    let tests: String = files
        .filter(|path| path.is_file())
        .map(|path| read(&path))
        .collect();
    let table = crash_points();

    for name in names {
        let is_armed = [format!("\"{name}\""), format!("\"{name}=")]
            .iter()
            .any(|armed| tests.contains(armed));
        assert!(is_armed, "no test arms {name}");
        assert!(
            table.contains(&format!("`{name}`")),
            "the table lacks {name}"
        );
    }
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let table = crash_points();
    // Title and rule come first.
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .collect();
    assert!(rows.len() >= 30, "{rows:#?}");

    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next();
        for file in cell.unwrap_or_default().split(';') {
            let Some((name, prefixes)) = file.split_once(": ") else {
                panic!("no file and test: {row}")
            };
            let tests = tests_in(unquoted(name));
            for prefix in prefixes.split(", ").map(unquoted) {
                let prefix = prefix.strip_suffix('…').unwrap_or(prefix);
                let is_there = tests.iter().any(|test| test.starts_with(prefix));
                assert!(is_there, "no {prefix}: {row}");
            }
        }
    }
}

/// The names of the tests in a file.
fn tests_in(file: &str) -> Vec<String> {
    let source = read(&root().join("tests/tests/crash").join(file));
    let tests = source.split("#[tokio::test").skip(1).filter_map(|test| {
        let (_, rest) = test.split_once("fn ")?;
        Some(rest.split_once('(')?.0.to_owned())
    });
    tests.collect()
}

/// What stands between backquotes.
fn unquoted(text: &str) -> &str {
    let quoted = text.trim().strip_prefix('`');
    quoted
        .and_then(|rest| rest.strip_suffix('`'))
        .unwrap_or_else(|| panic!("not in backquotes: {text}"))
}

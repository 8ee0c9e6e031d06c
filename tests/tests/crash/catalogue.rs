//! No kill point without a test that arms it, none that the documentation does not tell of.

use std::path::{Path, PathBuf};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_kill_point_is_armed_by_a_test_and_told_of_in_the_table() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = read(&root.join("shared/src/kill_point.rs"));
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
    let files = std::fs::read_dir(root.join("tests/tests/crash")).expect("the tests are there");
    let tests: String = files
        .map(|file| read(&file.expect("a readable folder").path()))
        .collect();
    let table = read(&root.join("docs/RELIABILITY.md"));

    for name in names {
        let is_armed = [format!("\"{name}\""), format!("\"{name}=")]
            .iter()
            .any(|armed| tests.contains(armed));
        assert!(is_armed, "no test arms {name}");
        assert!(
            table.contains(&format!("`{name}`")),
            "the table does not tell of {name}"
        );
    }
}

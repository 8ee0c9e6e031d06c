//! The floor plan of the workspace: no circles among the modules of one crate.

mod circles;
mod modules;
mod planted;
mod stops;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use circles::{Link, circles};
use modules::Modules;

/// Links that are part of a circle today, one a line. Lines are taken away, never added.
const KNOWN: &str = include_str!("known_circles.txt");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of the workspace's crates, `crates/*` included.
fn members(workspace: &Path) -> Vec<PathBuf> {
    let manifest = fs::read_to_string(workspace.join("Cargo.toml")).expect("a manifest");
    let (_, list) = manifest.split_once("members = [").expect("its members");
    let (list, _) = list.split_once(']').expect("the end of the list");
    let names = list.split(',').map(|name| name.trim().trim_matches('"'));
    let mut folders = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        match name.strip_suffix("/*") {
            None => folders.push(workspace.join(name)),
            Some(parent) => {
                let entries = fs::read_dir(workspace.join(parent)).expect("a folder of crates");
                let paths = entries.map(|entry| entry.expect("an entry").path());
                folders.extend(paths.filter(|path| path.join("Cargo.toml").is_file()));
            }
        }
    }
    folders.sort();
    folders
}

/// The circles of all crates of a workspace.
fn circles_in(workspace: &Path) -> BTreeMap<Link, String> {
    let mut found = BTreeMap::new();
    for folder in members(workspace) {
        let root = folder.join("src/lib.rs");
        if root.is_file() {
            let name = folder.strip_prefix(workspace).unwrap_or(&folder);
            let name = name.display().to_string();
            let modules = Modules::read(workspace, &root);
            found.extend(circles(&name, &modules.imports()));
        }
    }
    found
}

#[test]
fn modules_form_no_circles() {
    let workspace = workspace().canonicalize().expect("the workspace");
    let found = circles_in(&workspace);
    let listed: BTreeSet<&str> = KNOWN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();

    assert!(
        listed.iter().all(|line| line.starts_with("tests")),
        "only the harness may have circles: {listed:#?}"
    );
    let is_listed = |link: &Link| listed.contains(&*link.to_string());
    let new: Vec<String> = found
        .iter()
        .filter(|(link, _)| !is_listed(link))
        .map(|(link, circle)| format!("{link}\n  {circle}"))
        .collect();
    let present: BTreeSet<String> = found.keys().map(Link::to_string).collect();
    let gone: Vec<_> = listed
        .iter()
        .filter(|line| !present.contains(**line))
        .collect();

    assert!(
        new.is_empty() && gone.is_empty(),
        "Imports that are part of a circle, and are not listed:\n{}\n\n\
         Listed in known_circles.txt, but part of no circle any more; take these lines away:\n{gone:#?}",
        new.join("\n")
    );
}

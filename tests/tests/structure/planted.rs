//! The check, on small crates with a circle of each sort.

use std::fs;

use bridge_tests::servers::Scratch;

use crate::circles_in;

/// The circles of a workspace with one crate of these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let workspace = Scratch::create().expect("a folder");
    let manifest = "[workspace]\nmembers = [\"crates/*\"]\n";
    fs::write(workspace.path().join("Cargo.toml"), manifest).expect("a manifest");
    let sources = workspace.path().join("crates/one/src");
    fs::create_dir_all(&sources).expect("a folder");
    fs::write(sources.join("../Cargo.toml"), "").expect("a manifest");
    for (name, source) in files {
        let file = sources.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, source).expect("a file");
    }
    let found = circles_in(workspace.path());
    found
        .into_iter()
        .map(|(link, circle)| (link.to_string(), circle))
        .collect()
}

fn links(files: &[(&str, &str)]) -> Vec<String> {
    let circles = circles_of(files).into_iter();
    circles.map(|(link, _)| link).collect()
}

#[test]
fn a_crate_without_circles_has_none() {
    let found = circles_of(&[
        ("lib.rs", "pub mod a;\npub mod b;\npub use b::B;"),
        ("a.rs", "use crate::B;\npub fn a() -> B { B }"),
        (
            "b.rs",
            "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a; }",
        ),
    ]);

    assert_eq!(found, []);
}

#[test]
fn a_circle_of_two_is_shown_with_the_place_of_each_import() {
    let found = circles_of(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use std::fmt;\n\nuse crate::b::B;"),
        ("b.rs", "pub struct B;\nfn f() { crate::a::g(); }"),
    ]);

    let expected =
        "a -> b -> a\n    a -> b: crates/one/src/a.rs:3\n    b -> a: crates/one/src/b.rs:2";
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0],
        ("crates/one: a -> b".to_owned(), expected.to_owned())
    );
}

#[test]
fn a_circle_of_three_is_found_through_nested_braces_and_renamed_imports() {
    let found = links(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use super::{b::{self, B as Other, deep::*}};"),
        (
            "b.rs",
            "pub(crate) mod deep;\npub struct B;\nuse super::c as sea;",
        ),
        ("b/deep.rs", "pub struct D;"),
        (
            "c.rs",
            "pub use crate::{\n    a::A,\n};\nfn f(_: crate::a::A) {}",
        ),
    ]);

    assert_eq!(
        found,
        [
            "crates/one: a -> b",
            "crates/one: b -> c",
            "crates/one: c -> a"
        ]
    );
}

#[test]
fn an_import_that_runs_back_up_out_of_a_room_is_a_circle_of_rooms() {
    let found = links(&[
        ("lib.rs", "mod room; mod hall;"),
        ("hall.rs", "use crate::room::Chair;\npub struct Door;"),
        ("room/mod.rs", "mod chair;\npub use chair::Chair;"),
        (
            "room/chair.rs",
            "use super::super::hall::Door;\npub struct Chair;",
        ),
    ]);

    assert_eq!(
        found,
        ["crates/one: hall -> room", "crates/one: room -> hall"]
    );
}

#[test]
fn files_inside_a_room_and_a_room_with_its_own_file_are_checked_too() {
    let found = links(&[
        ("lib.rs", "mod room;"),
        (
            "room/mod.rs",
            "mod a; mod b; mod c;\nuse c::C;\npub struct Wall;",
        ),
        ("room/a.rs", "use super::b::B; pub struct A;"),
        ("room/b.rs", "use crate::room::a::A; pub struct B;"),
        ("room/c.rs", "use super::Wall; pub struct C;"),
    ]);

    assert_eq!(
        found,
        [
            "crates/one::room: (itself) -> c",
            "crates/one::room: a -> b",
            "crates/one::room: b -> a",
            "crates/one::room: c -> (itself)",
        ]
    );
}

#[test]
fn what_a_room_hands_on_is_imported_from_its_owner() {
    let found = links(&[
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod a; mod b;\npub use a::A;\npub use b::B;"),
        ("room/a.rs", "use super::B; pub struct A;"),
        ("room/b.rs", "use super::A; pub struct B;"),
    ]);

    assert_eq!(
        found,
        ["crates/one::room: a -> b", "crates/one::room: b -> a"]
    );
}

//! Notes of ours and of people, merged, by example.

use super::*;

const BEFORE: &str = "<b>Channel:</b> voice<br><b>Agent:</b> Al<br><b>Wrap-up notes:</b> old<br>older<br>Genesys interaction x";
const OURS: &str = "<b>Outcome:</b> Call<br><b>Agent:</b> Al, Ann<br><b>Wrap-up notes:</b> first<br>second<br>Genesys interaction x";

/// A merged note; one that stays the same is `present`.
fn note_of(merged: Merged, present: &str) -> String {
    match merged {
        Merged::Changed(note) => note,
        Merged::Same => present.to_owned(),
        Merged::TooLong => panic!("too long"),
    }
}

fn kept(present: &str) -> String {
    note_of(keep(OURS, present, &fingerprint(BEFORE), true), present)
}

fn inherited(ours: &str, present: &str, present_leads: bool) -> String {
    note_of(inherit(ours, present, "", present_leads), present)
}

#[test]
fn a_note_keeps_what_forgotten_events_stated() {
    let found = "<b>Duration:</b> 61 s<br /><b>When:</b> 14:00<br /><b>Agent:</b> A<br />Genesys interaction x";
    let ours = "<b>Duration:</b> 45 s<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br>Genesys interaction x";

    assert_eq!(
        inherited(ours, found, true),
        "<b>Duration:</b> 61 s<br /><b>When:</b> 14:00<br /><b>Agent:</b> A<br /><b>Wrap-up notes:</b> B<br>Genesys interaction x"
    );
    let merged = inherited(ours, found, false);
    assert_eq!(
        merged,
        "<b>Duration:</b> 45 s<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br><b>Agent:</b> A<br />Genesys interaction x"
    );
    assert_eq!(
        inherit(&merged, &merged, "", true),
        Merged::Same,
        "joined twice"
    );
}

#[test]
fn the_outcome_takes_the_place_of_an_older_versions_channel_and_direction() {
    let older = "<b>Channel:</b> voice<br><b>Direction:</b> inbound<br><b>Queue:</b> Sales<br>Genesys interaction x";
    let ours = "<b>Outcome:</b> Inbound call<br>Genesys interaction x";

    assert_eq!(
        inherited(ours, older, false),
        "<b>Outcome:</b> Inbound call<br><b>Queue:</b> Sales<br>Genesys interaction x"
    );
    assert_eq!(inherited(ours, older, true), older);
}

#[test]
fn what_an_unanswered_update_may_have_written_is_taken_out_like_what_was_written_before() {
    let sent = "<b>Channel:</b> voice<br><b>Agent:</b> Al, Bo<br>Genesys interaction x";
    let written = either(&fingerprint(BEFORE), &fingerprint(sent));

    for present in [BEFORE, sent] {
        let note = note_of(keep(OURS, present, &written, false), present);
        assert_eq!(lines_of(&note).len(), lines_of(OURS).len(), "{note}");
        assert!(!note.contains("Bo") && !note.contains("older"), "{note}");
    }
}

#[test]
fn what_people_wrote_stays_in_its_place_whatever_it_looks_like() {
    let theirs = "<h2>Plan</h2><ul><li>Wants a quote &amp; a visit</li><li><b>When:</b> call back Tuesday</li></ul><p>Yes</p><p><br></p><p>Yes</p>";
    let (body, marker) = BEFORE.split_at(BEFORE.find("Genesys interaction").unwrap());
    let (ours, _) = OURS.split_at(OURS.find("<br>Genesys interaction").unwrap());
    let after = "Genesys interaction was bad<br><img src=\"a\"><br>";

    let present = format!("{theirs}{body}{after}{marker}");

    assert_eq!(kept(&present), format!("{theirs}{ours}<br>{after}{marker}"));
    assert_eq!(kept(&kept(&present)), kept(&present), "kept twice");
}

#[test]
fn what_the_editor_wraps_in_blocks_is_replaced_with_its_blocks() {
    let wrapped = "<div><strong>Channel:</strong> voice</div><div><strong>Agent:</strong> Al</div><div>Call her</div><div><br></div>\
        <div><strong>Wrap-up notes:</strong> old</div><div>older</div><div><em>Genesys interaction x</em></div>";

    assert_eq!(
        kept(wrapped),
        "<b>Outcome:</b> Call<br><b>Agent:</b> Al, Ann<br><b>Wrap-up notes:</b> first<br>second\
         <div>Call her</div><div><br></div><div><em>Genesys interaction x</em></div>"
    );
}

#[test]
fn what_we_wrote_before_goes() {
    let (ours, _) = OURS.split_at(OURS.find("Genesys interaction").unwrap());
    assert_eq!(kept(BEFORE), format!("{ours}Genesys interaction x"));
    assert_eq!(note_of(keep(OURS, "", "", false), ""), OURS);
    assert_eq!(
        keep(OURS, OURS, &fingerprint(BEFORE), true),
        Merged::Same,
        "written, and the answer lost"
    );
    let tidied = OURS.replace("<br>", "<br />").replace("<b>", "<strong>");
    assert_eq!(keep(OURS, &tidied, "", true), Merged::Same);
}

#[test]
fn a_line_of_ours_that_a_person_changed_or_deleted_stays_so() {
    let more = "<b>Agent:</b> Al<br><b>Queue:</b> Sales<br>Genesys interaction x";
    let written = fingerprint("<b>Agent:</b> Al<br>Genesys interaction x");
    for present in [
        "<b>Agent:</b> Albert<br>Genesys interaction x",
        "Genesys interaction x",
    ] {
        let note = note_of(keep(more, present, &written, true), present);
        assert!(!note.contains("Al<"), "{note}");
        assert!(note.contains("<b>Queue:</b> Sales"), "{note}");
    }

    let uncertain = keep(more, "Genesys interaction x", &written, false);
    assert_eq!(
        note_of(uncertain, ""),
        more,
        "it may never have been written"
    );
}

#[test]
fn a_line_that_shares_its_tags_with_others_leaves_them() {
    let present = "<u>mine<br><b>Agent:</b> Al</u><br>Genesys interaction x";
    let note = note_of(
        keep(
            "<b>Agent:</b> Bo<br>Genesys interaction x",
            present,
            &fingerprint(BEFORE),
            true,
        ),
        present,
    );

    assert_eq!(
        note.matches("<u>").count(),
        note.matches("</u>").count(),
        "{note}"
    );
    assert!(
        note.contains("mine") && note.contains("Bo") && !note.contains("Al"),
        "{note}"
    );
}

#[test]
fn a_note_that_would_be_too_long_is_left_as_it_is() {
    assert_eq!(
        keep(OURS, &"long ".repeat(20_000), "", true),
        Merged::TooLong
    );
}

#[test]
fn the_time_for_a_note_grows_with_its_lines_and_not_with_their_square() {
    let fastest = |count: u32| {
        let lines: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        let present = lines.join("<br>");
        let runs = (0..5).map(|_| {
            let begun = std::time::Instant::now();
            assert!(matches!(keep(OURS, &present, "", true), Merged::Changed(_)));
            begun.elapsed()
        });
        runs.min().unwrap()
    };

    // Ten times the lines: a hundred times as long if each is compared with each.
    let (few, many) = (fastest(1_000), fastest(10_000));

    assert!(many < few * 50, "{few:?} and {many:?}");
}

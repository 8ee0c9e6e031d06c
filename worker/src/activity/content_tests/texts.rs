//! What texts of senders and people can do to a note: nothing.

use super::*;

/// Whether a note is marked as the record of an interaction.
fn carries_mark(note: &str, interaction: &InteractionId) -> bool {
    let wanted = marker::of(interaction);
    marker::all_in(note).any(|mark| mark == wanted || mark == escape(&wanted))
}

#[test]
fn texts_cannot_break_out_of_the_note_and_long_ones_are_cut() {
    let summary = format!("<script>alert(1)</script>{}", "x ".repeat(10_000));
    let body = serde_json::json!({"data": {
        "id": "call-1", "channelType": "voice", "summary": summary, "participantName": "A & B\n<Ltd>",
        "recordingUrl": "javascript:alert(1)",
    }});
    let call = interaction(&[body.to_string().as_bytes()]);

    let activity = written(&call, Target::NoHandle);

    assert!(
        !activity.note.contains("<script>") && !activity.note.contains("javascript:"),
        "{}",
        activity.note
    );
    assert!(activity.note.contains("[…]") && activity.note.len() < 20_000);
    assert_eq!(activity.subject, "Call with A & B <Ltd>");
}

#[test]
fn the_longest_texts_make_a_note_that_pipedrive_takes() {
    let long = "\"".repeat(200_000);
    let body = serde_json::json!({"data": {
        "id": "call-1", "channelType": "voice", "summary": long, "participantName": long, "agentName": long,
        "queueName": long, "wrapupNotes": long, "wrapupCode": long, "phoneNumber": long,
        "recordingUrl": format!("https://x.example/{long}"),
    }});

    let activity = written(
        &interaction(&[body.to_string().as_bytes()]),
        Target::NoHandle,
    );

    assert!(activity.note.len() < 100_000, "{}", activity.note.len());
    assert!(carries_mark(
        &activity.note,
        &InteractionId::parse("call-1").unwrap()
    ));
}

#[test]
fn the_marker_is_found_again_and_never_taken_for_a_longer_id() {
    let id = InteractionId::parse("call<1>").unwrap();
    let other = InteractionId::parse("call-1").unwrap();
    for note in [
        "<p>x<br>Genesys interaction call-1</p>",
        "x\nGenesys interaction call-1\n",
        "Genesys interaction call-1",
    ] {
        assert!(carries_mark(note, &other), "{note}");
    }
    assert!(carries_mark(
        &format!("<br>{}", escape(&marker::of(&id))),
        &id
    ));
    for note in [
        "Genesys interaction call-10",
        "call-1",
        "https://x/call-1",
        "",
    ] {
        assert!(!carries_mark(note, &other), "{note}");
    }
}

#[test]
fn a_name_that_reads_as_a_marker_makes_no_other_record() {
    let call = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed.json"
    )]);
    let to = Target::Shared {
        by: HandleKind::Email,
        people: vec![named(3, Some("Genesys interaction call-1")), named(4, None)],
    };
    let style = Style {
        person_url: Some("https://company.pipedrive.com/person/".to_owned()),
        ..style()
    };

    let note = written_in(&call, &Attachment::to(to), &style).note;

    assert_eq!(marker::all_in(&note).count(), 1, "{note}");
    assert!(note.contains("share this e-mail address"), "{note}");
}

//! Recorded answers, read into the models.

use std::fs;
use std::path::Path;

use genesys::model::{Conversation, DetailsPage, Recording, Transcript};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let text = fs::read_to_string(path).expect("the fixture is there");
    serde_json::from_str(&text).expect("the model reads it")
}

#[test]
fn a_conversation_is_read_around_what_is_odd_in_it() {
    let conversation: Conversation = read("conversation.json");

    let [customer, first, second] = &conversation.participants[..] else {
        panic!("{:?}", conversation.participants);
    };
    assert_eq!(
        conversation.end_time,
        "2026-05-04T09:08:30.250Z".parse().ok()
    );
    assert_eq!(customer.attributes["web.email"], "robin@example.com");
    assert_eq!(customer.attributes["ticket"], "1042");
    assert_eq!(customer.communications().count(), 1);
    let number = customer.calls[0]
        .own
        .as_ref()
        .and_then(|own| own.address_normalized.as_deref());
    assert_eq!(number, Some("tel:+447700900456"));
    assert_eq!(
        first.calls[0].disconnect_type.as_deref(),
        Some("transfer.consult")
    );
    assert_eq!(second.end_time, None);
    let wrapup = second.wrapup.as_ref().expect("the second agent wrapped up");
    assert_eq!(wrapup.name.as_deref(), Some("Sold"));
}

#[test]
fn a_page_of_details_is_read_around_what_is_odd_in_it() {
    let page: DetailsPage = read("details-page.json");

    let [conversation] = &page.conversations[..] else {
        panic!("{page:?}");
    };
    let agent = &conversation.participants[1].sessions[0];
    assert_eq!(page.total_hits, Some(1));
    assert_eq!(agent.metric("tTalk"), Some(42_500));
    assert_eq!(agent.metric("tHeld"), None);
    assert_eq!(agent.segments[0].wrap_up_note.as_deref(), Some("Done."));
}

#[test]
fn the_links_to_a_recordings_media_are_never_read() {
    let recordings: Vec<Recording> = read("recordings.json");

    let kept: Vec<bool> = recordings.iter().map(Recording::is_kept).collect();
    assert_eq!(kept, [true, false]);
    assert!(!format!("{recordings:?}").contains("never-kept"));
}

#[test]
fn a_transcript_gives_the_better_form_of_each_phrase_and_its_side() {
    let transcript: Transcript = read("transcript.json");

    let phrases: Vec<_> = transcript
        .phrases()
        .map(|phrase| (phrase.is_customer(), phrase.best_text().unwrap_or_default()))
        .collect();
    assert_eq!(
        phrases,
        [(false, "Good morning."), (true, "hi ten seats please")]
    );
    let seconds: Vec<_> = transcript
        .phrases()
        .map(|phrase| transcript.time(phrase).map(Timestamp::as_second))
        .collect();
    assert_eq!(seconds, [Some(1_777_885_201), Some(1_777_885_204)]);
}

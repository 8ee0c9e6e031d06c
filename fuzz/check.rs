//! What holds for any body whatsoever. The fuzz target runs it on what libFuzzer invents, a test of `shared` on the
//! committed corpus, and its property tests on bodies that are nearly right.

use lapin::BasicProperties;
use shared::broker::message::{self, Envelope};
use shared::broker::properties_json;
use shared::domain::event::{Event, Filter, Reading, read_body};
use shared::domain::facts::Facts;
use shared::domain::ids::InteractionId;
use shared::domain::interaction::{Interaction, no_own_numbers};
use shared::domain::phone::{Party, Region, is_same, read_party};

/// Half of the largest frame: properties and headers must fit into one with room to spare, or the broker closes the
/// connection.
const PROPERTIES_MAX_BYTES: usize = 16 * 1024;

/// Recognises `body` with and without a topic beside it, and follows what is recognised to where the worker has it.
///
/// # Panics
///
/// When something does not hold.
pub fn check(body: &[u8]) {
    let long = "x".repeat(2 * PROPERTIES_MAX_BYTES);
    let topics = [
        None,
        Some("customer.end"),
        Some("wrapup"),
        Some("{id}.acd.start"),
        Some(long.as_str()),
    ];
    for topic in topics {
        for may_be_truncated in [false, true] {
            match read_body(body, topic, &Filter::everything(), may_be_truncated) {
                Ok(read) => check_reading(&read.reading, body, topic),
                Err(error) => assert!(!error.to_string().is_empty(), "{topic:?}"),
            }
        }
    }
}

fn check_reading(reading: &Reading, body: &[u8], topic: Option<&str>) {
    match reading {
        Reading::Event(event) => check_event(event, body),
        Reading::Ignored(ignored) => assert!(!ignored.to_string().is_empty(), "{topic:?}"),
        Reading::Fragment { interaction, why } => {
            assert!(!why.to_string().is_empty(), "{topic:?}");
            check_fragment(interaction.as_ref(), topic);
        }
    }
}

/// A body that was cut off and holds no event can be published as such.
fn check_fragment(interaction: Option<&InteractionId>, topic: Option<&str>) {
    let received = "2026-03-10T14:12:48.123456Z".parse().expect("a time");
    let traceparent = "00-0af7-b7ad-01";
    check_properties(&message::unrecognised_properties(
        interaction,
        topic,
        received,
        traceparent,
        "ingest",
    ));
}

/// They fit into a frame, and are the same when they come out of the spool.
fn check_properties(properties: &BasicProperties) {
    let json = properties_json::to_json(properties).expect("properties can be stored");
    let size = json.len();
    assert!(size < PROPERTIES_MAX_BYTES, "{size} bytes of properties");
    let again = properties_json::from_json(&json).expect("and read back");
    assert_eq!(again, *properties);
}

fn check_event(event: &Event, body: &[u8]) {
    // The worker reads what ingest read, by the topic that travels beside the body.
    let topic = Some(event.kind.as_str());
    let again = read_body(body, topic, &Filter::everything(), true);
    let again = again.expect("what ingest recognised is recognised again");
    let Reading::Event(again) = again.reading else {
        panic!("recognised as {event:?}, then not");
    };
    assert_eq!(
        (&again.interaction, &again.key, again.kind, &again.channel),
        (&event.interaction, &event.key, event.kind, &event.channel)
    );

    let received = "2026-03-10T14:12:48.123456Z".parse().expect("a time");
    let properties = message::accepted_properties(event, received, "00-0af7-b7ad-01", "ingest");
    check_properties(&properties);
    assert_eq!(
        Envelope::read(&properties, false).received_at,
        Some(received)
    );

    let facts = Facts::of(event, received);
    let json = serde_json::to_string(&facts).expect("facts can be remembered");
    assert_eq!(
        serde_json::from_str::<Facts>(&json).expect("and read back"),
        facts
    );

    let known = [(event.key.as_str().to_owned(), facts)].into();
    let interaction = Interaction::merge(&event.interaction, &known, &no_own_numbers);
    let interaction = interaction.expect("there are facts");
    for region in [None, Region::parse("US").ok(), Region::parse("DE").ok()] {
        check_number(interaction.number.as_deref().unwrap_or_default(), region);
    }
}

/// What holds for any text in place of a number.
///
/// # Panics
///
/// When something does not hold.
pub fn check_number(text: &str, region: Option<Region>) {
    let Party::Number(number) = read_party(Some(text), region) else {
        return;
    };
    let digits = number.as_str().strip_prefix('+').expect("a plus");
    assert!(
        (5..=20).contains(&digits.len()) && !digits.starts_with('0'),
        "{digits}"
    );
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
    // Written out, it is read as the same, whatever the region.
    for region in [None, region, Region::parse("GB").ok()] {
        let again = read_party(Some(number.as_str()), region);
        assert_eq!(again, Party::Number(number.clone()), "{digits} of {text:?}");
        assert!(is_same(number.as_str(), &number, region), "{digits}");
    }
    assert!(!number.national().is_empty());
}

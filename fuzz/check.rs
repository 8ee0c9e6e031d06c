//! What holds for any body whatsoever. The fuzz target runs it on what libFuzzer invents, a test of `shared` on the
//! committed corpus, and its property tests on bodies that are nearly right.

use shared::broker::message::{self, Envelope};
use shared::broker::stored;
use shared::domain::event::{Event, Filter, Recognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::interaction::Interaction;
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
    for topic in [
        None,
        Some("customer.end"),
        Some("wrapup"),
        Some("{id}.acd.start"),
    ] {
        match recognise(body, topic, &Filter::everything()) {
            Ok(Recognised::Event(event)) => check_event(&event, body),
            Ok(Recognised::Ignored(ignored)) => assert!(!ignored.to_string().is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn check_event(event: &Event<'_>, body: &[u8]) {
    // The worker recognises what ingest recognised, by the topic that travels beside the body.
    let again = recognise(body, Some(event.kind.as_str()), &Filter::everything());
    let Ok(Recognised::Event(again)) = again else {
        panic!("recognised as {event:?}, then {again:?}");
    };
    assert_eq!(
        (&again.interaction, &again.key, again.kind, &again.channel),
        (&event.interaction, &event.key, event.kind, &event.channel)
    );

    let received = "2026-03-10T14:12:48.123456Z".parse().expect("a time");
    let properties = message::accept(event, received, "00-0af7-b7ad-01", "ingest");
    let json = stored::to_json(&properties).expect("properties can be stored");
    assert_eq!(stored::from_json(&json).expect("and read back"), properties);
    assert!(
        json.len() < PROPERTIES_MAX_BYTES,
        "{} bytes of properties",
        json.len()
    );
    assert_eq!(Envelope::read(&properties).received_at, Some(received));

    let facts = Facts::of(event, received);
    let json = serde_json::to_string(&facts).expect("facts can be remembered");
    assert_eq!(
        serde_json::from_str::<Facts>(&json).expect("and read back"),
        facts
    );

    let known = [(event.key.as_str().to_owned(), facts)].into();
    let interaction = Interaction::merge(&event.interaction, &known).expect("there are facts");
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
        (7..=15).contains(&digits.len()) && !digits.starts_with('0'),
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

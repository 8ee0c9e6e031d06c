//! What holds for any input, on inputs that are arbitrary and on ones that are nearly right.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use shared::domain::phone::{E164, Party, Region, is_same, read_party};

#[path = "../../fuzz/check.rs"]
mod check;

/// The committed samples of Genesys' events.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let files = fs::read_dir(folder).expect("the samples are there");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a readable folder").path())
        .collect();
    paths.sort();
    let samples = paths.iter().map(fs::read);
    samples
        .map(|sample| sample.expect("a readable sample"))
        .collect()
}

fn sample() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(samples())
}

/// Values that stand where others are expected.
fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        (1_usize..60_000).prop_map(|length| Value::from("x".repeat(length))),
        prop::sample::select(vec![
            "",
            " ",
            "acw",
            "wrapup",
            "user.end",
            "TRANSFER",
            "${input.x}",
            "conversation.ended",
            "{\"data\":{\"id\":\"a\",\"channelType\":\"voice\"}}",
            "casey@example.com",
            "VOICE",
            "voice",
            "outbound",
            "tel:+12025550143",
            "sip:+447700900123@x",
            "1e999",
            "-0",
            "+",
            "9999-12-31T23:59:59Z",
            "-009999-01-01T00:00:00Z",
            "\u{0}",
            "\u{202e}",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((member(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Names of members, mostly ones that mean something.
fn member() -> impl Strategy<Value = String> {
    let known = [
        "detail",
        "eventBody",
        "data",
        "detail-type",
        "topicName",
        "eventType",
        "status",
        "conversationId",
        "participantId",
        "sessionId",
        "eventTime",
        "mediaType",
        "messageType",
        "direction",
        "disconnectType",
        "ani",
        "dnis",
        "addressFrom",
        "addressTo",
        "callbackNumbers",
        "userId",
        "heldDurationMs",
        "alertingDurationMs",
        "email",
        "callerId",
        "calleeId",
        "durationSeconds",
        "event",
        "queueId",
        "interactingDurationMs",
        "wrapupCode",
        "wrapupDurationMs",
        "id",
        "channelType",
        "phoneNumber",
        "duration",
        "startTime",
        "endTime",
        "summary",
        "transcriptSummary",
    ];
    prop_oneof![
        9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "[a-zA-Z-]{0,12}",
    ]
}

/// One change to a JSON value.
#[derive(Clone, Debug)]
struct Change {
    place: Index,
    name: String,
    value: Option<Value>,
}

fn change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![Just(None), odd_value().prop_map(Some)];
    (any::<Index>(), member(), value).prop_map(|(place, name, value)| Change { place, name, value })
}

/// Sets or removes a member, or replaces a value, somewhere in `body`.
fn apply(body: &mut Value, change: &Change) {
    let mut pointers = vec![String::new()];
    collect(body, "", &mut pointers);
    let pointer = change.place.get(&pointers);
    let target = body.pointer_mut(pointer).expect("it was just found");
    match (target, &change.value) {
        (Value::Object(members), Some(value)) => {
            members.insert(change.name.clone(), value.clone());
        }
        (Value::Object(members), None) => {
            members.remove(&change.name);
        }
        (target, value) => *target = value.clone().unwrap_or_default(),
    }
}

fn collect(value: &Value, prefix: &str, pointers: &mut Vec<String>) {
    if let Value::Object(members) = value {
        for (name, member) in members {
            let name = name.replace('~', "~0").replace('/', "~1");
            let pointer = format!("{prefix}/{name}");
            collect(member, &pointer, pointers);
            pointers.push(pointer);
        }
    }
}

fn region() -> impl Strategy<Value = Option<Region>> {
    let regions = ["", "US", "GB", "DE", "MX", "AR", "JP", "AU", "IT"];
    prop::sample::select(regions.to_vec()).prop_map(|text| Region::parse(text).ok())
}

/// Texts that look like numbers, more or less.
fn number_like() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r"(tel:|sip:|sips:|00|\+|＋)?[0-9٠-٩０-９ ().x#;,/*~-]{0,24}(;ext=[0-9]{1,9}|x[0-9]{1,5}|@host)?",
        r"\+[1-9][0-9]{5,15}",
        r"[0-9]{3,16}",
    ]
}

/// North American numbers as people write them.
fn written() -> impl Strategy<Value = String> {
    prop_oneof![
        r"\+1202555[0-9]{4}",
        r"\+1 202 555 [0-9]{4}",
        r"\(202\) 555-[0-9]{4}",
        r"202-555-[0-9]{4}",
        r"1 202\.555\.[0-9]{4}",
    ]
}

/// What people write around numbers.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        r"[A-Za-zäöüßé]{1,8}[.:]?",
        r"\([A-Za-zäöü ]{1,8}\)",
        r"- [A-Z]{1,8} [a-z]{1,5}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_recognised_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
        check::check(&body);
    }

    #[test]
    fn any_json_is_recognised_or_refused(body in odd_value()) {
        check::check(body.to_string().as_bytes());
    }

    #[test]
    fn a_sample_with_a_few_changes_is_recognised_or_refused(
        sample in sample(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let mut body = serde_json::from_slice(&sample).expect("samples are JSON");
        for change in &changes {
            apply(&mut body, change);
        }
        check::check(body.to_string().as_bytes());
    }

    #[test]
    fn a_sample_with_a_few_bytes_changed_is_recognised_or_refused(
        sample in sample(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = sample;
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        check::check(&body);
    }

    #[test]
    fn any_text_is_a_number_or_none(text in number_like(), region in region()) {
        check::check_number(&text, region);
    }

    #[test]
    fn any_stored_text_can_be_compared(
        stored in number_like(),
        digits in "[1-9][0-9]{6,14}",
        region in region(),
    ) {
        let wanted = E164::try_from(format!("+{digits}")).expect("it has the form");
        // Whatever it says of the text, it does not panic.
        let _is_same = is_same(&stored, &wanted, region);
        prop_assert!(is_same(wanted.as_str(), &wanted, region) || !is_number(&wanted, region));
    }

    #[test]
    fn words_around_a_number_do_not_make_it_another_number(
        number in written(),
        other in written(),
        (before, behind) in (words(), words()),
        separator in prop::sample::select(vec![" / ", "/", "; ", ", ", " | ", "\n"]),
        is_first in any::<bool>(),
    ) {
        let region = Region::parse("US").ok();
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = |text: &str| {
            let digits = digits(text);
            let national = &digits[digits.len() - 10..];
            E164::try_from(format!("+1{national}")).expect("it has the form")
        };
        let named = format!("{before} {number} {behind}");
        let list = if is_first {
            format!("{named}{separator}{other}")
        } else {
            format!("{other}{separator}{named}")
        };
        prop_assert!(is_same(&named, &wanted(&number), region), "{named}");
        prop_assert!(is_same(&list, &wanted(&number), region), "{list}");
        prop_assert!(is_same(&list, &wanted(&other), region), "{list}");
        if wanted(&number) != wanted(&other) {
            prop_assert!(!is_same(&named, &wanted(&other), region), "{named}");
        }
    }

    /// Whatever stands in the text, the digits of the number are there in one piece.
    #[test]
    fn a_stored_text_matches_no_number_whose_digits_are_not_in_it(
        stored in r"(Tel\. |[a-z]{1,6} )?[+0-9 ().x/;,a-z-]{0,30}",
        digits in "[2-9][0-9]{9}",
    ) {
        let wanted = E164::try_from(format!("+1{digits}")).expect("it has the form");
        let kept: String = stored.chars().filter(char::is_ascii_digit).collect();
        prop_assert!(kept.contains(&digits) || !is_same(&stored, &wanted, Region::parse("US").ok()));
    }
}

/// Whether the library reads it as a number at all: not every country code is one.
fn is_number(number: &E164, region: Option<Region>) -> bool {
    matches!(read_party(Some(number.as_str()), region), Party::Number(read) if read == *number)
}

/// What is made of a part is tested at every byte where it is made; here it is followed further, which takes longer.
#[test]
fn every_sample_cut_off_at_many_places_is_recognised_or_refused() {
    for sample in samples() {
        for length in (0..sample.len()).step_by(13) {
            check::check(&sample[..length]);
        }
    }
}

/// Threads have 2 MiB of stack, and a body within the size limit may nest as deep as it likes.
#[test]
fn a_body_of_any_depth_does_not_exhaust_the_stack() {
    for (open, close) in [
        (r#"{"detail":"#, "}"),
        (r#"{"data":{"eventBody":"#, "}}"),
        (r#"{"callbackNumbers":["#, "]}"),
        ("[", "]"),
        (r#"{"x":"#, "}"),
    ] {
        for depth in [10, 60, 127, 128, 10_000] {
            let body = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            check::check(body.as_bytes());
            check::check(open.repeat(depth).as_bytes());
        }
    }
}

#[test]
fn long_ids_do_not_make_long_headers() {
    let long = "x".repeat(100_000);
    for name in ["participantId", "sessionId", "eventTime"] {
        let mut body =
            json!({"conversationId": "c", "mediaType": "VOICE", "disconnectType": "PEER"});
        body[name] = json!(long);
        check::check(body.to_string().as_bytes());
    }
}

//! Numbers as Google's libphonenumber reads them, and the class of what is no customer's number.
//!
//! `fixtures/numbers/reference.tsv` is written by `generate.py` beside it.

use shared::domain::phone::{E164, OutsideLine, OwnNumbers, Party, Reader, Region, is_same};

const REFERENCE: &str = include_str!("../fixtures/numbers/reference.tsv");
const CLASSES: &str = include_str!("../fixtures/numbers/classes.tsv");

fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        fields
            .try_into()
            .unwrap_or_else(|_| panic!("{N} fields: {line}"))
    })
}

fn region(name: &str) -> Option<Region> {
    (name != "-").then(|| Region::parse(name).expect("a region"))
}

#[test]
fn every_text_is_read_as_the_reference_reads_it() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for [name, text, expected] in rows(REFERENCE) {
        let party = Reader::of_region(region(name)).read(Some(text)).party;
        let read = match &party {
            Party::Number(number) => number.as_str(),
            _ => "-",
        };
        if read != expected {
            wrong.push(format!(
                "{name} {text}: {expected}, read as {read} ({})",
                party.class()
            ));
        }
        count += 1;
    }
    assert!(count > 10_000, "{count} texts");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn whatever_is_read_with_its_plus_is_the_same_number_without_it() {
    let mut wrong = Vec::new();
    let texts = rows(REFERENCE).map(|[_, text, _]| text);
    let old = [
        "+5215512345678",
        "+52 044 55 1234 5678",
        "+54 11 15 2345-6780",
    ];
    let reader = Reader::of_region(None);
    for text in texts
        .step_by(3)
        .chain(old)
        .filter(|text| text.starts_with('+'))
    {
        let Party::Number(number) = reader.read(Some(text)).party else {
            continue;
        };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let party = reader.read(Some(&digits)).party;
        // So few digits are an extension.
        if digits.len() >= 7 && party != Party::Foreign(number) {
            wrong.push(format!("{text}: {party:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_number_of_the_reference_is_itself_when_it_is_stored() {
    for [name, text, expected] in rows(REFERENCE).step_by(7) {
        if let Ok(number) = E164::try_from(expected.to_owned()) {
            assert!(
                is_same(text, &number, region(name)),
                "{name} {text} {expected}"
            );
        }
    }
}

#[test]
fn what_stands_in_place_of_a_number_has_one_class_and_a_reason() {
    let mut wrong = Vec::new();
    for [name, settings, text, class, number, reason] in rows(CLASSES) {
        let own = if settings == "own" {
            &["+12025550100-+12025550119"][..]
        } else {
            &[]
        };
        let reader = Reader {
            region: region(name),
            outside_line: OutsideLine::parse(settings).ok(),
            own: OwnNumbers::parse(own).expect("own numbers"),
        };
        let reading = reader.read(Some(&unescape(text)));
        let read = reading.party.number().map_or("-", E164::as_str);
        let words = reading.reason.to_string();
        if (reading.party.class(), read) != (class, number)
            || !words.contains(reason)
            || words.is_empty()
        {
            wrong.push(format!(
                "{name} {settings} {text}: {} {read}, {words}",
                reading.party.class()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Resolves `\n`, `\t` and `\u{…}`.
fn unescape(text: &str) -> String {
    let text = text.replace("\\n", "\n").replace("\\t", "\t");
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').expect("a closing brace");
        let code = u32::from_str_radix(code, 16).expect("a code point");
        plain.push(char::from_u32(code).expect("a character"));
        plain.push_str(rest);
    }
    plain
}

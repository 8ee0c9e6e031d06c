//! The line of a note that says what the activity is attached to, where that is not one person.

use crate::activity::labels::NOT_ATTACHED;
use crate::activity::marker;
use crate::person::attachment::{NotCreated, Target};
use crate::person::candidate::Named;
use crate::text::{escape, one_line};

/// Label and HTML of the line; nothing for one person, and where there is nothing to find a person by. `person_url` is the
/// address of a person's page, up to the id.
pub(super) fn of(target: &Target, person_url: Option<&str>) -> Option<(&'static str, String)> {
    let names = |people: &[Named]| names(people, person_url);
    match target {
        Target::Person(_) | Target::NewPerson(_) | Target::NoHandle => None,
        Target::Organization { by, people, .. } => {
            let (noun, names) = (by.noun(), names(people));
            let html = format!("several people of this organisation share this {noun}: {names}");
            Some(("Shared", html))
        }
        Target::Shared { by, people } => {
            let (noun, names) = (by.noun(), names(people));
            let html = format!("several people share this {noun}: {names}");
            Some((NOT_ATTACHED, html))
        }
        Target::Undecided(people) => {
            let names = names(people);
            let html = format!(
                "stored without country code, these digits may be a number of another country: {names}"
            );
            Some((NOT_ATTACHED, html))
        }
        Target::Hidden(by) => {
            let noun = by.noun();
            let html = format!(
                "a person who may have this {noun} is hidden from the user of the API token (403)"
            );
            Some((NOT_ATTACHED, html))
        }
        Target::NotFound(why) => Some((NOT_ATTACHED, not_created(*why)?.to_owned())),
    }
}

/// Nothing where a person decided what the activity is attached to.
fn not_created(why: NotCreated) -> Option<&'static str> {
    match why {
        NotCreated::Foreign => Some(
            "no person has this number; given without its plus, it is not certain enough to create one",
        ),
        NotCreated::Own => {
            Some("no person has this e-mail address, and the number is the company's own")
        }
        NotCreated::Unconfirmed => {
            Some("no person found; what arrived so far is not certain enough to create one")
        }
        NotCreated::Moved => None,
    }
}

/// A person by name and link; nothing where neither is known.
pub(super) fn linked(person: &Named, person_url: Option<&str>) -> Option<String> {
    let name = person.name.as_deref().map(named);
    let name = name.filter(|name| !name.is_empty());
    match person_url {
        Some(url) => {
            let (url, id) = (escape(url), person.id);
            let text = name.unwrap_or_else(|| id.to_string());
            Some(format!("<a href=\"{url}{id}\">{text}</a>"))
        }
        None => name,
    }
}

/// A name as HTML on one line, which no reader takes for a marker.
pub(super) fn named(name: &str) -> String {
    escape(&marker::defused(one_line(name)))
}

/// People by name and link; without a page to link to, by name and id.
fn names(people: &[Named], person_url: Option<&str>) -> String {
    let named = people.iter().map(|person| {
        let id = person.id;
        match (linked(person, person_url), person_url) {
            (Some(link), Some(_)) => link,
            (Some(name), None) => format!("{name} ({id})"),
            (None, _) => id.to_string(),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

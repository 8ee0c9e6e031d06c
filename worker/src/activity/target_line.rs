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
        Target::NotFound(why) => Some((NOT_ATTACHED, not_created(*why).to_owned())),
    }
}

fn not_created(why: NotCreated) -> &'static str {
    match why {
        NotCreated::Foreign => {
            "no person has this number; given without its plus, it is not certain enough to create one"
        }
        NotCreated::Own => "no person has this e-mail address, and the number is the company's own",
        NotCreated::Unconfirmed => {
            "no person found; what arrived so far is not certain enough to create one"
        }
    }
}

/// People by name and link; without a page to link to, by name and id.
fn names(people: &[Named], person_url: Option<&str>) -> String {
    let named = people.iter().map(|person| {
        let id = person.id;
        let name = person.name.as_deref().map(one_line).map(marker::defused);
        let name = name.filter(|name| !name.is_empty()).map(|it| escape(&it));
        match (person_url, name) {
            (Some(url), name) => {
                let text = name.unwrap_or_else(|| id.to_string());
                format!("<a href=\"{}{id}\">{text}</a>", escape(url))
            }
            (None, Some(name)) => format!("{name} ({id})"),
            (None, None) => id.to_string(),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

//! By what a customer is known to Genesys: the external contact, and what flows and forms noted. Pure functions.

use genesys::model::{ExternalContact, Participant};
use shared::domain::event::{email, person_name};

use crate::enrichment::known::Handles;

/// Fewest digits of a number that is taken from a free text.
const NUMBER_MIN_DIGITS: usize = 7;
/// What attributes are called, as their last part in lower case without signs, that hold the name of a customer.
const NAMES: [&str; 7] = [
    "name",
    "customername",
    "fullname",
    "contactname",
    "displayname",
    "guestname",
    "visitorname",
];
/// Parts of what attributes are called that hold the number of a customer.
const NUMBERS: [&str; 5] = [
    "phone",
    "mobile",
    "telephone",
    "callbacknumber",
    "cellnumber",
];

/// The handles of a contact.
pub(crate) fn of_contact(contact: &ExternalContact) -> Handles {
    let name = contact.name();
    Handles {
        name: person_name(name.as_deref()),
        email: contact.emails().find_map(|address| email(Some(address))),
        number: contact.numbers().next().map(str::to_owned),
    }
}

/// The handles among the attributes of the customer's participants. Organizations call their attributes as they like.
pub(crate) fn noted<'p>(customers: impl Iterator<Item = &'p Participant>) -> Handles {
    let mut handles = Handles::default();
    let (mut first, mut last) = (None, None);
    for (key, value) in customers.flat_map(|customer| &customer.attributes) {
        let key = bare(key);
        if key.contains("mail") && handles.email.is_none() {
            handles.email = email(Some(value));
        } else if NUMBERS.iter().any(|part| key.contains(part)) && handles.number.is_none() {
            handles.number = number(value);
        } else if NAMES.contains(&&*key) && handles.name.is_none() {
            handles.name = person_name(Some(value));
        } else if key == "firstname" {
            first = person_name(Some(value));
        } else if key == "lastname" {
            last = person_name(Some(value));
        }
    }
    if handles.name.is_none() {
        let parts: Vec<String> = first.into_iter().chain(last).collect();
        handles.name = (!parts.is_empty()).then(|| parts.join(" "));
    }
    handles
}

/// The last part of what an attribute is called, in lower case without signs: `context.customer_Name` is `customername`.
fn bare(key: &str) -> String {
    let last = key.rsplit(['.', ':', '/']).next().unwrap_or(key);
    let letters = last.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_number = text
        .chars()
        .all(|c| c.is_ascii_digit() || "+ ()-./".contains(c));
    let text = text.strip_prefix("tel:").unwrap_or(text);
    (digits >= NUMBER_MIN_DIGITS && (is_number || text.starts_with('+'))).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_give_handles_by_what_they_are_called() {
        let customer = |attributes: &[(&str, &str)]| {
            let pairs = attributes.iter();
            let attributes = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let participant = Participant {
                attributes: attributes.collect(),
                ..Participant::default()
            };
            noted([participant].iter())
        };

        let form = customer(&[
            ("context.email", "Casey@Example.com"),
            ("context.firstName", "Casey"),
            ("context.lastName", "Customer"),
            ("Customer Phone", "+44 7700 900123"),
            ("orderNumber", "12025550199"),
            ("queueName", "Sales"),
        ]);

        assert_eq!(form.email.as_deref(), Some("casey@example.com"));
        assert_eq!(form.name.as_deref(), Some("Casey Customer"));
        assert_eq!(form.number.as_deref(), Some("+44 7700 900123"));
        let empty = customer(&[("email", "none"), ("name", "Guest"), ("phone", "no")]);
        assert_eq!(empty, Handles::default());
    }
}

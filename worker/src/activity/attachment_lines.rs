//! Who the customer is, what the activity is attached to or why to nothing, and who else took part.

use shared::domain::interaction::{Interaction, ThirdParty};
use shared::domain::phone::Party;

use crate::activity::html::Lines;
use crate::activity::{labels, target_line};
use crate::person::attachment::{Attachment, Target};

/// Most parties that a line names.
const NAMED_MAX: usize = 20;

/// Adds the lines about people.
pub(crate) fn add(
    lines: &mut Lines,
    interaction: &Interaction,
    party: &Party,
    attachment: &Attachment,
    person_url: Option<&str>,
) {
    lines.optional(labels::CUSTOMER, interaction.customer.as_deref());
    lines.optional(labels::NUMBER, number(interaction, party).as_deref());
    lines.optional(labels::EMAIL, interaction.email.as_deref());
    if let Some((label, html)) = target_line::of(&attachment.to, person_url) {
        lines.html(label, &html);
    }
    if attachment.to == Target::NoHandle && !interaction.untaken.is_empty() {
        lines.text(labels::NOT_ATTACHED, &untaken(&interaction.untaken));
    }
    let others = third_parties(interaction, attachment, person_url);
    if !others.is_empty() {
        lines.html("Also took part", &others.join(", "));
    }
}

/// Why none of the numbers is taken for the customer's.
fn untaken(sides: &[String]) -> String {
    let sides: Vec<&str> = sides
        .iter()
        .take(NAMED_MAX)
        .map(|side| bare(side))
        .collect();
    format!(
        "the events do not say whether the customer called or was called, so that none of these numbers is certain to be \
         the customer's: {}",
        sides.join(", ")
    )
}

fn number(interaction: &Interaction, party: &Party) -> Option<String> {
    let given = interaction.number.as_deref().unwrap_or_default();
    Some(match party {
        Party::Number(number) => number.as_str().to_owned(),
        Party::Withheld => "withheld".to_owned(),
        Party::Internal => format!("internal ({given})"),
        Party::Foreign(number) => format!("{} (given as {given})", number.as_str()),
        Party::Own => format!("our own ({given})"),
        Party::ShortCode => format!("short code ({given})"),
        Party::Impossible => format!("no possible number ({given})"),
        // A web guest's address says nothing to a person.
        Party::Address if interaction.email.is_some() => return None,
        Party::Address => format!("none ({given})"),
        Party::Absent => return None,
    })
}

/// Each third party as HTML, by the name in Pipedrive where they are known, with a link where there is one.
fn third_parties(
    interaction: &Interaction,
    attachment: &Attachment,
    person_url: Option<&str>,
) -> Vec<String> {
    let customer = attachment.person();
    let html = |party: &ThirdParty| {
        let number = party.number.as_deref();
        let known = number.and_then(|number| attachment.named.get(number));
        let named = match known {
            // Another number of the customer's.
            Some(person) if customer == Some(person.id) => return None,
            Some(person) => target_line::linked(person, person_url),
            None => party.name.as_deref().map(target_line::named),
        };
        // A person whom we created for a number is called by it.
        let name = known.and_then(|person| person.name.as_deref());
        let is_said = |number: &&str| name.is_some_and(|name| is_same_number(name, number));
        let number = number.filter(|number| !is_said(number));
        let number = number.map(|number| target_line::named(bare(number)));
        match (named, number) {
            (Some(name), Some(number)) => Some(format!("{name} ({number})")),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    };
    let parties = interaction.third_parties.iter().filter_map(html);
    parties.take(NAMED_MAX).collect()
}

/// Whether a name is the number itself, however both are written.
fn is_same_number(name: &str, number: &str) -> bool {
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    !name.contains(char::is_alphabetic) && digits(name) == digits(number)
}

fn bare(address: &str) -> &str {
    address.strip_prefix("tel:").unwrap_or(address)
}

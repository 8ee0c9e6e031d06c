//! Who the customer is, whom the activity is attached to and why to nobody, and who else took part.

use pipedrive::PersonId;
use shared::domain::interaction::{Interaction, ThirdParty};
use shared::domain::phone::Party;

use crate::activity::html::Lines;
use crate::activity::labels;
use crate::person::attachment::Attachment;

/// Adds the lines about people.
pub(crate) fn add(
    lines: &mut Lines,
    interaction: &Interaction,
    party: &Party,
    attachment: &Attachment,
) {
    lines.optional(labels::CUSTOMER, interaction.customer.as_deref());
    lines.optional(labels::NUMBER, number(interaction, party).as_deref());
    lines.optional(labels::NOT_ATTACHED, not_attached(attachment).as_deref());
    lines.optional("Also took part", third_parties(interaction).as_deref());
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
        Party::Address => format!("none ({given})"),
        Party::Absent => return None,
    })
}

/// Why the activity belongs to no person, where people are concerned.
fn not_attached(attachment: &Attachment) -> Option<String> {
    let ids = |people: &[PersonId]| {
        let ids: Vec<String> = people.iter().map(PersonId::to_string).collect();
        ids.join(", ")
    };
    match attachment {
        Attachment::Shared(people) => {
            Some(format!("several people share this number: {}", ids(people)))
        }
        Attachment::Undecided(people) => Some(format!(
            "stored without country code, these digits may be a number of another country: {}",
            ids(people)
        )),
        Attachment::Person(_) | Attachment::NewPerson(_) | Attachment::Nobody => None,
    }
}

fn third_parties(interaction: &Interaction) -> Option<String> {
    let named = |party: &ThirdParty| match (&party.name, &party.number) {
        (Some(name), Some(number)) => Some(format!("{name} ({})", bare(number))),
        (Some(only), None) => Some(only.clone()),
        (None, Some(only)) => Some(bare(only).to_owned()),
        (None, None) => None,
    };
    let named: Vec<String> = interaction.third_parties.iter().filter_map(named).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

fn bare(address: &str) -> &str {
    address.strip_prefix("tel:").unwrap_or(address)
}

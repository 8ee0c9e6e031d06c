//! Who the customer is, what the activity is attached to or why to nothing, and who else took part.

use shared::domain::interaction::{Interaction, ThirdParty};
use shared::domain::phone::Party;

use crate::activity::html::Lines;
use crate::activity::{labels, target_line};
use crate::person::attachment::Attachment;

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
        // A web guest's address says nothing to a person.
        Party::Address if interaction.email.is_some() => return None,
        Party::Address => format!("none ({given})"),
        Party::Absent => return None,
    })
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

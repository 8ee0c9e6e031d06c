//! Names behind ids: users, queues, wrap-up codes, external contacts.

use serde::Deserialize;

use super::tolerant::{list, maybe};

/// A user: an agent of the organisation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Name of the user, for people to read.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
    /// The e-mail address, in any case of letters.
    #[serde(default, deserialize_with = "maybe")]
    pub email: Option<String>,
    /// `active`, `inactive` or `deleted`.
    #[serde(default, deserialize_with = "maybe")]
    pub state: Option<String>,
}

/// A queue, as the routing API lists it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Name of the queue, for people to read.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
}

/// A wrap-up code, as the routing API lists it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WrapupCode {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Name of the wrap-up code, for people to read.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
}

/// A customer as Genesys knows one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalContact {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// `Curated`, or `Identified` and `Ephemeral` where Genesys made it by itself.
    #[serde(default, rename = "type", deserialize_with = "maybe")]
    pub kind: Option<String>,
    /// First name of the external contact.
    #[serde(default, deserialize_with = "maybe")]
    pub first_name: Option<String>,
    /// Last name of the external contact.
    #[serde(default, deserialize_with = "maybe")]
    pub last_name: Option<String>,
    /// Number of the external contact at work.
    #[serde(default, deserialize_with = "maybe")]
    pub work_phone: Option<PhoneNumber>,
    /// Mobile number of the external contact.
    #[serde(default, deserialize_with = "maybe")]
    pub cell_phone: Option<PhoneNumber>,
    /// Number of the external contact at home.
    #[serde(default, deserialize_with = "maybe")]
    pub home_phone: Option<PhoneNumber>,
    /// Number of the external contact that is neither work, mobile nor home.
    #[serde(default, deserialize_with = "maybe")]
    pub other_phone: Option<PhoneNumber>,
    /// E-mail address at work.
    #[serde(default, deserialize_with = "maybe")]
    pub work_email: Option<String>,
    /// Private e-mail address of the external contact.
    #[serde(default, deserialize_with = "maybe")]
    pub personal_email: Option<String>,
    /// E-mail address of the external contact that is neither for work nor private.
    #[serde(default, deserialize_with = "maybe")]
    pub other_email: Option<String>,
    /// Contacts that were merged with this one.
    #[serde(default, deserialize_with = "list")]
    pub merge_set: Vec<Reference>,
    /// Contacts that this one was made of.
    #[serde(default, deserialize_with = "list")]
    pub merged_from: Vec<Reference>,
}

impl ExternalContact {
    /// First and last name, as far as there are any.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let parts = [self.first_name.as_deref(), self.last_name.as_deref()];
        let parts = parts.into_iter().flatten().map(str::trim);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// The numbers in E.164, work first.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        let numbers = [
            &self.work_phone,
            &self.cell_phone,
            &self.home_phone,
            &self.other_phone,
        ];
        let numbers = numbers.into_iter().flatten();
        numbers.filter_map(|number| number.e164.as_deref())
    }

    /// The e-mail addresses, work first.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        let emails = [&self.work_email, &self.personal_email, &self.other_email];
        emails.into_iter().flatten().map(String::as_str)
    }

    /// Whether the contact with this id became part of this one.
    #[must_use]
    pub fn was_merged_from(&self, id: &str) -> bool {
        let merged = self.merge_set.iter().chain(&self.merged_from);
        let mut ids = merged.filter_map(|reference| reference.id.as_deref());
        ids.any(|merged| merged.eq_ignore_ascii_case(id))
    }
}

/// A telephone number of a contact.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumber {
    /// The number as E.164: `+` and digits.
    #[serde(default, deserialize_with = "maybe")]
    pub e164: Option<String>,
    /// As it was typed.
    #[serde(default, deserialize_with = "maybe")]
    pub display: Option<String>,
}

/// A record that is only referred to.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Reference {
    /// Id of the organisation.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_gives_its_name_numbers_and_addresses() {
        let contact: ExternalContact = serde_json::from_str(
            r#"{"firstName":" Casey ","lastName":null,"cellPhone":{"e164":"+447700900123"},
                "workPhone":{"display":"x"},"workEmail":"casey@example.com","mergeSet":[{"id":"A"}]}"#,
        )
        .unwrap();

        assert_eq!(contact.name().as_deref(), Some("Casey"));
        assert_eq!(contact.numbers().collect::<Vec<_>>(), ["+447700900123"]);
        assert_eq!(contact.emails().collect::<Vec<_>>(), ["casey@example.com"]);
        assert!(contact.was_merged_from("a"));
    }
}

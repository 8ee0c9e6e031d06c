//! What a test puts into a sandbox, and what users do to it on the screen.

#![expect(
    clippy::must_use_candidate,
    reason = "most methods are called for what they change"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::call::Call;
use super::super::contract::{self, Route};
use super::super::error::ApiError;
use super::super::handlers::{activities, deals, persons};
use super::super::model::Contact;
use super::super::validate;
use super::super::world::{self, TOKEN_USER, World};
use super::Control;

/// A person that is to be added.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// First and last name of the person in one text.
    pub name: String,
    /// Phone numbers in any form, the first of them the primary one.
    #[serde(default)]
    pub phones: Vec<String>,
    /// E-mail addresses, the first of them the primary one.
    #[serde(default)]
    pub emails: Vec<String>,
    /// The organization that the person is linked to.
    #[serde(default)]
    pub org_id: Option<i64>,
    /// The user it belongs to; the token's user if `None`.
    #[serde(default)]
    pub owner_id: Option<i64>,
}

impl NewPerson {
    /// A person with nothing but a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The same with one more phone number.
    #[must_use]
    pub fn phone(mut self, number: &str) -> Self {
        self.phones.push(number.to_owned());
        self
    }

    /// The same with one more e-mail address.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.emails.push(address.to_owned());
        self
    }

    /// The same in an organization.
    #[must_use]
    pub fn of(self, organization: i64) -> Self {
        Self {
            org_id: Some(organization),
            ..self
        }
    }

    fn put_into(self, world: &mut World) -> i64 {
        let owner = self.owner_id.unwrap_or(TOKEN_USER);
        let mut person = persons::new_person(world, &self.name, owner);
        person.phones = contacts(self.phones);
        person.emails = contacts(self.emails);
        person.org_id = self.org_id;
        let id = person.id;
        world.put_person(person);
        id
    }
}

impl Control {
    /// Adds a person with phone numbers in any form, the first of them the primary one.
    pub fn add_person(&self, name: &str, phones: &[&str]) -> i64 {
        let phones = phones.iter().map(|phone| (*phone).to_owned()).collect();
        self.add(NewPerson {
            phones,
            ..NewPerson::named(name)
        })
    }

    /// Stores a person and returns their id.
    pub fn add(&self, new: NewPerson) -> i64 {
        self.world(|world| new.put_into(world))
    }

    /// Adds many people at once. A million need about 0.7 GB, and more once they are searched.
    pub fn add_people(&self, people: impl IntoIterator<Item = NewPerson>) -> Vec<i64> {
        self.world(|world| {
            let put = |new: NewPerson| new.put_into(world);
            people.into_iter().map(put).collect()
        })
    }

    /// Lets everybody look as if they were last changed so much earlier.
    pub fn age_people(&self, by: Duration) {
        self.world(|world| {
            for id in world.persons.keys().copied().collect::<Vec<_>>() {
                let mut person = world.persons[&id].clone();
                let earlier = |time: Timestamp| time.checked_sub(by).unwrap_or(time);
                person.add_time = earlier(person.add_time);
                person.update_time = earlier(person.update_time);
                world.put_person(person);
            }
        });
    }

    /// Hides a person from the token's user, or shows them again; whether there is one.
    pub fn set_hidden(&self, id: i64, hidden: bool) -> bool {
        self.world(|world| {
            if hidden {
                world.hidden_persons.insert(id);
            } else {
                world.hidden_persons.remove(&id);
            }
            world.person(id).is_some()
        })
    }

    /// Changes a person as a user does on the screen; `fields` are those of `PATCH /api/v2/persons/{id}`.
    ///
    /// # Errors
    ///
    /// Returns the text of the refusal where the API would refuse the fields.
    pub fn edit_person(&self, id: i64, fields: &Value) -> Result<(), String> {
        self.edit(&format!("/api/v2/persons/{id}"), fields)
    }

    /// Changes an activity as a user does on the screen; `fields` are those of
    /// `PATCH /api/v2/activities/{id}`. It costs no tokens, meets no faults and is in no log.
    ///
    /// # Errors
    ///
    /// Returns the text of the refusal where the API would refuse the fields.
    pub fn edit_activity(&self, id: i64, fields: &Value) -> Result<(), String> {
        self.edit(&format!("/api/v2/activities/{id}"), fields)
    }

    /// Changes a deal as a user does on the screen, such as its `status`; `fields` are those of `PATCH /api/v2/deals/{id}`.
    ///
    /// # Errors
    ///
    /// Returns the text of the refusal where the API would refuse the fields.
    pub fn edit_deal(&self, id: i64, fields: &Value) -> Result<(), String> {
        self.edit(&format!("/api/v2/deals/{id}"), fields)
    }

    fn edit(&self, path: &str, fields: &Value) -> Result<(), String> {
        let Route::Found(operation, id) = contract::route("PATCH", path) else {
            return Err(format!("{path} cannot be changed"));
        };
        let refusal = |error: ApiError| error.text().to_owned();
        let body = fields.to_string().into_bytes();
        let body = validate::body(operation, "application/json", &body).map_err(refusal)?;
        let call = Call {
            operation,
            id: id.to_owned(),
            query: BTreeMap::new(),
            body,
            user_id: TOKEN_USER,
        };
        self.world(|world| {
            // Users on the screen have rights that the token's user may lack.
            let hidden = std::mem::take(&mut world.hidden_persons);
            let refuses_owner = std::mem::take(&mut world.behaviour.refuses_owner);
            let result = (operation.handler)(world, &call);
            world.hidden_persons = hidden;
            world.behaviour.refuses_owner = refuses_owner;
            result.map(drop).map_err(refusal)
        })
    }

    /// Deletes an activity as a user does on the screen; whether there was one.
    pub fn delete_activity(&self, id: i64) -> bool {
        self.world(|world| {
            let activity = world.activities.get(&id).cloned();
            let Some(mut activity) = activity.filter(|activity| !activity.is_deleted) else {
                return false;
            };
            (activity.is_deleted, activity.update_time) = (true, world::now());
            world.put_activity(activity);
            true
        })
    }

    /// Lets a user log in or not; whether there is one. Records for users who cannot are refused.
    pub fn set_user_active(&self, id: i64, active: bool) -> bool {
        self.world(|world| {
            let user = world.users.get_mut(&id);
            user.map(|user| user.active = active).is_some()
        })
    }

    /// Switches a type of activities on or off; whether there is one. One that is off is refused with 400.
    pub fn set_activity_type_active(&self, key: &str, active: bool) -> bool {
        self.world(|world| {
            let mut types = world.activity_types.iter_mut();
            let found = types.find(|known| known.key == key);
            found.map(|known| known.active = active).is_some()
        })
    }

    /// Gives a person other phone numbers; whether there was one.
    pub fn set_phones(&self, id: i64, phones: &[&str]) -> bool {
        self.world(|world| {
            let Some(mut person) = world.person(id).cloned() else {
                return false;
            };
            person.phones = contacts(phones.iter().copied());
            person.update_time = world::now();
            world.put_person(person);
            true
        })
    }

    /// Adds an activity of no person that was created, and changed last, at some time.
    pub fn add_activity(&self, subject: &str, at: Timestamp) -> i64 {
        self.world(|world| {
            let mut activity = activities::new_activity(world, TOKEN_USER);
            subject.clone_into(&mut activity.subject);
            (activity.add_time, activity.update_time) = (at, at);
            let id = activity.id;
            world.put_activity(activity);
            id
        })
    }

    /// Adds an open deal of a person, and of the organization that they are linked to.
    pub fn add_deal(&self, title: &str, person_id: i64) -> i64 {
        self.world(|world| {
            let mut deal = deals::new_deal(world, title, TOKEN_USER);
            deal.person_id = Some(person_id);
            deal.org_id = world.person(person_id).and_then(|person| person.org_id);
            let id = deal.id;
            world.deals.insert(id, deal);
            id
        })
    }

    /// Deletes a deal; whether there was one.
    pub fn delete_deal(&self, id: i64) -> bool {
        self.world(|world| {
            let deal = world.deals.get_mut(&id).filter(|deal| !deal.is_deleted);
            deal.map(|deal| deal.is_deleted = true).is_some()
        })
    }

    /// Stores a user and returns their id.
    pub fn add_user(&self, name: &str, email: &str) -> i64 {
        self.world(|world| world.add_user(name, email))
    }

    /// Stores an organisation and returns its id.
    pub fn add_organization(&self, name: &str) -> i64 {
        self.world(|world| world.add_organization(name))
    }

    /// Adds a type of activities, such as one for chats.
    pub fn add_activity_type(&self, name: &str, key: &str) -> i64 {
        self.world(|world| world.add_activity_type(name, key, true))
    }

    /// Deletes a person; whether there was one.
    pub fn delete_person(&self, id: i64) -> bool {
        self.world(|world| world.delete_person(id))
    }

    /// Merges `loser` into `survivor`; whether both existed.
    pub fn merge_persons(&self, loser: i64, survivor: i64) -> bool {
        self.world(|world| world.merge_persons(loser, survivor))
    }
}

/// Phone numbers or e-mail addresses, the first of them the primary one.
fn contacts<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Vec<Contact> {
    let contact = |(position, value): (usize, T)| Contact {
        value: value.into(),
        primary: position == 0,
        label: "work".to_owned(),
    };
    values.into_iter().enumerate().map(contact).collect()
}

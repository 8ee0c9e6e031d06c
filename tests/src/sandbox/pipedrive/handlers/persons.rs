//! Persons: v2, and the merge of v1.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{Contact, Person};
use super::super::paging::Listed;
use super::super::reply::{Change, Item, Reply};
use super::super::validate;
use super::super::world::{Links, World, next_id, now};
use super::v1_time;

/// Fields that exist only for companies with contact sync, which this one has not.
const CONTACT_SYNC_FIELDS: [&str; 5] = ["im", "notes", "birthday", "job_title", "postal_address"];

/// The fields of a body that are kept.
#[derive(Deserialize)]
struct PersonFields {
    name: Option<String>,
    owner_id: Option<i64>,
    org_id: Option<i64>,
    add_time: Option<Timestamp>,
    emails: Option<Vec<Contact>>,
    phones: Option<Vec<Contact>>,
    visible_to: Option<i64>,
    label_ids: Option<Vec<i64>>,
    marketing_status: Option<String>,
    custom_fields: Option<Map<String, Value>>,
}

impl PersonFields {
    fn read(world: &World, call: &Call) -> Result<Self, ApiError> {
        if let Some(name) = CONTACT_SYNC_FIELDS
            .iter()
            .find(|name| call.body.contains_key(**name))
        {
            let text = format!("'{name}' is available only with contact sync.");
            return Err(ApiError::forbidden(text));
        }
        let mut fields: Self = call.fields()?;
        if fields
            .name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            return Err(ApiError::validation("name", "must not be empty"));
        }
        if fields
            .visible_to
            .is_some_and(|groups| ![1, 3, 5, 7].contains(&groups))
        {
            return Err(ApiError::validation(
                "visible_to",
                "must be one of 1, 3, 5, 7",
            ));
        }
        settle_primary("phones", fields.phones.as_mut())?;
        settle_primary("emails", fields.emails.as_mut())?;
        let links = Links {
            organization: fields.org_id,
            user: fields.owner_id,
            ..Links::default()
        };
        world.check_links(links)?;
        Ok(fields)
    }

    /// Sets what was sent. Lists are replaced, not added to.
    fn apply(self, person: &mut Person) {
        set(&mut person.name, self.name);
        set(&mut person.owner_id, self.owner_id);
        set(&mut person.emails, self.emails);
        set(&mut person.phones, self.phones);
        set(&mut person.visible_to, self.visible_to);
        set(&mut person.label_ids, self.label_ids);
        person.org_id = self.org_id.or(person.org_id);
        person.marketing_status = self.marketing_status.or(person.marketing_status.take());
        person
            .custom_fields
            .extend(self.custom_fields.into_iter().flatten());
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// One contact of a list is the primary one: the one that says so, else the first.
fn settle_primary(name: &str, contacts: Option<&mut Vec<Contact>>) -> Result<(), ApiError> {
    let Some(contacts) = contacts else {
        return Ok(());
    };
    match contacts.iter().filter(|contact| contact.primary).count() {
        0 => {
            if let Some(first) = contacts.first_mut() {
                first.primary = true;
            }
            Ok(())
        }
        1 => Ok(()),
        _ => Err(ApiError::validation(
            name,
            "must have at most one primary item",
        )),
    }
}

/// A person with nothing but a name.
pub(in super::super) fn new_person(world: &World, name: &str, owner_id: i64) -> Person {
    Person {
        id: next_id(&world.persons),
        name: name.to_owned(),
        owner_id,
        org_id: None,
        add_time: now(),
        update_time: now(),
        emails: Vec::new(),
        phones: Vec::new(),
        is_deleted: false,
        merged_into: None,
        visible_to: 3,
        label_ids: Vec::new(),
        marketing_status: None,
        custom_fields: Map::new(),
    }
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let fields = PersonFields::read(world, call)?;
    let Some(name) = &fields.name else {
        return Err(validate::missing("name"));
    };
    world.check_owner(call.user_id, fields.owner_id)?;
    let mut person = new_person(world, name, call.user_id);
    person.add_time = fields.add_time.unwrap_or(person.add_time);
    fields.apply(&mut person);

    let (id, answer) = (person.id, answer(&person));
    world.put_person(person);
    let mut reply = Reply::data(answer).with_effect(Change::Created, Item::Person, &id);
    reply.status = world.behaviour.created_status;
    Ok(reply)
}

pub(in super::super) fn update(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.item_id()?;
    refuse_hidden(world, id)?;
    let mut person = world.person(id).cloned().ok_or_else(not_found)?;
    let fields = PersonFields::read(world, call)?;
    world.check_owner(person.owner_id, fields.owner_id)?;
    fields.apply(&mut person);
    person.update_time = now();

    let answer = answer(&person);
    world.put_person(person);
    Ok(Reply::data(answer).with_effect(Change::Updated, Item::Person, &id))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.item_id()?;
    refuse_hidden(world, id)?;
    let shown = world
        .persons
        .get(&id)
        .filter(|person| world.behaviour.shows_deleted_persons || !person.is_deleted);
    let person = shown.ok_or_else(not_found)?;
    Ok(Reply::data(with_counts(
        world,
        call,
        person,
        answer(person),
    )))
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.item_id()?;
    refuse_hidden(world, id)?;
    if !world.delete_person(id) {
        return Err(not_found());
    }
    Ok(Reply::data(json!({"id": id})).with_effect(Change::Deleted, Item::Person, &id))
}

/// `PUT /v1/persons/{id}/merge`: the person in the path goes, the one in the body stays.
pub(in super::super) fn merge(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let loser = call.item_id()?;
    let survivor = call.field_integer("merge_with_id").unwrap_or_default();
    if loser == survivor {
        return Err(ApiError::bad_request(
            "A person cannot be merged with itself.",
        ));
    }
    if !world.merge_persons(loser, survivor) {
        return Err(not_found());
    }
    let person = &world.persons[&survivor];
    let answer = json!({
        "id": person.id,
        "owner_id": person.owner_id,
        "org_id": person.org_id,
        "name": person.name,
        "active_flag": true,
        "phone": person.phones,
        "email": person.emails,
        "add_time": v1_time(person.add_time),
        "update_time": v1_time(person.update_time),
        "visible_to": person.visible_to.to_string(),
        "merge_what_id": loser,
    });
    Ok(Reply::data(answer)
        .with_effect(Change::Merged, Item::Person, &loser)
        .with_effect(Change::Updated, Item::Person, &survivor))
}

fn not_found() -> ApiError {
    ApiError::not_found("Person not found")
}

/// Refuses a request for a person who is hidden from the token's user.
fn refuse_hidden(world: &World, id: i64) -> Result<(), ApiError> {
    if world.hidden_persons.contains(&id) {
        let status = world.behaviour.hidden_status;
        return Err(ApiError::hidden(
            status,
            "You do not have access to this person.",
        ));
    }
    Ok(())
}

/// Adds the counts that `include_fields` asks for. Those of deals are true, the others are `null`.
pub(super) fn with_counts(world: &World, call: &Call, person: &Person, mut answer: Value) -> Value {
    let asked = call.words("include_fields").unwrap_or_default();
    for name in asked.into_iter().filter(|_| world.behaviour.answers_counts) {
        answer[name] = match name {
            "open_deals_count" => json!(world.deals_with_status(person.id, "open")),
            "won_deals_count" => json!(world.deals_with_status(person.id, "won")),
            "lost_deals_count" => json!(world.deals_with_status(person.id, "lost")),
            _ => Value::Null,
        };
    }
    answer
}

pub(super) fn answer(person: &Person) -> Value {
    let (first_name, last_name) = match person.name.rsplit_once(' ') {
        Some((first, last)) => (first, Some(last)),
        None => (person.name.as_str(), None),
    };
    json!({
        "id": person.id,
        "name": person.name,
        "first_name": first_name,
        "last_name": last_name,
        "owner_id": person.owner_id,
        "org_id": person.org_id,
        "add_time": person.add_time,
        "update_time": person.update_time,
        "emails": person.emails,
        "phones": person.phones,
        "is_deleted": person.is_deleted,
        "visible_to": person.visible_to,
        "label_ids": person.label_ids,
        "picture_id": null,
        "custom_fields": person.custom_fields,
    })
}

impl Listed for Person {
    fn id(&self) -> i64 {
        self.id
    }

    fn add_time(&self) -> Timestamp {
        self.add_time
    }

    fn update_time(&self) -> Timestamp {
        self.update_time
    }
}

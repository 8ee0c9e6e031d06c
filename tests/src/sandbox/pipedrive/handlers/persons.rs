//! Persons: v2, and the merge of v1.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{Contact, Person};
use super::super::paging::{self, Listed};
use super::super::reply::{Change, Item, Reply};
use super::super::search::SearchField;
use super::super::validate;
use super::super::world::{Links, World, next_id, now};
use super::{is_wanted, refuse_filter, search_term, v1_time};

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
    let mut person = world.person(id).cloned().ok_or_else(not_found)?;
    PersonFields::read(world, call)?.apply(&mut person);
    person.update_time = now();

    let answer = answer(&person);
    world.put_person(person);
    Ok(Reply::data(answer).with_effect(Change::Updated, Item::Person, &id))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let person = world.persons.get(&call.item_id()?);
    let shown = person.filter(|person| world.behaviour.shows_deleted_persons || !person.is_deleted);
    shown
        .map(|person| Reply::data(answer(person)))
        .ok_or_else(not_found)
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.item_id()?;
    if !world.delete_person(id) {
        return Err(not_found());
    }
    Ok(Reply::data(json!({"id": id})).with_effect(Change::Deleted, Item::Person, &id))
}

pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    refuse_filter(call)?;
    let owner = call.integer("owner_id");
    let organization = call.integer("org_id");
    // A deal names its person; one that does not exist names nobody.
    let of_deal = call.integer("deal_id").map(|deal| {
        world
            .deals
            .get(&deal)
            .and_then(|deal| deal.person_id)
            .unwrap_or(0)
    });
    let wanted = world.persons.values().filter(|person| {
        !person.is_deleted
            && is_wanted(call, person.id)
            && owner.is_none_or(|owner| person.owner_id == owner)
            && organization.is_none_or(|organization| person.org_id == Some(organization))
            && of_deal.is_none_or(|id| person.id == id)
    });
    let (page, next) = paging::page(call, wanted)?;
    Ok(Reply::page(page.into_iter().map(answer).collect(), next))
}

/// The results carry what the index knew, and are of another shape than persons elsewhere.
pub(in super::super) fn search(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (term, exact) = search_term(call)?;
    let fields: Vec<_> = match call.words("fields") {
        None => vec![SearchField::Name, SearchField::Email, SearchField::Phone],
        Some(words) => words.into_iter().filter_map(search_field).collect(),
    };
    let organization = call.integer("organization_id");
    world.index.catch_up(&world.persons);
    let mut hits = world.index.find(term, &fields, exact);
    hits.retain(|hit| organization.is_none_or(|wanted| hit.org_id == Some(wanted)));
    let (page, next) = paging::search_page(call, hits, |hit| hit.id)?;
    let items: Vec<_> = page
        .into_iter()
        .map(|hit| search_item(world, hit))
        .collect();
    Ok(Reply::page(json!({"items": items}), next))
}

/// Notes and custom fields of persons are not searched, because the sandbox does not look into them.
fn search_field(word: &str) -> Option<SearchField> {
    match word {
        "name" => Some(SearchField::Name),
        "email" => Some(SearchField::Email),
        "phone" => Some(SearchField::Phone),
        _ => None,
    }
}

fn search_item(world: &World, person: &Person) -> Value {
    let organization = person.org_id.and_then(|id| world.organizations.get(&id));
    let organization = organization.map(
        |organization| json!({"id": organization.id, "name": organization.name, "address": null}),
    );
    let values = |contacts: &[Contact]| -> Vec<String> {
        contacts
            .iter()
            .map(|contact| contact.value.clone())
            .collect()
    };
    json!({
        "result_score": 0.5092,
        "item": {
            "id": person.id,
            "type": "person",
            "name": person.name,
            "phones": values(&person.phones),
            "emails": values(&person.emails),
            "visible_to": person.visible_to,
            "owner": {"id": person.owner_id},
            "organization": organization,
            "custom_fields": [],
            "notes": [],
        },
    })
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

fn answer(person: &Person) -> Value {
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

//! Notes (v1).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::Note;
use super::super::paging;
use super::super::reply::{Change, Item, Reply};
use super::super::world::{Links, World, next_id, now};
use super::sanitiser::without_comments;
use super::{from_v1_time, v1_time};

/// What a note can be about. At least one of them is.
const SUBJECTS: [&str; 6] = [
    "deal_id",
    "person_id",
    "org_id",
    "lead_id",
    "project_id",
    "task_id",
];

const DEFAULT_LIMIT: usize = 100;

/// Sets the fields of a body, after checking what they refer to.
fn apply(world: &World, call: &Call, note: &mut Note) -> Result<(), ApiError> {
    world.check_links(Links {
        person: call.field_integer("person_id"),
        deal: call.field_integer("deal_id"),
        organization: call.field_integer("org_id"),
        user: call.field_integer("user_id"),
    })?;
    for (name, value) in &call.body {
        let text = value.as_str();
        match name.as_str() {
            "content" => note.content = without_comments(text.unwrap_or_default()),
            "user_id" => note.user_id = value.as_i64().unwrap_or(note.user_id),
            "add_time" => note.add_time = text.and_then(from_v1_time).unwrap_or(note.add_time),
            "person_id" => note.person_id = value.as_i64(),
            "deal_id" => note.deal_id = value.as_i64(),
            "org_id" => note.org_id = value.as_i64(),
            "project_id" => note.project_id = value.as_i64(),
            "task_id" => note.task_id = value.as_i64(),
            "lead_id" => note.lead_id = text.map(str::to_owned),
            flag => {
                note.pinned
                    .insert(flag.to_owned(), value.as_i64() == Some(1));
            }
        }
    }
    Ok(())
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    if !SUBJECTS.iter().any(|name| call.body.contains_key(*name)) {
        let text = format!("At least one of {} is required.", SUBJECTS.join(", "));
        return Err(ApiError::bad_request(text));
    }
    let mut note = Note {
        id: next_id(&world.notes),
        content: String::new(),
        user_id: call.user_id,
        add_time: now(),
        update_time: now(),
        person_id: None,
        deal_id: None,
        org_id: None,
        lead_id: None,
        project_id: None,
        task_id: None,
        pinned: BTreeMap::new(),
        is_deleted: false,
    };
    apply(world, call, &mut note)?;

    let (id, answer) = (note.id, answer(world, &note));
    world.notes.insert(id, note);
    Ok(Reply::data(answer).with_effect(Change::Created, Item::Note, &id))
}

pub(in super::super) fn update(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut note = existing(world, call)?.clone();
    apply(world, call, &mut note)?;
    note.update_time = now();

    let (id, answer) = (note.id, answer(world, &note));
    world.notes.insert(id, note);
    Ok(Reply::data(answer).with_effect(Change::Updated, Item::Note, &id))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let note = existing(world, call)?;
    Ok(Reply::data(answer(world, note)))
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut note = existing(world, call)?.clone();
    note.is_deleted = true;

    let id = note.id;
    world.notes.insert(id, note);
    Ok(Reply::data(json!(true)).with_effect(Change::Deleted, Item::Note, &id))
}

pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut notes: Vec<_> = world
        .notes
        .values()
        .filter(|note| is_listed(call, note))
        .collect();
    sort(call, &mut notes)?;
    let answers = notes.into_iter().map(|note| answer(world, note)).collect();
    Ok(paging::offset_page(call, answers, DEFAULT_LIMIT))
}

fn is_listed(call: &Call, note: &Note) -> bool {
    let equals = |name: &str, value: Option<i64>| {
        call.integer(name)
            .is_none_or(|wanted| value == Some(wanted))
    };
    let day = v1_time(note.add_time);
    let is_pinned = |flag: &str| note.pinned.get(flag).copied().unwrap_or(false);
    let mut flags = call
        .query
        .keys()
        .filter(|name| name.starts_with("pinned_to_"));
    !note.is_deleted
        && equals("user_id", Some(note.user_id))
        && equals("person_id", note.person_id)
        && equals("deal_id", note.deal_id)
        && equals("org_id", note.org_id)
        && equals("project_id", note.project_id)
        && equals("task_id", note.task_id)
        && call
            .text("lead_id")
            .is_none_or(|lead| note.lead_id.as_deref() == Some(lead))
        && call
            .text("start_date")
            .is_none_or(|start| day[..10] >= *start)
        && call.text("end_date").is_none_or(|end| day[..10] <= *end)
        && call
            .instant("updated_since")
            .is_none_or(|since| note.update_time >= since)
        && flags.all(|flag| call.boolean(flag) == Some(is_pinned(flag)))
}

/// What notes are sorted by.
type SortKey = fn(&Note) -> i64;

/// `sort=add_time DESC`: a field and a direction, or several of these with commas between.
fn sort(call: &Call, notes: &mut [&Note]) -> Result<(), ApiError> {
    let refusal = || ApiError::bad_request("\"sort\" must name a field and a direction.");
    let mut order: Vec<(SortKey, bool)> = Vec::new();
    for part in call.words("sort").unwrap_or_default() {
        let (field, direction) = part.split_once(' ').unwrap_or((part, "ASC"));
        let key: SortKey = match field {
            "id" => |note| note.id,
            "user_id" => |note| note.user_id,
            "add_time" => |note| note.add_time.as_second(),
            "update_time" => |note| note.update_time.as_second(),
            _ => return Err(refusal()),
        };
        match direction.to_ascii_uppercase().as_str() {
            "ASC" => order.push((key, false)),
            "DESC" => order.push((key, true)),
            _ => return Err(refusal()),
        }
    }
    notes.sort_by(|left, right| {
        let compare = |(key, descends): &(SortKey, bool)| {
            let ordering = key(left).cmp(&key(right));
            if *descends {
                ordering.reverse()
            } else {
                ordering
            }
        };
        order
            .iter()
            .map(compare)
            .fold(Ordering::Equal, Ordering::then)
    });
    Ok(())
}

fn existing<'w>(world: &'w World, call: &Call) -> Result<&'w Note, ApiError> {
    let note = world
        .notes
        .get(&call.item_id()?)
        .filter(|note| !note.is_deleted);
    note.ok_or_else(|| ApiError::not_found("Note not found"))
}

fn answer(world: &World, note: &Note) -> Value {
    let person = note.person_id.and_then(|id| world.persons.get(&id));
    let deal = note.deal_id.and_then(|id| world.deals.get(&id));
    let organization = note.org_id.and_then(|id| world.organizations.get(&id));
    let user = world.users.get(&note.user_id);
    let pinned = |flag: &str| note.pinned.get(flag).copied().unwrap_or(false);
    json!({
        "id": note.id,
        "active_flag": !note.is_deleted,
        "add_time": v1_time(note.add_time),
        "update_time": v1_time(note.update_time),
        "content": note.content,
        "deal": deal.map(|deal| json!({"title": deal.title})),
        "deal_id": note.deal_id,
        "lead_id": note.lead_id,
        "last_update_user_id": null,
        "org_id": note.org_id,
        "organization": organization.map(|organization| json!({"name": organization.name})),
        "person": person.map(|person| json!({"name": person.name})),
        "person_id": note.person_id,
        "project_id": note.project_id,
        "project": null,
        "task_id": note.task_id,
        "pinned_to_lead_flag": pinned("pinned_to_lead_flag"),
        "pinned_to_deal_flag": pinned("pinned_to_deal_flag"),
        "pinned_to_organization_flag": pinned("pinned_to_organization_flag"),
        "pinned_to_person_flag": pinned("pinned_to_person_flag"),
        "pinned_to_project_flag": pinned("pinned_to_project_flag"),
        "pinned_to_task_flag": pinned("pinned_to_task_flag"),
        "user": user.map(|user| json!({
            "email": user.email,
            "icon_url": null,
            "is_you": user.id == super::super::world::TOKEN_USER,
            "name": user.name,
        })),
        "user_id": note.user_id,
    })
}

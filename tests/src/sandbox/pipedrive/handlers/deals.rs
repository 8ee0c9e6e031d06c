//! Deals (v2).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::Deal;
use super::super::paging::{self, Listed};
use super::super::reply::{Change, Item, Reply};
use super::super::world::{Links, World, next_id, now};
use super::{is_wanted, refuse_filter, search_term};

/// A deal with nothing but a title.
pub(in super::super) fn new_deal(world: &World, title: &str, user_id: i64) -> Deal {
    Deal {
        id: next_id(&world.deals),
        title: title.to_owned(),
        owner_id: user_id,
        creator_user_id: user_id,
        person_id: None,
        org_id: None,
        pipeline_id: 1,
        stage_id: 1,
        value: 0.0,
        currency: "EUR".to_owned(),
        status: "open".to_owned(),
        is_deleted: false,
        is_archived: false,
        add_time: now(),
        update_time: now(),
        other: Map::new(),
    }
}

/// Sets the fields of a body, after checking what they refer to.
fn apply(world: &World, call: &Call, deal: &mut Deal) -> Result<(), ApiError> {
    world.check_links(Links {
        person: call.field_integer("person_id"),
        deal: None,
        organization: call.field_integer("org_id"),
        user: call.field_integer("owner_id"),
    })?;
    for (name, value) in &call.body {
        let text = || value.as_str().unwrap_or_default().to_owned();
        let number = || value.as_i64().unwrap_or_default();
        let boolean = || value.as_bool().unwrap_or_default();
        match name.as_str() {
            "title" => deal.title = text(),
            "owner_id" => deal.owner_id = number(),
            "person_id" => deal.person_id = value.as_i64(),
            "org_id" => deal.org_id = value.as_i64(),
            "pipeline_id" => deal.pipeline_id = number(),
            "stage_id" => deal.stage_id = number(),
            "value" => deal.value = value.as_f64().unwrap_or_default(),
            "currency" => deal.currency = text(),
            "status" => deal.set_status(&text()),
            "is_deleted" => deal.is_deleted = boolean(),
            "is_archived" => deal.is_archived = boolean(),
            other => {
                deal.other.insert(other.to_owned(), value.clone());
            }
        }
    }
    Ok(())
}

impl Deal {
    /// Closing a deal notes when.
    fn set_status(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        let closed = |status: &str| (self.status == status).then(now);
        let (won, lost) = (closed("won"), closed("lost"));
        self.other.insert("won_time".to_owned(), json!(won));
        self.other.insert("lost_time".to_owned(), json!(lost));
        self.other
            .insert("close_time".to_owned(), json!(won.or(lost)));
    }
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut deal = new_deal(world, "", call.user_id);
    world.check_owner(deal.owner_id, call.field_integer("owner_id"))?;
    apply(world, call, &mut deal)?;

    let (id, answer) = (deal.id, answer(&deal));
    world.deals.insert(id, deal);
    let mut reply = Reply::data(answer).with_effect(Change::Created, Item::Deal, &id);
    reply.status = world.behaviour.created_status;
    Ok(reply)
}

pub(in super::super) fn update(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut deal = existing(world, call)?.clone();
    world.check_owner(deal.owner_id, call.field_integer("owner_id"))?;
    apply(world, call, &mut deal)?;
    deal.update_time = now();

    let (id, answer) = (deal.id, answer(&deal));
    world.deals.insert(id, deal);
    Ok(Reply::data(answer).with_effect(Change::Updated, Item::Deal, &id))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    existing(world, call).map(|deal| Reply::data(answer(deal)))
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut deal = existing(world, call)?.clone();
    deal.is_deleted = true;
    deal.update_time = now();

    let id = deal.id;
    world.deals.insert(id, deal);
    Ok(Reply::data(json!({"id": id})).with_effect(Change::Deleted, Item::Deal, &id))
}

/// Archived deals are on another list, and deleted ones only on this one when asked for.
pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    refuse_filter(call)?;
    let equals = |name: &str, value: Option<i64>| {
        call.integer(name)
            .is_none_or(|wanted| value == Some(wanted))
    };
    let statuses = call.words("status");
    let has_status = |deal: &Deal| match &statuses {
        None => !deal.is_deleted,
        Some(words) if deal.is_deleted => words.contains(&"deleted"),
        Some(words) => words.contains(&deal.status.as_str()),
    };
    let wanted = world.deals.values().filter(|deal| {
        !deal.is_archived
            && has_status(deal)
            && is_wanted(call, deal.id)
            && equals("owner_id", Some(deal.owner_id))
            && equals("person_id", deal.person_id)
            && equals("org_id", deal.org_id)
            && equals("pipeline_id", Some(deal.pipeline_id))
            && equals("stage_id", Some(deal.stage_id))
    });
    let (page, next) = paging::page(world, call, wanted)?;
    Ok(Reply::page(page.into_iter().map(answer).collect(), next))
}

/// Deals are searched by their title, and without lag.
pub(in super::super) fn search(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (term, exact) = search_term(call)?;
    let term = term.to_lowercase();
    let in_title = call
        .words("fields")
        .is_none_or(|fields| fields.contains(&"title"));
    let (person, organization) = (call.integer("person_id"), call.integer("organization_id"));
    let status = call.text("status");
    let hits: Vec<_> = world
        .deals
        .values()
        .filter(|deal| {
            let title = deal.title.to_lowercase();
            let matches = if exact {
                title == term
            } else {
                title.contains(&term)
            };
            in_title
                && matches
                && !deal.is_deleted
                && status.is_none_or(|status| deal.status == status)
                && person.is_none_or(|person| deal.person_id == Some(person))
                && organization.is_none_or(|organization| deal.org_id == Some(organization))
        })
        .collect();
    let (page, next) = paging::search_page(world, call, hits, |deal| deal.id)?;
    let items: Vec<_> = page
        .into_iter()
        .map(|deal| search_item(world, deal))
        .collect();
    Ok(Reply::page(json!({"items": items}), next))
}

fn search_item(world: &World, deal: &Deal) -> Value {
    let person = deal.person_id.and_then(|id| world.persons.get(&id));
    let organization = deal.org_id.and_then(|id| world.organizations.get(&id));
    json!({
        "result_score": 1.22,
        "item": {
            "id": deal.id,
            "type": "deal",
            "title": deal.title,
            "value": deal.value,
            "currency": deal.currency,
            "status": deal.status,
            "visible_to": 3,
            "owner": {"id": deal.owner_id},
            "stage": {"id": deal.stage_id, "name": "Qualified"},
            "person": person.map(|person| json!({"id": person.id, "name": person.name})),
            "organization": organization
                .map(|organization| json!({"id": organization.id, "name": organization.name})),
            "custom_fields": [],
            "notes": [],
            "is_archived": deal.is_archived,
        },
    })
}

fn existing<'w>(world: &'w World, call: &Call) -> Result<&'w Deal, ApiError> {
    let deal = world
        .deals
        .get(&call.item_id()?)
        .filter(|deal| !deal.is_deleted);
    deal.ok_or_else(|| ApiError::not_found("Deal not found"))
}

fn answer(deal: &Deal) -> Value {
    let mut answer = json!({
        "id": deal.id,
        "title": deal.title,
        "creator_user_id": deal.creator_user_id,
        "owner_id": deal.owner_id,
        "value": deal.value,
        "person_id": deal.person_id,
        "org_id": deal.org_id,
        "stage_id": deal.stage_id,
        "pipeline_id": deal.pipeline_id,
        "currency": deal.currency,
        "archive_time": null,
        "add_time": deal.add_time,
        "update_time": deal.update_time,
        "stage_change_time": null,
        "status": deal.status,
        "is_archived": deal.is_archived,
        "is_deleted": deal.is_deleted,
        "probability": null,
        "lost_reason": null,
        "visible_to": 3,
        "close_time": null,
        "won_time": null,
        "lost_time": null,
        "expected_close_date": null,
        "label_ids": [],
        "origin": "API",
        "origin_id": null,
        "channel": null,
        "channel_id": null,
        "custom_fields": {},
    });
    for (name, value) in &deal.other {
        answer[name] = value.clone();
    }
    answer
}

impl Listed for Deal {
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

//! Persons by the many: their list and their search (v2).

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{Contact, Person};
use super::super::paging;
use super::super::reply::Reply;
use super::super::search::{Query, SearchField};
use super::super::world::World;
use super::persons::{answer, with_counts};
use super::{refuse_filter, search_term};

pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    refuse_filter(call)?;
    world.listed_persons.catch_up();
    let world = &*world;
    let owner = call.integer("owner_id");
    let organization = call.integer("org_id");
    // A deal names its person; one that does not exist names no person.
    let of_deal = call.integer("deal_id").map(|deal| {
        world
            .deals
            .get(&deal)
            .and_then(|deal| deal.person_id)
            .unwrap_or(0)
    });
    let (candidates, in_order) = match changed_in_order(world, call)? {
        Some(changed) => (changed, true),
        None => (candidates(world, call)?, false),
    };
    let wanted = candidates.filter(|person| {
        is_listed(world, person)
            && owner.is_none_or(|owner| person.owner_id == owner)
            && organization.is_none_or(|organization| person.org_id == Some(organization))
            && of_deal.is_none_or(|id| person.id == id)
    });
    let (page, next) = if in_order {
        paging::page_in_order(world, call, wanted)?
    } else {
        paging::page(world, call, wanted)?
    };
    let answers = page
        .into_iter()
        .map(|person| with_counts(world, call, person, answer(person)));
    Ok(Reply::page(answers.collect(), next))
}

/// Persons, one by one.
type Candidates<'w> = Box<dyn Iterator<Item = &'w Person> + 'w>;

/// The persons from where a list in the order of changes goes on; `None` for another list, or while lists lag.
fn changed_in_order<'w>(world: &'w World, call: &Call) -> Result<Option<Candidates<'w>>, ApiError> {
    if call.words("ids").is_some() || !world.listed_persons.is_current() {
        return Ok(None);
    }
    let Some(after) = paging::resumes_after_change(world, call)? else {
        return Ok(None);
    };
    let since = call.instant("updated_since").map(|since| (since, i64::MIN));
    let from = since.map_or(after, |since| after.max(since));
    let changed = world.persons_by_change.range(from..);
    Ok(Some(Box::new(changed.map(|(_, id)| &world.persons[id]))))
}

/// The persons among which a list looks, as lists see them: no more than it has to.
fn candidates<'w>(world: &'w World, call: &Call) -> Result<Candidates<'w>, ApiError> {
    let see = |person: &'w Person| world.listed_persons.see(person.id, person);
    if let Some(ids) = call.words("ids") {
        let mut ids: Vec<i64> = ids.into_iter().filter_map(|id| id.parse().ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        let named = ids.into_iter().filter_map(|id| world.persons.get(&id));
        return Ok(Box::new(named.filter_map(see)));
    }
    if let Some(since) = call.instant("updated_since") {
        let changed = world.persons_by_change.range((since, i64::MIN)..);
        return Ok(Box::new(
            changed.filter_map(move |(_, id)| see(&world.persons[id])),
        ));
    }
    let from = paging::resumes_after_id(world, call)?.unwrap_or(i64::MIN);
    let rest = world.persons.range(from..).map(|(_, person)| person);
    Ok(Box::new(rest.filter_map(see)))
}

fn is_listed(world: &World, person: &Person) -> bool {
    let behaviour = &world.behaviour;
    (behaviour.lists_deleted || !person.is_deleted)
        && (behaviour.lists_hidden || !world.hidden_persons.contains(&person.id))
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
    let behaviour = world.behaviour;
    let mut hits = world.index.find(Query {
        term,
        fields: &fields,
        exact,
        mode: behaviour.search_mode,
    });
    hits.retain(|hit| {
        organization.is_none_or(|wanted| hit.org_id == Some(wanted))
            && (behaviour.search_finds_hidden || !world.hidden_persons.contains(&hit.id))
    });
    let (page, next) = paging::search_page(world, call, hits, |hit| hit.id)?;
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

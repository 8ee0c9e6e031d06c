//! The sandbox's one page: people with their timelines, and what is attached to no person.

mod entry;
mod timelines;

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};

use super::control::Control;
use super::html::escape;
use super::model::{Activity, Contact, Person};
use super::state::State;
use super::world::World;
use entry::{deal_chip, entries, organization_chip, user_name};
use timelines::Timelines;

const STYLE: &str = include_str!("page.css");

/// `GET /`
///
/// Nothing on the page is loaded from elsewhere, and no script runs, whatever the notes hold.
pub(super) async fn show(control: Data<Control>) -> impl Responder {
    let html = control.with(render);
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .insert_header(("cache-control", "no-store"))
        .body(html)
}

fn render(state: &mut State) -> String {
    let totals = totals(state);
    let world = &state.world;
    let mut timelines = Timelines::of(world);
    let people: Vec<_> = timelines
        .people(world)
        .into_iter()
        .map(|person| card(world, person, timelines.of_person(person.id)))
        .collect();
    let heading = format!("People: {} with activities", timelines.people_count());
    let organizations: String = timelines
        .organizations
        .iter()
        .map(|(id, timeline)| organization_card(world, *id, timeline))
        .collect();
    let lonely = std::mem::take(&mut timelines.unattached);
    let lonely = if lonely.is_empty() {
        String::new()
    } else {
        format!(
            "<h2>Not attached to a person</h2><section class=\"card lonely\">{}</section>",
            entries(world, &lonely, None)
        )
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"3\"><title>Pipedrive sandbox</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <header class=\"top-bar\"><div><h1>Pipedrive sandbox</h1>\
         <p>What landed on the timelines. Times are UTC; the page renews itself every three seconds.</p>\
         {totals}</div></header><main>{lonely}{organizations}<h2>{heading}</h2>{people}</main></body></html>\n",
        people = people.concat(),
    )
}

fn totals(state: &mut State) -> String {
    let left = state.gateway.budget_left();
    let persons = state
        .world
        .persons
        .values()
        .filter(|person| !person.is_deleted)
        .count();
    let activities = state
        .world
        .activities
        .values()
        .filter(|activity| !activity.is_deleted)
        .count();
    let faults = state.faults.rules().count();
    let tile = |name: &str, value: String, alarm: bool| {
        let class = if alarm { " class=\"alarm\"" } else { "" };
        format!("<div{class}><dt>{name}</dt><dd>{value}</dd></div>")
    };
    let tiles = [
        tile("People", grouped(persons as u64), false),
        tile("Activities", grouped(activities as u64), false),
        tile("API requests", grouped(state.log.total()), false),
        tile("Tokens spent", grouped(state.gateway.tokens_spent), false),
        tile(
            "Tokens left today",
            left.map_or_else(|| "no limit".to_owned(), grouped),
            left == Some(0),
        ),
        tile("Faults in force", faults.to_string(), faults > 0),
    ];
    format!("<dl>{}</dl>", tiles.concat())
}

fn card(world: &World, person: &Person, timeline: &[&Activity]) -> String {
    let values = |contacts: &[Contact]| {
        let values: Vec<_> = contacts.iter().map(|known| escape(&known.value)).collect();
        values.join(" · ")
    };
    let deals = world.deals.values();
    let deals = deals.filter(|deal| deal.person_id == Some(person.id) && !deal.is_deleted);
    let hidden = if world.hidden_persons.contains(&person.id) {
        "<span class=\"chip open\">hidden</span>"
    } else {
        ""
    };
    format!(
        "<section class=\"card\"><header><h3>{}</h3>{}<span class=\"phone\">{}</span>\
         <span class=\"phone\">{}</span>{}{hidden}<span class=\"id\">{} · person {}</span></header>{}</section>",
        escape(&person.name),
        organization_chip(world, person.org_id),
        values(&person.phones),
        values(&person.emails),
        deals.map(deal_chip).collect::<String>(),
        user_name(world, person.owner_id),
        person.id,
        entries(world, timeline, Some(person.id)),
    )
}

fn organization_card(world: &World, id: i64, timeline: &[&Activity]) -> String {
    let organization = world.organizations.get(&id);
    let name = organization.map_or("", |organization| organization.name.as_str());
    format!(
        "<section class=\"card\"><header><h3>{}</h3><span class=\"chip\">organization</span>\
         <span class=\"id\">organization {id}</span></header>{}</section>",
        escape(name),
        entries(world, timeline, None),
    )
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

//! The sandbox's one page: people with their timelines, and what is attached to nobody.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};

use super::control::Control;
use super::html::{escape, note};
use super::model::{Activity, Deal, Person};
use super::state::State;

const STYLE: &str = include_str!("page.css");

/// How many people are shown: those with the latest activities. Rendering everybody would hold the lock for too long.
const SHOWN_PEOPLE: usize = 100;

/// How many entries of a timeline are shown, for the same reason.
const SHOWN_ENTRIES: usize = 50;

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
    let mut timelines: BTreeMap<Option<i64>, Vec<&Activity>> = BTreeMap::new();
    for activity in state
        .world
        .activities
        .values()
        .filter(|activity| !activity.is_deleted)
    {
        timelines
            .entry(activity.person_id)
            .or_default()
            .push(activity);
    }
    for timeline in timelines.values_mut() {
        timeline.sort_by_key(|activity| (activity.due_date.clone(), activity.due_time.clone()));
        timeline.reverse();
    }
    let lonely = timelines.remove(&None).unwrap_or_default();
    let mut people: Vec<_> = state
        .world
        .persons
        .values()
        .filter(|person| !person.is_deleted)
        .map(|person| {
            (
                person,
                timelines.remove(&Some(person.id)).unwrap_or_default(),
            )
        })
        .collect();
    let (total, with_activities) = (
        people.len(),
        people
            .iter()
            .filter(|(_, timeline)| !timeline.is_empty())
            .count(),
    );
    people.sort_by_key(|(person, timeline)| {
        let latest = timeline.iter().map(|activity| activity.update_time).max();
        (std::cmp::Reverse(latest), person.id)
    });
    people.truncate(SHOWN_PEOPLE);

    let deals = &state.world.deals;
    let cards: String = people
        .iter()
        .map(|(person, timeline)| card(person, timeline, deals))
        .collect();
    let lonely = if lonely.is_empty() {
        String::new()
    } else {
        nobody(&lonely, deals)
    };
    let heading = format!("People: {with_activities} of {total} with activities");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"3\"><title>Pipedrive sandbox</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <header class=\"top-bar\"><div><h1>Pipedrive sandbox</h1>\
         <p>What landed on the timelines. Times are UTC; the page renews itself every three seconds.</p>\
         {totals}</div></header><main>{lonely}<h2>{heading}</h2>{cards}</main></body></html>\n",
        totals = totals(state),
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

fn card(person: &Person, timeline: &[&Activity], deals: &BTreeMap<i64, Deal>) -> String {
    let phones: Vec<_> = person
        .phones
        .iter()
        .map(|phone| escape(&phone.value))
        .collect();
    let own_deals: Vec<_> = deals
        .values()
        .filter(|deal| deal.person_id == Some(person.id) && !deal.is_deleted)
        .map(deal_chip)
        .collect();
    let entries = match timeline {
        [] => "<div class=\"empty\">No activities yet</div>".to_owned(),
        _ => entries(timeline, deals),
    };
    format!(
        "<section class=\"card\"><header><h3>{}</h3><span class=\"phone\">{}</span>{}\
         <span class=\"id\">person {}</span></header>{entries}</section>",
        escape(&person.name),
        phones.join(" · "),
        own_deals.concat(),
        person.id,
    )
}

fn nobody(timeline: &[&Activity], deals: &BTreeMap<i64, Deal>) -> String {
    format!(
        "<h2>Not attached to anybody</h2><section class=\"card lonely\">{}</section>",
        entries(timeline, deals)
    )
}

fn entries(timeline: &[&Activity], deals: &BTreeMap<i64, Deal>) -> String {
    let shown = timeline.iter().take(SHOWN_ENTRIES);
    let entries: Vec<_> = shown.map(|activity| entry(activity, deals)).collect();
    let earlier = match timeline.len().saturating_sub(SHOWN_ENTRIES) {
        0 => String::new(),
        hidden => format!("<div class=\"empty\">and {hidden} earlier ones</div>"),
    };
    format!("<ol>{}</ol>{earlier}", entries.concat())
}

fn entry(activity: &Activity, deals: &BTreeMap<i64, Deal>) -> String {
    let kind = if activity.r#type == "call" {
        ""
    } else {
        " chat"
    };
    let day = activity.due_date.as_deref().unwrap_or_default();
    let time = activity.due_time.as_deref().unwrap_or_default();
    let lasted = activity
        .duration
        .as_deref()
        .map(|length| format!(" · {}", spoken(length)));
    let undone = if activity.done {
        ""
    } else {
        "<span class=\"chip open\">to do</span>"
    };
    let deal = activity.deal_id.and_then(|id| deals.get(&id));
    let deal = deal.map(deal_chip);
    let shown_note = activity.note.as_deref().filter(|text| !text.is_empty());
    let shown_note = shown_note.map(|text| format!("<div class=\"note\">{}</div>", note(text)));
    format!(
        "<li class=\"activity{kind}\"><div class=\"top\"><span class=\"subject\">{}</span>\
         <span class=\"chip\">{}</span>{undone}{}<span class=\"when\">{day} {time}{}</span>\
         <span class=\"id\">activity {}</span></div>{}</li>",
        escape(&activity.subject),
        escape(&activity.r#type),
        deal.unwrap_or_default(),
        lasted.unwrap_or_default(),
        activity.id,
        shown_note.unwrap_or_default(),
    )
}

/// A duration such as `01:05` as one says it.
fn spoken(length: &str) -> String {
    let (hours, minutes) = length.split_once(':').unwrap_or(("0", length));
    match (
        hours.trim_start_matches('0'),
        minutes.trim_start_matches('0'),
    ) {
        ("", "") => "under 1 min".to_owned(),
        ("", minutes) => format!("{minutes} min"),
        (hours, "") => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn deal_chip(deal: &Deal) -> String {
    format!("<span class=\"chip deal\">{}</span>", escape(&deal.title))
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

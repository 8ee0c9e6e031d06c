//! The entries of a timeline.

use super::super::html::{escape, note};
use super::super::model::{Activity, Deal};
use super::super::world::World;

/// How many entries of a timeline are shown: rendering all of them would hold the lock for too long.
const SHOWN_ENTRIES: usize = 50;

/// The entries of the timeline of a person, or of none in particular.
pub(super) fn entries(world: &World, timeline: &[&Activity], person: Option<i64>) -> String {
    if timeline.is_empty() {
        return "<div class=\"empty\">No activities yet</div>".to_owned();
    }
    let shown = timeline.iter().take(SHOWN_ENTRIES);
    let entries: String = shown
        .map(|activity| entry(world, activity, person))
        .collect();
    let earlier = match timeline.len().saturating_sub(SHOWN_ENTRIES) {
        0 => String::new(),
        hidden => format!("<div class=\"empty\">and {hidden} earlier ones</div>"),
    };
    format!("<ol>{entries}</ol>{earlier}")
}

fn entry(world: &World, activity: &Activity, person: Option<i64>) -> String {
    let kind = if activity.r#type == "call" {
        ""
    } else {
        " chat"
    };
    let deal = activity.deal_id.and_then(|id| world.deals.get(&id));
    let shown_note = activity.note.as_deref().filter(|text| !text.is_empty());
    let shown_note = shown_note.map(|text| format!("<div class=\"note\">{}</div>", note(text)));
    format!(
        "<li class=\"activity{kind}\"><div class=\"top\"><span class=\"subject\">{}</span>\
         <span class=\"chip\">{}</span>{}{}{}<span class=\"when\">{}</span>\
         <span class=\"id\">{} · activity {}</span></div>{}{}</li>",
        escape(&activity.subject),
        escape(&activity.r#type),
        outcome(world, activity),
        organization_chip(world, activity.org_id),
        deal.map(deal_chip).unwrap_or_default(),
        when(activity),
        user_name(world, activity.owner_id),
        activity.id,
        participants(world, activity, person),
        shown_note.unwrap_or_default(),
    )
}

fn when(activity: &Activity) -> String {
    let day = activity.due_date.as_deref().unwrap_or_default();
    let time = activity.due_time.as_deref().unwrap_or_default();
    let lasted = activity.duration.as_deref().map(spoken);
    let lasted = lasted
        .map(|length| format!(" · {length}"))
        .unwrap_or_default();
    format!("{day} {time}{lasted}")
}

/// Whether it is still to do, and what came of the call where a call log says so.
fn outcome(world: &World, activity: &Activity) -> String {
    let mut logs = world.call_logs.iter();
    let log = logs.find(|log| log.activity_id == activity.id && !log.is_deleted);
    let outcome = log.map(|log| format!("<span class=\"chip\">{}</span>", escape(&log.outcome)));
    let undone = if activity.done {
        ""
    } else {
        "<span class=\"chip open\">to do</span>"
    };
    format!("{undone}{}", outcome.unwrap_or_default())
}

/// The other people who take part, the primary one marked.
fn participants(world: &World, activity: &Activity, person: Option<i64>) -> String {
    let others = activity
        .participants
        .iter()
        .filter(|participant| Some(participant.person_id) != person);
    let names: Vec<_> = others
        .map(|participant| {
            let known = world.persons.get(&participant.person_id);
            let name = known.map_or("?", |known| known.name.as_str());
            let primary = if participant.primary {
                " (primary)"
            } else {
                ""
            };
            format!("{}{primary}", escape(name))
        })
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("<div class=\"with\">with {}</div>", names.join(", "))
}

pub(super) fn organization_chip(world: &World, id: Option<i64>) -> String {
    let organization = id.and_then(|id| world.organizations.get(&id));
    organization.map_or_else(String::new, |organization| {
        format!(
            "<span class=\"chip organization\">{}</span>",
            escape(&organization.name)
        )
    })
}

pub(super) fn user_name(world: &World, id: i64) -> String {
    let user = world.users.get(&id);
    user.map_or_else(|| format!("user {id}"), |user| escape(&user.name))
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

pub(super) fn deal_chip(deal: &Deal) -> String {
    format!("<span class=\"chip deal\">{}</span>", escape(&deal.title))
}

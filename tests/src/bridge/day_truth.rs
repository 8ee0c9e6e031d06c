//! The records of a day held against its truth: person, outcome, agents, queue, times and owner of each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::call_centre::{CallCentre, line, note};
use crate::sandbox::call_centre::{Happening, Outcome, Owner, Who};
use crate::sandbox::pipedrive::Activity;

/// What is wrong with the records, by what it is: nothing, if each conversation has its record and each record is right.
#[must_use]
pub fn wrong(centre: &CallCentre) -> BTreeMap<&'static str, Vec<String>> {
    let mut records: BTreeMap<String, Activity> = BTreeMap::new();
    for activity in centre.app.pipedrive.activities() {
        let id = note(&activity).rsplit_once("Genesys interaction ");
        let id = id.map(|(_, id)| id.split('<').next().unwrap_or(id).to_owned());
        records.insert(id.unwrap_or_default(), activity);
    }
    let mut wrong: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for happening in &centre.day.happenings {
        let record = records.get(&happening.truth.conversation);
        for (what, problem) in compare(centre, happening, record) {
            wrong.entry(what).or_default().push(problem);
        }
    }
    wrong
}

/// What of a record is not as it was.
fn compare(
    centre: &CallCentre,
    happening: &Happening,
    record: Option<&Activity>,
) -> Vec<(&'static str, String)> {
    let truth = &happening.truth;
    let Some(record) = record else {
        let lost = truth
            .is_recorded
            .then(|| ("lost", format!("{happening:#?}")));
        return lost.into_iter().collect();
    };
    if !truth.is_recorded {
        return vec![("recorded", format!("{happening:#?}"))];
    }
    let text = note(record);
    let agents: Vec<&str> = truth.agents.iter().map(|agent| &*agent.name).collect();
    let queue = line(text, "Queue").and_then(|queues| queues.split(", ").last());
    let minutes = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let due = [record.due_date.as_deref(), record.due_time.as_deref()];
    let due = due.map(Option::unwrap_or_default);
    let begun = format!("{} {}", due[0], &due[1][..due[1].len().min(5)]);
    let lasted = truth.end.duration_since(truth.start).unsigned_abs();
    let checks = [
        ("person", is_of(centre, &truth.who, record)),
        ("outcome", outcome(text) == expected(truth.outcome)),
        ("agents", agents_of(text) == agents),
        ("queue", queue == truth.queue.as_deref()),
        ("begin", begun == minutes(truth.start)),
        (
            "duration",
            line(text, "Duration").map(seconds) == Some(rounded(lasted)),
        ),
        ("owner", owner(centre, &truth.owner) == record.owner_id),
    ];
    let wrong = checks.into_iter().filter(|(_, is_right)| !is_right);
    wrong
        .map(|(what, _)| {
            let scenario = happening.scenario;
            (
                what,
                format!(
                    "{scenario:?}\n{truth:#?}\n{} {begun} person {:?} owner {}\n{}",
                    record.subject,
                    record.person_id,
                    record.owner_id,
                    text.replace("<br>", "\n")
                ),
            )
        })
        .collect()
}

fn is_of(centre: &CallCentre, who: &Who, record: &Activity) -> bool {
    match who {
        Who::Person(position) => record.person_id == Some(centre.people[*position]),
        Who::Shared(_) | Who::Withheld | Who::Internal => record.person_id.is_none(),
        Who::Unknown(_) => record
            .person_id
            .is_some_and(|person| !centre.people.contains(&person)),
    }
}

fn owner(centre: &CallCentre, owner: &Owner) -> i64 {
    let users = centre.app.pipedrive.users();
    match owner {
        Owner::Fallback => users[0].id,
        Owner::User(email) => {
            let user = users
                .iter()
                .find(|user| user.email.eq_ignore_ascii_case(email));
            user.map_or(0, |user| user.id)
        }
    }
}

/// The agents of a note, without their talk.
fn agents_of(text: &str) -> Vec<&str> {
    let line = line(text, "Agent").or_else(|| line(text, "Agents"));
    let agents = line.unwrap_or_default().split(", ");
    let bare = agents.map(|agent| agent.split(" (").next().unwrap_or(agent));
    bare.filter(|agent| !agent.is_empty()).collect()
}

/// What came of it: what stands behind the kind of conversation, and that it was called back.
fn outcome(text: &str) -> String {
    let line = line(text, "Outcome").unwrap_or_default();
    let (_, came) = line.split_once(", ").unwrap_or((line, "unknown"));
    came.trim_start_matches("called back, ").to_owned()
}

fn expected(outcome: Outcome) -> String {
    match outcome {
        Outcome::Connected => "connected".to_owned(),
        Outcome::Abandoned(after) => {
            let after = written(after);
            format!("given up by the customer after {after} before an agent answered")
        }
        Outcome::NoAnswer => "not answered".to_owned(),
        Outcome::Busy => "not answered: busy".to_owned(),
        Outcome::Voicemail => "the customer left a voicemail".to_owned(),
        Outcome::Callback => "the customer asks to be called back".to_owned(),
        Outcome::Failed => "the connection failed".to_owned(),
    }
}

/// A duration as notes write it.
fn written(duration: Duration) -> String {
    let seconds = rounded(duration);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn rounded(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().saturating_add(500) / 1000).unwrap_or(0)
}

/// The seconds of a duration in a note: `1 h 2 min 3 s`.
fn seconds(text: &str) -> u64 {
    let bare = text.split(" (").next().unwrap_or(text);
    let words: Vec<&str> = bare.split(' ').collect();
    let pairs = words.chunks(2);
    let unit = |pair: &[&str]| {
        let number: u64 = pair[0].parse().unwrap_or(0);
        match pair.get(1) {
            Some(&"h") => number * 3_600,
            Some(&"min") => number * 60,
            _ => number,
        }
    };
    pairs.map(unit).sum()
}

//! What should come of a scene, what was seen of it, and whether the two agree.

use uuid::Uuid;

use crate::bridge::Answer;
use crate::bridge::call_centre::line;

/// What a note says of a caller who gave up, and of a recording.
pub(super) const GIVEN_UP: &str = "given up by the customer";
pub(super) const RECORDED: &str = "Listen in Genesys Cloud";

/// What should come of a scene.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// One activity, however often the event was posted.
    Once {
        /// What the activity has to be attached to.
        to: AttachedTo,
        /// Linked to which deal, by title.
        deal: Option<&'static str>,
        /// Parts of its note.
        note: Vec<&'static str>,
        /// The owner's name, if that matters.
        owner: Option<&'static str>,
    },
    /// Taken for nothing to record.
    Ignored,
    /// Answered with this status.
    Refused(u16),
    /// A dead letter with this reason.
    Dead(&'static str),
}

/// What an activity is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedTo {
    /// A person who was there before, by name.
    Known(&'static str),
    /// A person created by the bridge, by name.
    New(&'static str),
    /// The activity belongs to no person.
    Nothing,
}

impl Expected {
    pub(super) fn once(to: AttachedTo) -> Self {
        Self::Once {
            to,
            deal: None,
            note: Vec::new(),
            owner: None,
        }
    }

    pub(super) fn with_deal(mut self, title: &'static str) -> Self {
        if let Self::Once { deal, .. } = &mut self {
            *deal = Some(title);
        }
        self
    }

    pub(super) fn with_note(mut self, part: &'static str) -> Self {
        if let Self::Once { note, .. } = &mut self {
            note.push(part);
        }
        self
    }

    pub(super) fn owned_by(mut self, name: &'static str) -> Self {
        if let Self::Once { owner, .. } = &mut self {
            *owner = Some(name);
        }
        self
    }
}

/// What was seen of a scene.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What `ingest` answered, in the order of the bodies.
    pub answers: Vec<Answer>,
    /// The activities that bear the interaction's id.
    pub activities: Vec<Landed>,
    /// Dead letters of the interaction.
    pub letters: Vec<Letter>,
}

/// An activity that landed.
#[derive(Clone, Debug)]
pub struct Landed {
    /// Id of the activity.
    pub id: i64,
    /// Note of the activity.
    pub note: String,
    /// The person it is attached to.
    pub person: Option<Attached>,
    /// Title of the deal that the activity is on.
    pub deal: Option<String>,
    /// The owner's name, unless that is the token's user.
    pub owner: Option<String>,
}

/// The person that an activity is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Name of the person.
    pub name: String,
    /// Their number, as it is stored.
    pub phone: String,
    /// Whether the bridge created them.
    pub is_new: bool,
}

/// A dead letter, as its headers describe it.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Value of the header `x-failure-class`.
    pub class: String,
    /// Value of the header `x-failure-reason`.
    pub reason: String,
    /// Value of the header `x-failure-detail`.
    pub detail: String,
}

/// Compares; an error says what is wrong.
///
/// # Errors
///
/// When the scene did not end as it should.
pub fn check(expected: &Expected, seen: &Seen) -> Result<(), String> {
    let status = match expected {
        Expected::Refused(status) => *status,
        Expected::Once { .. } | Expected::Ignored | Expected::Dead(_) => 200,
    };
    if let Some(wrong) = seen.answers.iter().find(|answer| answer.status != status) {
        return Err(format!("answered {} rather than {status}", wrong.status));
    }
    let word = match expected {
        Expected::Refused(_) => "rejected",
        Expected::Ignored => "ignored",
        Expected::Once { .. } | Expected::Dead(_) => "accepted",
    };
    if let Some(wrong) = seen
        .answers
        .iter()
        .find(|answer| answer.body["status"] != word)
    {
        return Err(format!("answered {} rather than {word}", wrong.body));
    }
    let (activities, letters) = match expected {
        Expected::Once { .. } => (1, 0),
        Expected::Ignored | Expected::Refused(_) => (0, 0),
        Expected::Dead(_) => (0, 1),
    };
    let counted = (seen.activities.len(), seen.letters.len());
    if counted != (activities, letters) {
        return Err(format!(
            "left {} activities and {} dead letters rather than {activities} and {letters}",
            counted.0, counted.1
        ));
    }
    match expected {
        Expected::Once {
            to,
            deal,
            note,
            owner,
        } => {
            let activity = &seen.activities[0];
            check_owner(activity, *owner)?;
            check_activity(activity, *to, *deal, note)
        }
        Expected::Dead(reason) if seen.letters[0].reason != *reason => Err(format!(
            "died of {} rather than {reason}",
            seen.letters[0].reason
        )),
        Expected::Dead(_) | Expected::Ignored | Expected::Refused(_) => Ok(()),
    }
}

fn check_owner(activity: &Landed, owner: Option<&str>) -> Result<(), String> {
    let present = activity.owner.as_deref();
    if owner.is_none() || present == owner {
        return Ok(());
    }
    Err(format!(
        "activity {} is owned by {present:?} rather than {owner:?}",
        activity.id
    ))
}

fn check_activity(
    activity: &Landed,
    to: AttachedTo,
    deal: Option<&str>,
    note: &[&str],
) -> Result<(), String> {
    let wanted = match to {
        AttachedTo::Known(name) => Some((name, false)),
        AttachedTo::New(name) => Some((name, true)),
        AttachedTo::Nothing => None,
    };
    let person = activity
        .person
        .as_ref()
        .map(|person| (person.name.as_str(), person.is_new));
    if person != wanted {
        return Err(format!(
            "activity {} is attached to {person:?} rather than {wanted:?}",
            activity.id
        ));
    }
    if activity.deal.as_deref() != deal {
        return Err(format!(
            "activity {} is linked to {:?} rather than {deal:?}",
            activity.id, activity.deal
        ));
    }
    let mut parts = note.iter();
    if let Some(missing) = parts.find(|part| !activity.note.contains(**part)) {
        return Err(format!(
            "the note of activity {} lacks `{missing}`",
            activity.id
        ));
    }
    Ok(())
}

/// Describes the result in one line.
#[must_use]
pub fn describe(seen: &Seen) -> String {
    if let Some(letter) = seen.letters.first() {
        return format!(
            "dead letter, {}, {}: {}",
            letter.class, letter.reason, letter.detail
        );
    }
    if seen.activities.is_empty() {
        let why = seen
            .answers
            .first()
            .map_or(&serde_json::Value::Null, |answer| {
                answer
                    .body
                    .get("reason")
                    .unwrap_or_else(|| &answer.body["error"])
            });
        return format!("nothing: {}", why.as_str().unwrap_or("no reason given"));
    }
    let texts: Vec<String> = seen.activities.iter().map(describe_activity).collect();
    let times = match seen.answers.len() {
        1 => String::new(),
        posted => format!(", one for all {posted}"),
    };
    texts.join("; ") + &times
}

fn describe_activity(activity: &Landed) -> String {
    let person = match &activity.person {
        Some(person) => {
            let created = if person.is_new { ", created" } else { "" };
            format!("of {}, {}{created}", person.name, person.phone)
        }
        None => "attached to no person".to_owned(),
    };
    let deal = activity.deal.as_ref();
    let deal = deal
        .map(|title| format!(", deal “{title}”"))
        .unwrap_or_default();
    let owner = activity.owner.as_ref();
    let owner = owner
        .map(|name| format!(", owner {name}"))
        .unwrap_or_default();
    let more = describe_note(&activity.note);
    format!("activity {} {person}{deal}{owner}{more}", activity.id)
}

/// What a note says beyond its person, as far as it is known by name.
fn describe_note(note: &str) -> String {
    let agents = line(note, "Agent").or_else(|| line(note, "Agents"));
    let mut more = String::new();
    if let Some(agents) = agents.filter(|agents| Uuid::try_parse(agents).is_err()) {
        more += ", agent ";
        more += agents;
    }
    if line(note, "Outcome").is_some_and(|outcome| outcome.contains(GIVEN_UP)) {
        more += ", ";
        more += GIVEN_UP;
    }
    if note.contains(RECORDED) {
        more += ", recording linked";
    }
    more
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(activities: usize) -> Seen {
        let landed = Landed {
            id: 1,
            note: "a note".to_owned(),
            person: Some(Attached {
                name: "Casey Customer".to_owned(),
                phone: "+12025550143".to_owned(),
                is_new: false,
            }),
            deal: None,
            owner: None,
        };
        Seen {
            answers: vec![Answer {
                status: 200,
                body: json!({"status": "accepted"}),
            }],
            activities: vec![landed; activities],
            letters: Vec::new(),
        }
    }

    #[test]
    fn one_activity_on_the_right_person_is_as_it_should_be() {
        let expected = Expected::once(AttachedTo::Known("Casey Customer")).with_note("note");
        assert_eq!(check(&expected, &seen(1)), Ok(()));
    }

    #[test]
    fn agents_and_recordings_are_described_and_ids_are_not() {
        let note = "<b>Outcome:</b> Inbound call, connected<br><b>Agents:</b> Alex (1 s), Kai (2 s)<br>\
            <b>Recording:</b> <a href=\"https://apps.example.invalid\">Listen in Genesys Cloud</a><br>";
        assert_eq!(
            describe_note(note),
            ", agent Alex (1 s), Kai (2 s), recording linked"
        );
        let id = "<b>Agent:</b> 11aec8fb-6999-4163-979d-e2345749c0f9<br>";
        assert_eq!(describe_note(id), "");
    }

    #[test]
    fn what_is_lost_doubled_or_on_another_person_is_found() {
        let right = Expected::once(AttachedTo::Known("Casey Customer"));
        let cases = [
            (right.clone(), seen(0)),
            (right.clone(), seen(2)),
            (right.clone().with_deal("a deal"), seen(1)),
            (right.with_note("a summary"), seen(1)),
            (Expected::once(AttachedTo::New("Casey Customer")), seen(1)),
            (Expected::once(AttachedTo::Nothing), seen(1)),
            (Expected::Dead("pipedrive_forbidden"), seen(0)),
            (Expected::Ignored, seen(0)),
            (Expected::Refused(400), seen(0)),
        ];
        for (expected, seen) in cases {
            assert!(check(&expected, &seen).is_err(), "{expected:?}");
        }
    }
}

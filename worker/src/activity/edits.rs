//! Which members of an activity may still be changed: those that hold a value of ours. What a person changed stays.

use jiff::Timestamp;
use pipedrive::{ActivityRecord, DealId, OrganizationId, Participant, PersonId, UserId};
use serde::Serialize;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;

use crate::activity::content::Activity;
use crate::activity::durations::{self, hours_and_minutes};
use crate::activity::note_pieces::lines_of;
use crate::activity::{labels, subject, zone};
use crate::person::attachment::Attachment;
use crate::store::{Answered, Progress, clock, due, primary};

/// Body of `PATCH /api/v2/activities/{id}`: only what differs, and is not a person's. Type and "done" are left to
/// people once the activity exists; the owner changes to the agent's user when that is known late.
#[derive(Debug, Default, PartialEq, Serialize)]
#[expect(
    clippy::option_option,
    reason = "left out, null and an id are three things in JSON"
)]
pub(crate) struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// With the time: a date of ours with a person's time, or the reverse, is no moment of either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// All of them: Pipedrive replaces a list by the one that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<Participant>>,
    /// Whether the participants have another primary one. Otherwise that may be a person's choice.
    #[serde(skip)]
    pub is_moved: bool,
    /// A new value of the link; `null` clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Option<OrganizationId>>,
    /// A new value of the link; `null` clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deal_id: Option<Option<DealId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
}

impl<'a> Change<'a> {
    /// Changes subject, time and duration to those of `wanted`, as far as the present ones are ours.
    pub(crate) fn of_head(
        wanted: &'a Activity,
        present: &ActivityRecord,
        known: &Answered,
    ) -> Self {
        let text = present.subject.clone().unwrap_or_default();
        let is_changed = wanted.subject != text && known.subject.contains(&text);
        let moment = due(present);
        let is_moved = due_of(wanted) != moment && known.due.contains(&moment);
        let lasted = clock(present.duration.as_deref());
        let is_prolonged = wanted.duration != lasted && known.duration.contains(&lasted);
        Self {
            subject: is_changed.then_some(&wanted.subject),
            due_date: is_moved.then_some(&wanted.due_date),
            due_time: is_moved.then_some(&wanted.due_time),
            duration: is_prolonged.then_some(&wanted.duration),
            ..Self::default()
        }
    }

    /// Whether nothing is left to change.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves a deal and an organisation as they are that it would clear. Whether there were any.
    pub(crate) fn without_clearing(&mut self) -> bool {
        let clears = self.deal_id == Some(None) || self.org_id == Some(None);
        self.deal_id = self.deal_id.filter(Option::is_some);
        self.org_id = self.org_id.filter(Option::is_some);
        clears
    }

    /// The values that it sends.
    pub(crate) fn sent(&self) -> Answered {
        let texts = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
        let moment = self.due_date.zip(self.due_time);
        let mut participants = self.participants.iter().flatten();
        let primary = participants.find(|participant| participant.primary);
        let primary = primary.map(|participant| participant.person_id);
        Answered {
            subject: texts(self.subject),
            due: moment
                .map(|(date, time)| format!("{date} {time}"))
                .into_iter()
                .collect(),
            duration: texts(self.duration),
            person: self.is_moved.then_some(primary).into_iter().collect(),
            organization: self.org_id.into_iter().collect(),
            deal: self.deal_id.into_iter().collect(),
            owner: self.owner_id.into_iter().collect(),
            ..Answered::default()
        }
    }
}

/// The values of a new activity.
pub(crate) fn sent_with(new: &Activity) -> Answered {
    let mut participants = new.participants.iter();
    let primary = participants.find(|participant| participant.primary);
    Answered {
        subject: vec![new.subject.clone()],
        due: vec![due_of(new)],
        duration: vec![new.duration.clone()],
        done: vec![new.done],
        owner: new.owner_id.into_iter().collect(),
        person: vec![primary.map(|participant| participant.person_id)],
        organization: vec![new.org_id],
        deal: vec![new.deal_id],
        ..Answered::default()
    }
}

/// The owner to send: the user of the agent, where the present one is ours. What a person changed stays.
pub(crate) fn owner_for(
    present: &ActivityRecord,
    known: &Answered,
    owner: Option<UserId>,
) -> Option<UserId> {
    let present = present.owner_id?;
    owner.filter(|owner| *owner != present && known.owner.contains(&present))
}

/// Whether the record still belongs to the person that we attached it to, to none as we left it, or to `person`.
pub(crate) fn may_move(present: &ActivityRecord, known: &Answered, person: PersonId) -> bool {
    let primary = primary(present);
    primary == Some(person) || known.person.contains(&primary)
}

/// The participants who are left when the activity belongs to no person any more: those that people added. Of several
/// participants Pipedrive may take the first for the primary one, so that third parties are not among them.
pub(crate) fn participants_without(
    present: &ActivityRecord,
    third_parties: &[PersonId],
) -> Vec<Participant> {
    let former = primary(present);
    let present = present.participants.iter().copied();
    let others = present.filter(|other| {
        former != Some(other.person_id) && !third_parties.contains(&other.person_id)
    });
    others.collect()
}

/// The organisation to send: only for a record that is attached to no one, as we left it.
pub(crate) fn organization_for(
    present: &ActivityRecord,
    known: &Answered,
    organization: Option<OrganizationId>,
) -> Option<OrganizationId> {
    let is_as_we_left_it = known.organization.contains(&present.org_id);
    organization
        .filter(|_| is_as_we_left_it && present.org_id.is_none() && primary(present).is_none())
}

/// The organisation to send where the activity moves away from a person: Pipedrive may have filled in that person's.
#[expect(
    clippy::option_option,
    reason = "left as it is, cleared and set are three things"
)]
pub(crate) fn organization_after_move(
    present: &ActivityRecord,
    known: &Answered,
    organization: Option<OrganizationId>,
) -> Option<Option<OrganizationId>> {
    let is_as_we_left_it = known.organization.contains(&present.org_id);
    (is_as_we_left_it && present.org_id != organization).then_some(organization)
}

/// The participants with `person` as the primary one; nothing where that is so. No other participant is removed.
pub(crate) fn participants_with(
    present: &ActivityRecord,
    person: PersonId,
) -> Option<Vec<Participant>> {
    if primary(present) == Some(person) {
        return None;
    }
    let others = present.participants.iter();
    let others = others.filter(|participant| participant.person_id != person);
    let mut all: Vec<Participant> = others
        .map(|other| Participant {
            primary: false,
            ..*other
        })
        .collect();
    all.push(Participant {
        person_id: person,
        primary: true,
    });
    Some(all)
}

/// What may be ours where no answer is kept: records of older versions, and activities that Redis forgot.
///
/// A value that today's events lead to is ours. So is a subject that only other events of the same customer lead to; and
/// a time or a duration that the note says on its own line: who reschedules an activity in Pipedrive does not rewrite the
/// note. Every other value is a person's: an edit that is overwritten is lost, while a value of ours that is left is
/// still right in the note.
pub(crate) fn by_evidence(
    present: &ActivityRecord,
    wanted: &Activity,
    interaction: &Interaction,
    party: &Party,
    attached: Option<PersonId>,
) -> Answered {
    let mut subjects = vec![wanted.subject.clone()];
    let text = present.subject.clone().unwrap_or_default();
    if subject::is_of(&text, interaction, party) {
        subjects.push(text);
    }
    let note = present.note.as_deref().unwrap_or_default();
    let said = value(note, labels::WHEN).and_then(|text| zone::parse(&text));
    let mut moments = vec![due_of(wanted)];
    moments.extend(said.map(due_at));
    let lasted = value(note, labels::DURATION).map(|text| {
        // Older versions added the seconds: `7 min 22 s (442 seconds)`.
        let text = text.split(" (").next().unwrap_or_default();
        durations::parse(text)
    });
    let mut durations = vec![wanted.duration.clone()];
    durations.extend(lasted.unwrap_or(Some(0)).map(hours_and_minutes));
    Answered {
        subject: subjects,
        due: moments,
        duration: durations,
        person: vec![attached],
        // A deal is linked together with its person.
        deal: attached.is_none().then_some(None).into_iter().collect(),
        ..Answered::default()
    }
}

/// Adds the subject and the person that the activity has from a customer who turned out to be a third party.
pub(crate) fn or_of_displaced(
    mut known: Answered,
    progress: &Progress,
    attachment: &Attachment,
) -> Answered {
    known
        .subject
        .extend(progress.adoption.displaced_subject.clone());
    let displaced = progress.displaced.as_ref();
    let person = displaced.and_then(|number| attachment.named.get(number));
    known.person.extend(person.map(|person| Some(person.id)));
    known
}

fn value(note: &str, label: &str) -> Option<String> {
    let lines = lines_of(note);
    lines
        .iter()
        .find_map(|line| line.value(label))
        .map(str::to_owned)
}

fn due_of(activity: &Activity) -> String {
    format!("{} {}", activity.due_date, activity.due_time)
}

fn due_at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;

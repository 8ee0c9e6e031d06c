//! Values of the activity's members that come from us: what differs from them in Pipedrive was changed by a person.
//!
//! Pipedrive's answer to a write says what a member holds, whatever Pipedrive made of what was sent. While the outcome of
//! a write is unknown, both what was answered before and what was sent may be there.

use pipedrive::{ActivityRecord, DealId, OrganizationId, PersonId, UserId};
use serde::{Deserialize, Serialize};

/// Every value that each member of the activity may have from us. A member without any is unknown.
///
/// Kept in Redis as JSON, in the field `answered` of an interaction's record: members may be added, never renamed. Records
/// of older versions have no such field, and older versions leave it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answered {
    /// Digest of the activity whose answer this is: the record's `written`, unless an older version wrote later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// The subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<String>,
    /// Date and time, UTC: `YYYY-MM-DD HH:MM`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<String>,
    /// The duration, `HH:MM`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duration: Vec<String>,
    /// Whether it is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<bool>,
    /// The owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner: Vec<UserId>,
    /// The primary participant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub person: Vec<Option<PersonId>>,
    /// The organisation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization: Vec<Option<OrganizationId>>,
    /// The deal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deal: Vec<Option<DealId>>,
}

impl Answered {
    /// The members of an answer of Pipedrive.
    #[must_use]
    pub fn of(answer: &ActivityRecord) -> Self {
        Self {
            written: None,
            subject: vec![answer.subject.clone().unwrap_or_default()],
            due: vec![due(answer)],
            duration: vec![clock(answer.duration.as_deref())],
            done: answer.done.into_iter().collect(),
            owner: answer.owner_id.into_iter().collect(),
            person: vec![primary(answer)],
            organization: vec![answer.org_id],
            deal: vec![answer.deal_id],
        }
    }

    /// These values, or those of `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            written: self.written.clone(),
            subject: either(&self.subject, &other.subject),
            due: either(&self.due, &other.due),
            duration: either(&self.duration, &other.duration),
            done: either(&self.done, &other.done),
            owner: either(&self.owner, &other.owner),
            person: either(&self.person, &other.person),
            organization: either(&self.organization, &other.organization),
            deal: either(&self.deal, &other.deal),
        }
    }

    /// What is known after an `answer` to a change of the members that `sent` names. The other members are as they were: a
    /// person may have changed them between the read and the change.
    #[must_use]
    pub fn after(&self, sent: &Self, answer: &ActivityRecord) -> Self {
        let answer = Self::of(answer);
        Self {
            written: self.written.clone(),
            subject: replaced(&self.subject, &sent.subject, answer.subject),
            due: replaced(&self.due, &sent.due, answer.due),
            duration: replaced(&self.duration, &sent.duration, answer.duration),
            done: replaced(&self.done, &sent.done, answer.done),
            owner: replaced(&self.owner, &sent.owner, answer.owner),
            person: replaced(&self.person, &sent.person, answer.person),
            organization: replaced(&self.organization, &sent.organization, answer.organization),
            deal: replaced(&self.deal, &sent.deal, answer.deal),
        }
    }

    /// Reads the field of a record. One that an older version left behind when it wrote later says nothing.
    pub(super) fn read(field: Option<&str>, written: Option<&str>) -> Self {
        let answered: Self = field
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        // A refused attempt deletes `written` from the record, and leaves this.
        if written.is_some() && answered.written.as_deref() != written {
            return Self::default();
        }
        answered
    }

    /// The field of a record; an empty text, which deletes it, where nothing is known.
    pub(super) fn to_field(&self, written: Option<&str>) -> String {
        let known = Self {
            written: None,
            ..self.clone()
        };
        if known == Self::default() {
            return String::new();
        }
        let answered = Self {
            written: written.map(str::to_owned),
            ..known
        };
        serde_json::to_string(&answered).expect("texts and numbers are JSON")
    }
}

/// Date and time of an activity, as [`Answered::due`].
#[must_use]
pub fn due(activity: &ActivityRecord) -> String {
    let date = activity.due_date.as_deref().unwrap_or_default();
    format!("{date} {}", clock(activity.due_time.as_deref()))
}

/// `HH:MM` of a time or a duration, which Pipedrive returns with or without seconds.
#[must_use]
pub fn clock(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().take(5).collect()
}

/// The primary participant.
#[must_use]
pub fn primary(activity: &ActivityRecord) -> Option<PersonId> {
    let mut participants = activity.participants.iter();
    let primary = participants.find(|participant| participant.primary);
    primary
        .map(|participant| participant.person_id)
        .or(activity.person_id)
}

fn either<T: Clone + PartialEq>(values: &[T], others: &[T]) -> Vec<T> {
    let mut all = values.to_vec();
    all.extend(
        others
            .iter()
            .filter(|other| !values.contains(other))
            .cloned(),
    );
    all
}

fn replaced<T: Clone>(known: &[T], sent: &[T], answered: Vec<T>) -> Vec<T> {
    if sent.is_empty() {
        known.to_vec()
    } else {
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(subject: &str) -> ActivityRecord {
        ActivityRecord {
            subject: Some(subject.to_owned()),
            due_date: Some("2026-03-10".to_owned()),
            due_time: Some("14:05:00".to_owned()),
            person_id: Some(PersonId(5)),
            ..ActivityRecord::default()
        }
    }

    #[test]
    fn only_members_that_were_sent_are_taken_from_an_answer() {
        let known = Answered::of(&activity("ours"));
        let sent = Answered {
            due: vec!["2026-03-10 14:00".to_owned()],
            ..Answered::default()
        };

        let after = known.after(&sent, &activity("a person's"));

        assert_eq!(after.subject, ["ours"]);
        assert_eq!(after.due, ["2026-03-10 14:05"]);
        assert_eq!(after.person, [Some(PersonId(5))]);
    }

    #[test]
    fn what_may_be_there_of_two_writes_is_known_once() {
        let (one, other) = (Answered::of(&activity("a")), Answered::of(&activity("b")));

        let both = one.or(&other).or(&other);

        assert_eq!(both.subject, ["a", "b"]);
        assert_eq!(both.due, ["2026-03-10 14:05"]);
    }

    #[test]
    fn an_answer_that_an_older_version_left_behind_says_nothing() {
        let field = Answered::of(&activity("a")).to_field(Some("digest"));

        let read = |written| Answered::read(Some(&field), written);
        assert_eq!(read(Some("digest")).subject, ["a"]);
        assert_eq!(
            read(None).subject,
            ["a"],
            "after an attempt that was refused"
        );
        assert_eq!(read(Some("another")), Answered::default());
        assert_eq!(Answered::read(None, Some("digest")), Answered::default());
        assert_eq!(Answered::read(Some("?"), None), Answered::default());
    }
}

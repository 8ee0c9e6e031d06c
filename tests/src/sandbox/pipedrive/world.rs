//! The records of the company, and the rules that hold among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::behaviour::Behaviour;
use super::error::ApiError;
use super::model::{
    Activity, ActivityType, CallLog, Deal, Note, Organization, Participant, Person, User,
};
use super::oauth::OAuthServer;
use super::replica::Replica;
use super::search::SearchIndex;

/// The id of the user whose API token the sandbox hands out.
pub(super) const TOKEN_USER: i64 = 1;

/// Everything that exists. Ids count upwards and are never used again.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) behaviour: Behaviour,
    pub(super) persons: BTreeMap<i64, Person>,
    /// Persons by the second of their last change, for the polls of whoever follows them.
    pub(super) persons_by_change: BTreeSet<(Timestamp, i64)>,
    /// What lists hold of persons that they have not caught up with.
    pub(super) listed_persons: Replica<Person>,
    /// People who are hidden from the token's user.
    pub(super) hidden_persons: BTreeSet<i64>,
    pub(super) activities: BTreeMap<i64, Activity>,
    /// What lists hold of activities that they have not caught up with.
    pub(super) listed_activities: Replica<Activity>,
    /// Activities by their primary participant, for the list that every reconciliation reads.
    pub(super) activities_by_person: HashMap<i64, BTreeSet<i64>>,
    pub(super) deals: BTreeMap<i64, Deal>,
    pub(super) notes: BTreeMap<i64, Note>,
    pub(super) call_logs: Vec<CallLog>,
    pub(super) users: BTreeMap<i64, User>,
    pub(super) organizations: BTreeMap<i64, Organization>,
    pub(super) activity_types: Vec<ActivityType>,
    pub(super) index: SearchIndex,
    pub(super) oauth: OAuthServer,
    /// Cursors of an earlier number have expired.
    pub(super) cursor_generation: u64,
}

impl World {
    /// A company with one user and the activity types that every new company has.
    pub(super) fn new(behaviour: Behaviour) -> Self {
        let types = [
            ("Call", "call"),
            ("Meeting", "meeting"),
            ("Task", "task"),
            ("Deadline", "deadline"),
            ("Email", "email"),
            ("Lunch", "lunch"),
        ];
        let mut world = Self {
            behaviour,
            ..Self::default()
        };
        for (name, key) in types {
            world.add_activity_type(name, key, false);
        }
        world.add_user("Sandbox Administrator", "administrator@example.com");
        world
    }

    pub(super) fn add_user(&mut self, name: &str, email: &str) -> i64 {
        let id = next_id(&self.users);
        let user = User {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            active: true,
        };
        self.users.insert(id, user);
        id
    }

    pub(super) fn add_organization(&mut self, name: &str) -> i64 {
        let id = next_id(&self.organizations);
        self.organizations.insert(
            id,
            Organization {
                id,
                name: name.to_owned(),
                owner_id: TOKEN_USER,
                add_time: now(),
                update_time: now(),
                is_deleted: false,
            },
        );
        id
    }

    pub(super) fn add_activity_type(&mut self, name: &str, key: &str, custom: bool) -> i64 {
        let id = self.activity_types.last().map_or(1, |last| last.id + 1);
        self.activity_types.push(ActivityType {
            id,
            name: name.to_owned(),
            key: key.to_owned(),
            active: true,
            custom,
        });
        id
    }

    /// Stores a person, new or changed, and feeds the search index.
    pub(super) fn put_person(&mut self, person: Person) {
        let (id, changed) = (person.id, person.update_time);
        self.index.touch(id, self.behaviour.search_lag);
        let old = self.persons.insert(id, person);
        if let Some(old) = &old {
            self.persons_by_change.remove(&(old.update_time, id));
        }
        self.persons_by_change.insert((changed, id));
        self.listed_persons.touch(id, old, self.behaviour.list_lag);
    }

    /// Stores an activity, new or changed, under its primary participant.
    pub(super) fn put_activity(&mut self, mut activity: Activity) {
        activity.person_id = primary(&activity.participants);
        let (id, person) = (activity.id, activity.person_id);
        let old = self.activities.insert(id, activity);
        let left = old.as_ref().and_then(|old| old.person_id);
        if let Some(listed) = left.and_then(|left| self.activities_by_person.get_mut(&left)) {
            listed.remove(&id);
        }
        if let Some(person) = person {
            self.activities_by_person
                .entry(person)
                .or_default()
                .insert(id);
        }
        let lag = self.behaviour.list_lag;
        self.listed_activities.touch(id, old, lag);
    }

    /// A person that exists.
    pub(super) fn person(&self, id: i64) -> Option<&Person> {
        self.persons.get(&id).filter(|person| !person.is_deleted)
    }

    /// How many deals with this status have the person as their main one.
    pub(super) fn deals_with_status(&self, person_id: i64, status: &str) -> usize {
        let is_counted = |deal: &&Deal| {
            deal.person_id == Some(person_id) && deal.status == status && !deal.is_deleted
        };
        self.deals.values().filter(is_counted).count()
    }

    /// Marks a person as deleted; whether there was one.
    pub(super) fn delete_person(&mut self, id: i64) -> bool {
        let Some(mut person) = self.person(id).cloned() else {
            return false;
        };
        person.is_deleted = true;
        person.update_time = now();
        self.put_person(person);
        true
    }

    /// Merges `loser` into `survivor`, which keeps its own values and gains what it had not; whether both existed.
    pub(super) fn merge_persons(&mut self, loser: i64, survivor: i64) -> bool {
        if loser == survivor {
            return false;
        }
        let (Some(mut old), Some(mut kept)) =
            (self.person(loser).cloned(), self.person(survivor).cloned())
        else {
            return false;
        };
        for (into, from) in [
            (&mut kept.phones, &old.phones),
            (&mut kept.emails, &old.emails),
        ] {
            for contact in from {
                if into.iter().all(|known| known.value != contact.value) {
                    let primary = into.is_empty();
                    into.push(super::model::Contact {
                        primary,
                        ..contact.clone()
                    });
                }
            }
        }
        kept.org_id = kept.org_id.or(old.org_id);
        (old.is_deleted, old.merged_into) = (true, Some(survivor));
        old.update_time = now();
        if self.behaviour.merge_touches_survivor {
            kept.update_time = now();
        }
        self.put_person(old);
        self.put_person(kept);
        self.move_links(loser, survivor);
        true
    }

    fn move_links(&mut self, loser: i64, survivor: i64) {
        let takes_part =
            |activity: &&Activity| activity.participants.iter().any(|p| p.person_id == loser);
        let moved: Vec<_> = self
            .activities
            .values()
            .filter(takes_part)
            .cloned()
            .collect();
        for mut activity in moved {
            for participant in &mut activity.participants {
                if participant.person_id == loser {
                    participant.person_id = survivor;
                }
            }
            self.put_activity(activity);
        }
        let links = self.deals.values_mut().map(|deal| &mut deal.person_id);
        for link in links.chain(self.notes.values_mut().map(|note| &mut note.person_id)) {
            if *link == Some(loser) {
                *link = Some(survivor);
            }
        }
    }

    /// Refuses a request that refers to a person, deal, organization or user that does not exist.
    pub(super) fn check_links(&self, links: Links) -> Result<(), ApiError> {
        let deal_exists = |id| self.deals.get(&id).is_some_and(|deal| !deal.is_deleted);
        let organization_exists = |id| {
            self.organizations
                .get(&id)
                .is_some_and(|known| !known.is_deleted)
        };
        let user_exists = |id| self.users.get(&id).is_some_and(|user| user.active);
        let missing = [
            (
                "Person",
                links.person.filter(|id| self.person(*id).is_none()),
            ),
            ("Deal", links.deal.filter(|id| !deal_exists(*id))),
            (
                "Organization",
                links.organization.filter(|id| !organization_exists(*id)),
            ),
            ("User", links.user.filter(|id| !user_exists(*id))),
        ];
        if let Some(refusal) = self.refuse_hidden(links.person) {
            return Err(refusal);
        }
        match missing
            .iter()
            .find_map(|(what, id)| id.map(|id| (what, id)))
        {
            None => Ok(()),
            Some((what, id)) => Err(self.missing(what, id)),
        }
    }

    /// The refusal of a reference to a person who is hidden from the token's user.
    fn refuse_hidden(&self, person: Option<i64>) -> Option<ApiError> {
        let status = self.behaviour.hidden_reference_status?;
        let hidden = person.filter(|id| self.hidden_persons.contains(id))?;
        Some(ApiError::hidden(
            status,
            format!("Person {hidden} is not accessible."),
        ))
    }

    /// Refuses an owner other than the token's user where they may not be set.
    pub(super) fn check_owner(&self, old: i64, new: Option<i64>) -> Result<(), ApiError> {
        if self.behaviour.refuses_owner && new.is_some_and(|new| new != old) {
            return Err(ApiError::forbidden(
                "You do not have permission to change the owner of this item.",
            ));
        }
        Ok(())
    }

    /// The refusal of a reference to something that does not exist.
    pub(super) fn missing(&self, what: &str, id: i64) -> ApiError {
        let status = self.behaviour.missing_reference_status;
        ApiError::missing_reference(status, format!("{what} {id} not found."))
    }
}

/// The references that a request makes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) person: Option<i64>,
    pub(super) deal: Option<i64>,
    pub(super) organization: Option<i64>,
    pub(super) user: Option<i64>,
}

/// The participant on whose timeline an activity stands.
fn primary(participants: &[Participant]) -> Option<i64> {
    participants
        .iter()
        .find(|participant| participant.primary)
        .map(|primary| primary.person_id)
}

/// The id after the highest one. Records are marked as deleted, never taken out, so it is new.
pub(super) fn next_id<T>(records: &BTreeMap<i64, T>) -> i64 {
    records.last_key_value().map_or(1, |(id, _)| id + 1)
}

/// The present time. Pipedrive keeps whole seconds.
pub(super) fn now() -> Timestamp {
    let second = shared::clock::now().as_second();
    Timestamp::from_second(second).expect("the present is within the range of a timestamp")
}

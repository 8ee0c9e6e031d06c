//! Which activities stand on whose timeline.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::model::{Activity, Person};
use super::super::world::World;

/// How many people are shown: those with the latest activities. Rendering all people would hold the lock for too long.
const SHOWN_PEOPLE: usize = 100;

/// The timelines, each with the latest activity first.
#[derive(Debug, Default)]
pub(super) struct Timelines<'w> {
    /// Those of people: an activity stands on the timeline of each person who takes part.
    people: BTreeMap<i64, Vec<&'w Activity>>,
    /// Those of organizations: activities in which no person takes part.
    pub(super) organizations: BTreeMap<i64, Vec<&'w Activity>>,
    /// What is attached to no person and to no organization.
    pub(super) unattached: Vec<&'w Activity>,
}

impl<'w> Timelines<'w> {
    pub(super) fn of(world: &'w World) -> Self {
        let mut timelines = Self::default();
        let mut activities: Vec<_> = world
            .activities
            .values()
            .filter(|activity| !activity.is_deleted)
            .collect();
        activities.sort_by_key(|activity| Reverse((&activity.due_date, &activity.due_time)));
        for activity in activities {
            timelines.put(activity);
        }
        timelines
    }

    fn put(&mut self, activity: &'w Activity) {
        for participant in &activity.participants {
            let timeline = self.people.entry(participant.person_id).or_default();
            timeline.push(activity);
        }
        if activity.participants.is_empty() {
            match activity.org_id {
                Some(id) => self.organizations.entry(id).or_default().push(activity),
                None => self.unattached.push(activity),
            }
        }
    }

    pub(super) fn people_count(&self) -> usize {
        self.people.len()
    }

    pub(super) fn of_person(&self, id: i64) -> &[&'w Activity] {
        self.people.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The people who are shown: those with the latest activities, then others while there is room.
    pub(super) fn people(&self, world: &'w World) -> Vec<&'w Person> {
        let mut active: Vec<_> = self.people.iter().collect();
        active.sort_by_key(|(id, timeline)| {
            let latest = timeline.iter().map(|activity| activity.update_time).max();
            (Reverse(latest), **id)
        });
        let active = active.into_iter().map(|(id, _)| *id);
        let others = world.persons.keys().copied();
        let others = others.filter(|id| !self.people.contains_key(id));
        let known = active.chain(others).filter_map(|id| world.person(id));
        known.take(SHOWN_PEOPLE).collect()
    }
}

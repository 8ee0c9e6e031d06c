//! Activities (v2).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::behaviour::NoteStyle;
use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{Activity, Participant};
use super::super::paging::{self, Listed};
use super::super::reply::{Change, Item, Reply};
use super::super::world::{Links, World, next_id, now};
use super::{is_wanted, refuse_filter, sanitiser};

/// What `null` may clear.
const LINKS: [&str; 2] = ["deal_id", "org_id"];

/// The fields of a body.
#[derive(Deserialize)]
struct Fields {
    subject: Option<String>,
    r#type: Option<String>,
    owner_id: Option<i64>,
    deal_id: Option<i64>,
    lead_id: Option<String>,
    org_id: Option<i64>,
    project_id: Option<i64>,
    due_date: Option<String>,
    due_time: Option<String>,
    duration: Option<String>,
    busy: Option<bool>,
    done: Option<bool>,
    location: Option<Value>,
    participants: Option<Vec<Participant>>,
    attendees: Option<Value>,
    public_description: Option<String>,
    priority: Option<i64>,
    note: Option<String>,
}

impl Fields {
    fn read(world: &World, call: &Call) -> Result<Self, ApiError> {
        let mut fields: Self = call.fields()?;
        if !world.behaviour.clears_links
            && let Some(name) = LINKS.into_iter().find(|name| call.clears(name))
        {
            return Err(ApiError::validation(name, "must be an integer"));
        }
        if let Some(wanted) = &fields.r#type {
            let mut usable = world.activity_types.iter().filter(|known| known.active);
            if !usable.any(|known| known.key == *wanted) {
                let complaint = format!("'{wanted}' is not a valid activity type");
                return Err(ApiError::validation("type", complaint));
            }
        }
        if let Some(participants) = &mut fields.participants {
            settle_participants(participants)?;
            for participant in participants {
                let person_id = Some(participant.person_id);
                world.check_links(Links {
                    person: person_id,
                    ..Links::default()
                })?;
            }
        }
        world.check_links(Links {
            person: None,
            deal: fields.deal_id,
            organization: fields.org_id,
            user: fields.owner_id,
        })?;
        Ok(fields)
    }

    /// Sets what was sent. Participants are replaced, not added to.
    fn apply(self, activity: &mut Activity, style: NoteStyle) {
        activity.subject = self
            .subject
            .unwrap_or_else(|| std::mem::take(&mut activity.subject));
        activity.r#type = self
            .r#type
            .unwrap_or_else(|| std::mem::take(&mut activity.r#type));
        activity.owner_id = self.owner_id.unwrap_or(activity.owner_id);
        activity.busy = self.busy.unwrap_or(activity.busy);
        activity.set_done(self.done.unwrap_or(activity.done));
        if let Some(participants) = self.participants {
            activity.participants = participants;
        }
        replace(&mut activity.org_id, self.org_id);
        replace(&mut activity.due_date, self.due_date);
        replace(&mut activity.due_time, self.due_time);
        replace(&mut activity.duration, self.duration);
        replace(&mut activity.location, self.location);
        replace(&mut activity.attendees, self.attendees);
        replace(&mut activity.public_description, self.public_description);
        replace(&mut activity.priority, self.priority);
        let note = self
            .note
            .as_deref()
            .map(|note| sanitiser::note(note, style));
        replace(&mut activity.note, note);
        // An activity hangs on one of the three; of several, the deal wins, then the lead.
        match (self.deal_id, self.lead_id, self.project_id) {
            (Some(deal), _, _) => activity.hang_on(Some(deal), None, None),
            (None, Some(lead), _) => activity.hang_on(None, Some(lead), None),
            (None, None, Some(project)) => activity.hang_on(None, None, Some(project)),
            (None, None, None) => {}
        }
    }
}

fn replace<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}

impl Activity {
    fn hang_on(&mut self, deal: Option<i64>, lead: Option<String>, project: Option<i64>) {
        (self.deal_id, self.lead_id, self.project_id) = (deal, lead, project);
    }

    fn set_done(&mut self, done: bool) {
        if done != self.done {
            self.marked_as_done_time = done.then(now);
        }
        self.done = done;
    }
}

/// One participant is the primary one: the one that says so, else the first.
fn settle_participants(participants: &mut Vec<Participant>) -> Result<(), ApiError> {
    participants.dedup_by_key(|participant| participant.person_id);
    match participants
        .iter()
        .filter(|participant| participant.primary)
        .count()
    {
        0 => {
            if let Some(first) = participants.first_mut() {
                first.primary = true;
            }
            Ok(())
        }
        1 => Ok(()),
        _ => {
            let complaint = "must have at most one primary participant";
            Err(ApiError::validation("participants", complaint))
        }
    }
}

/// An activity with the values that are taken when none are sent.
pub(in super::super) fn new_activity(world: &World, user_id: i64) -> Activity {
    Activity {
        id: next_id(&world.activities),
        subject: "Call".to_owned(),
        r#type: "call".to_owned(),
        owner_id: user_id,
        creator_user_id: user_id,
        is_deleted: false,
        add_time: now(),
        update_time: now(),
        deal_id: None,
        lead_id: None,
        person_id: None,
        org_id: None,
        project_id: None,
        due_date: Some(now().strftime("%Y-%m-%d").to_string()),
        due_time: None,
        duration: None,
        busy: false,
        done: false,
        marked_as_done_time: None,
        location: None,
        participants: Vec::new(),
        attendees: None,
        public_description: None,
        priority: None,
        note: None,
    }
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let fields = Fields::read(world, call)?;
    world.check_owner(call.user_id, fields.owner_id)?;
    let mut activity = new_activity(world, call.user_id);
    fields.apply(&mut activity, world.behaviour.note_style);
    if world.behaviour.fills_organization && activity.org_id.is_none() {
        activity.org_id = organization_of_primary(world, &activity);
    }

    let id = activity.id;
    world.put_activity(activity);
    let answer = answer(world, &world.activities[&id], true);
    let mut reply = Reply::data(answer).with_effect(Change::Created, Item::Activity, &id);
    reply.status = world.behaviour.created_status;
    Ok(reply)
}

fn organization_of_primary(world: &World, activity: &Activity) -> Option<i64> {
    let mut participants = activity.participants.iter();
    let primary = participants.find(|participant| participant.primary)?;
    world.person(primary.person_id)?.org_id
}

pub(in super::super) fn update(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut activity = existing(world, call)?.clone();
    let fields = Fields::read(world, call)?;
    world.check_owner(activity.owner_id, fields.owner_id)?;
    fields.apply(&mut activity, world.behaviour.note_style);
    if call.clears("deal_id") {
        activity.deal_id = None;
    }
    if call.clears("org_id") {
        activity.org_id = None;
    }
    activity.update_time = now();

    let id = activity.id;
    world.put_activity(activity);
    let answer = answer(world, &world.activities[&id], true);
    Ok(Reply::data(answer).with_effect(Change::Updated, Item::Activity, &id))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let activity = existing(world, call)?;
    Ok(Reply::data(answer(world, activity, wants_attendees(call))))
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut activity = existing(world, call)?.clone();
    activity.is_deleted = true;
    activity.update_time = now();

    let id = activity.id;
    world.put_activity(activity);
    Ok(Reply::data(json!({"id": id})).with_effect(Change::Deleted, Item::Activity, &id))
}

pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    refuse_filter(call)?;
    world.listed_activities.catch_up();
    let world = &*world;
    let lists_deleted = world.behaviour.lists_deleted;
    let owner = call.integer("owner_id");
    let deal = call.integer("deal_id");
    let organization = call.integer("org_id");
    let (lead, done) = (call.text("lead_id"), call.boolean("done"));
    let wanted = candidates(world, call).filter(|activity| {
        (lists_deleted || !activity.is_deleted)
            && is_wanted(call, activity.id)
            && owner.is_none_or(|owner| activity.owner_id == owner)
            && deal.is_none_or(|deal| activity.deal_id == Some(deal))
            && organization.is_none_or(|organization| activity.org_id == Some(organization))
            && lead.is_none_or(|lead| activity.lead_id.as_deref() == Some(lead))
            && done.is_none_or(|done| activity.done == done)
    });
    let (page, next) = paging::page(world, call, wanted)?;
    let attendees = wants_attendees(call);
    let answers = page
        .into_iter()
        .map(|activity| answer(world, activity, attendees))
        .collect();
    Ok(Reply::page(answers, next))
}

/// The activities among which a list looks: those of its person, who has to be the primary participant, or all.
fn candidates<'w>(world: &'w World, call: &Call) -> Box<dyn Iterator<Item = &'w Activity> + 'w> {
    let all = world.activities.values();
    let Some(person) = call.integer("person_id") else {
        return Box::new(all.filter_map(|activity| as_listed(world, activity)));
    };
    if !world.listed_activities.is_current() {
        let seen = all.filter_map(|activity| as_listed(world, activity));
        return Box::new(seen.filter(move |activity| activity.person_id == Some(person)));
    }
    let ids = world
        .activities_by_person
        .get(&person)
        .into_iter()
        .flatten();
    Box::new(ids.map(|id| &world.activities[id]))
}

fn as_listed<'w>(world: &'w World, activity: &'w Activity) -> Option<&'w Activity> {
    world.listed_activities.see(activity.id, activity)
}

fn existing<'w>(world: &'w World, call: &Call) -> Result<&'w Activity, ApiError> {
    let activity = world.activities.get(&call.item_id()?);
    let activity = activity.filter(|activity| !activity.is_deleted);
    activity.ok_or_else(|| ApiError::not_found("Activity not found"))
}

fn wants_attendees(call: &Call) -> bool {
    call.words("include_fields")
        .is_some_and(|fields| fields.contains(&"attendees"))
}

fn answer(world: &World, activity: &Activity, attendees: bool) -> Value {
    let seconds = if world.behaviour.answers_seconds {
        ":00"
    } else {
        ""
    };
    let clock = |time: &Option<String>| time.as_ref().map(|time| format!("{time}{seconds}"));
    let mut answer = json!({
        "id": activity.id,
        "subject": activity.subject,
        "type": activity.r#type,
        "owner_id": activity.owner_id,
        "creator_user_id": activity.creator_user_id,
        "is_deleted": activity.is_deleted,
        "add_time": activity.add_time,
        "update_time": activity.update_time,
        "deal_id": activity.deal_id,
        "lead_id": activity.lead_id,
        "person_id": activity.person_id,
        "org_id": activity.org_id,
        "project_id": activity.project_id,
        "due_date": activity.due_date,
        "due_time": clock(&activity.due_time),
        "duration": clock(&activity.duration),
        "busy": activity.busy,
        "done": activity.done,
        "marked_as_done_time": activity.marked_as_done_time,
        "location": activity.location,
        "participants": activity.participants,
        "conference_meeting_client": null,
        "conference_meeting_url": null,
        "conference_meeting_id": null,
        "public_description": activity.public_description,
        "priority": activity.priority,
        "note": activity.note,
    });
    if attendees {
        answer["attendees"] = activity.attendees.clone().unwrap_or_else(|| json!([]));
    }
    answer
}

impl Listed for Activity {
    fn id(&self) -> i64 {
        self.id
    }

    fn add_time(&self) -> Timestamp {
        self.add_time
    }

    fn update_time(&self) -> Timestamp {
        self.update_time
    }

    fn due_date(&self) -> i64 {
        let digits: String = self
            .due_date
            .iter()
            .flat_map(|date| date.split('-'))
            .collect();
        digits.parse().unwrap_or(i64::MIN)
    }
}

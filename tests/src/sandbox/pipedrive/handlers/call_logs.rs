//! Call logs (v1). Each of them is an activity as well.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{CallLog, Participant};
use super::super::paging;
use super::super::reply::{Change, Item, Reply};
use super::super::world::{Links, World, now};
use super::activities::new_activity;
use super::from_v1_time;

const DEFAULT_LIMIT: usize = 50;

/// The fields of a body; the required ones have been checked to be there.
#[derive(Deserialize)]
struct Fields {
    user_id: Option<i64>,
    activity_id: Option<i64>,
    subject: Option<String>,
    duration: Option<String>,
    outcome: String,
    from_phone_number: Option<String>,
    to_phone_number: String,
    start_time: String,
    end_time: String,
    person_id: Option<i64>,
    org_id: Option<i64>,
    deal_id: Option<i64>,
    lead_id: Option<String>,
    note: Option<String>,
}

impl Fields {
    fn read(world: &World, call: &Call) -> Result<Self, ApiError> {
        let fields: Self = call.fields()?;
        if fields.deal_id.is_some() && fields.lead_id.is_some() {
            let text = "\"deal_id\" and \"lead_id\" cannot be given together.";
            return Err(ApiError::bad_request(text));
        }
        let is_seconds = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        if !fields.duration.as_ref().is_none_or(is_seconds) {
            return Err(ApiError::bad_request(
                "\"duration\" must be a number of seconds.",
            ));
        }
        world.check_links(Links {
            person: fields.person_id,
            deal: fields.deal_id,
            organization: fields.org_id,
            user: fields.user_id,
        })?;
        Ok(fields)
    }
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let fields = Fields::read(world, call)?;
    let mut log = new_log(call, &fields);
    let change = if let Some(id) = fields.activity_id {
        convert_activity(world, id, &mut log)?;
        Change::Updated
    } else {
        add_activity(world, &mut log);
        Change::Created
    };
    let reply = Reply::data(answer(&log))
        .with_effect(Change::Created, Item::CallLog, &log.id)
        .with_effect(change, Item::Activity, &log.activity_id);
    world.call_logs.push(log);
    Ok(reply)
}

fn new_log(call: &Call, fields: &Fields) -> CallLog {
    let time = |text: &str| from_v1_time(text).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut digits = Uuid::new_v4().simple().to_string();
    digits.truncate(27);
    CallLog {
        id: format!("CA{digits}"),
        user_id: fields.user_id.unwrap_or(call.user_id),
        activity_id: 0,
        subject: fields.subject.clone().unwrap_or_else(|| "Call".to_owned()),
        duration: fields.duration.clone().unwrap_or_else(|| "0".to_owned()),
        outcome: fields.outcome.clone(),
        from_phone_number: fields.from_phone_number.clone(),
        to_phone_number: fields.to_phone_number.clone(),
        start_time: time(&fields.start_time),
        end_time: time(&fields.end_time),
        person_id: fields.person_id,
        org_id: fields.org_id,
        deal_id: fields.deal_id,
        lead_id: fields.lead_id.clone(),
        note: fields.note.clone(),
        has_recording: false,
        is_deleted: false,
    }
}

/// Makes an existing call the activity of this log. What the activity is linked to wins over what was sent.
fn convert_activity(world: &World, id: i64, log: &mut CallLog) -> Result<(), ApiError> {
    let activity = world
        .activities
        .get(&id)
        .filter(|activity| !activity.is_deleted);
    let activity = activity.ok_or_else(|| world.missing("Activity", id))?;
    if activity.r#type != "call" {
        return Err(ApiError::bad_request(
            "The activity is not of type \"call\".",
        ));
    }
    log.activity_id = id;
    log.person_id = activity.person_id.or(log.person_id);
    log.org_id = activity.org_id.or(log.org_id);
    log.deal_id = activity.deal_id.or(log.deal_id);
    Ok(())
}

/// Adds the activity that a log without one is shown as: a second entry, if the caller made one before.
fn add_activity(world: &mut World, log: &mut CallLog) {
    let mut activity = new_activity(world, log.user_id);
    activity.subject.clone_from(&log.subject);
    activity.due_date = Some(log.start_time.strftime("%Y-%m-%d").to_string());
    activity.due_time = Some(log.start_time.strftime("%H:%M").to_string());
    let seconds: u64 = log.duration.parse().unwrap_or_default();
    activity.duration = Some(format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60));
    activity.done = true;
    activity.marked_as_done_time = Some(now());
    let person = log.person_id.map(|person_id| Participant {
        person_id,
        primary: true,
    });
    activity.participants = person.into_iter().collect();
    (activity.org_id, activity.deal_id) = (log.org_id, log.deal_id);
    activity.lead_id.clone_from(&log.lead_id);
    activity.note.clone_from(&log.note);
    log.activity_id = activity.id;
    world.put_activity(activity);
}

/// The logs of the calling user alone, newest first.
pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let logs = world.call_logs.iter().rev();
    let own = logs.filter(|log| !log.is_deleted && log.user_id == call.user_id);
    Ok(paging::offset_page(
        call,
        own.map(answer).collect(),
        DEFAULT_LIMIT,
    ))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    existing(world, call).map(|log| Reply::data(answer(log)))
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let known = world
        .call_logs
        .iter_mut()
        .find(|log| log.id == call.item_key());
    let log = known.ok_or_else(not_found)?;
    if log.is_deleted {
        let text = "The callLog you are trying to access is no longer available";
        return Err(ApiError::gone(text));
    }
    log.is_deleted = true;
    let reply = Reply::json(200, &json!({"success": true}));
    Ok(reply.with_effect(Change::Deleted, Item::CallLog, call.item_key()))
}

pub(in super::super) fn add_recording(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let log = existing(world, call)?;
    if log.has_recording {
        return Err(ApiError::conflict(
            "A recording for this call already exists",
        ));
    }
    log.has_recording = true;
    let reply = Reply::json(200, &json!({"success": true}));
    Ok(reply.with_effect(Change::Created, Item::Recording, call.item_key()))
}

fn existing<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut CallLog, ApiError> {
    let mut present = world.call_logs.iter_mut().filter(|log| !log.is_deleted);
    present
        .find(|log| log.id == call.item_key())
        .ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::not_found("A resource required for this operation was not found.")
}

fn answer(log: &CallLog) -> Value {
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    json!({
        "id": log.id,
        "activity_id": log.activity_id,
        "person_id": log.person_id,
        "org_id": log.org_id,
        "deal_id": log.deal_id,
        "lead_id": log.lead_id,
        "subject": log.subject,
        "duration": log.duration,
        "outcome": log.outcome,
        "from_phone_number": log.from_phone_number,
        "to_phone_number": log.to_phone_number,
        "has_recording": log.has_recording,
        "start_time": time(log.start_time),
        "end_time": time(log.end_time),
        "user_id": log.user_id,
        "company_id": super::users::COMPANY_ID,
        "note": log.note,
    })
}

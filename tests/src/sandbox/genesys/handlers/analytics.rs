//! Analytics: details of conversations, one by one, by query and by job.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::contract::Call;
use super::super::error::ApiError;
use super::super::model::Conversation;
use super::super::render::analytics as render;
use super::super::reply::Reply;
use super::super::validate::interval;
use super::super::world::{Job, World};
use super::filter;

/// Largest page of a query.
const PAGE_MAX: usize = 100;
/// Page of a query that asks for none.
const PAGE_DEFAULT: usize = 25;
/// Page of a job's results that asks for none.
const RESULTS_DEFAULT: usize = 1_000;

pub(in super::super) fn one(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let found = visible(world, &call.ids[0]);
    let conversation = found.ok_or_else(|| ApiError::not_found("conversation"))?;
    Ok(Reply::json(200, &render::conversation(conversation, false)))
}

pub(in super::super) fn several(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut ids = Vec::new();
    for (_, value) in &call.query {
        ids.extend(value.split(',').map(str::to_owned));
    }
    if ids.is_empty() {
        return Err(ApiError::bad_request("id is required."));
    }
    let mut conversations = Vec::new();
    for id in ids {
        let found = visible(world, &id);
        conversations.extend(found.map(|conversation| render::conversation(conversation, false)));
    }
    Ok(Reply::json(200, &json!({"conversations": conversations})))
}

/// A conversation, once analytics has it.
fn visible<'w>(world: &'w mut World, id: &str) -> Option<&'w Conversation> {
    let wait = world.held.get(id)?.details_wait;
    if !world.has_shown_up(id, "details", wait) {
        return None;
    }
    world.held.get(id).map(|held| &held.conversation)
}

/// "Results will only include conversations that started on a day touched by the interval."
pub(in super::super) fn query(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let query = &call.body;
    let (from, to) = times(query)?;
    let date = |time: Timestamp| TimeZone::UTC.to_datetime(time).date();
    let last = to
        .checked_sub(jiff::SignedDuration::from_millis(1))
        .unwrap_or(to);
    let days = date(from)..=date(last);
    let size = number(&query["paging"]["pageSize"]).unwrap_or(PAGE_DEFAULT);
    if size > PAGE_MAX {
        return Err(ApiError::bad_request("The page size is larger than 100."));
    }
    let page = number(&query["paging"]["pageNumber"]).unwrap_or(1);
    let found = found(world, query, |of| days.contains(&date(of.start)))?;
    let total = found.len();
    let on_page = found.into_iter().skip((page - 1) * size).take(size);
    let conversations: Vec<Value> = on_page.map(|of| render::conversation(of, false)).collect();
    if total == 0 {
        return Ok(Reply::json(200, &json!({"totalHits": 0})));
    }
    Ok(Reply::json(
        200,
        &json!({"conversations": conversations, "totalHits": total}),
    ))
}

/// "All conversations that had activity during the interval."
pub(in super::super) fn start_job(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let query = &call.body;
    let (from, to) = times(query)?;
    let had_activity =
        |of: &Conversation| of.start < to && render::end(of).is_none_or(|end| end >= from);
    let conversations = found(world, query, had_activity)?;
    let job = Job {
        conversations: conversations.into_iter().map(|of| of.id.clone()).collect(),
        asked: 0,
    };
    let id = Uuid::new_v4().to_string();
    world.jobs.insert(id.clone(), job);
    Ok(Reply::json(202, &json!({"jobId": id})))
}

pub(in super::super) fn job(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let wait = world.job_wait;
    let job = world.jobs.get_mut(&call.ids[0]);
    let job = job.ok_or_else(|| ApiError::not_found("job"))?;
    job.asked += 1;
    let state = if job.asked > wait {
        "FULFILLED"
    } else {
        "PENDING"
    };
    Ok(Reply::json(200, &json!({"state": state})))
}

pub(in super::super) fn results(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let job = world.jobs.get(&call.ids[0]);
    let job = job.ok_or_else(|| ApiError::not_found("job"))?;
    if job.asked <= world.job_wait {
        return Err(ApiError::bad_request("The job is not finished."));
    }
    let from = match call.parameter("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("from-")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ApiError::bad_request("cursor is not valid."))?,
    };
    let size = call
        .parameter("pageSize")
        .and_then(|text| text.parse().ok());
    let size = size.unwrap_or(RESULTS_DEFAULT);
    let ids = job.conversations.iter().skip(from).take(size);
    let conversations: Vec<Value> = ids
        .filter_map(|id| world.held.get(id))
        .map(|held| render::conversation(&held.conversation, true))
        .collect();
    let mut body = json!({"conversations": conversations});
    if from + size < job.conversations.len() {
        body["cursor"] = format!("from-{}", from + size).into();
    }
    Ok(Reply::json(200, &body))
}

pub(in super::super) fn availability(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    let ends = world
        .held
        .values()
        .filter_map(|held| render::end(&held.conversation));
    let date = ends
        .max()
        .ok_or_else(|| ApiError::not_found("availability"))?;
    let date = super::super::render::time(date);
    Ok(Reply::json(200, &json!({"dataAvailabilityDate": date})))
}

fn times(query: &Value) -> Result<(Timestamp, Timestamp), ApiError> {
    let times = query["interval"].as_str().and_then(interval);
    times.ok_or_else(|| ApiError::bad_request("interval is not valid."))
}

fn number(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
}

/// The conversations that a query asks for, in its order.
fn found<'w>(
    world: &'w World,
    query: &Value,
    is_in: impl Fn(&Conversation) -> bool,
) -> Result<Vec<&'w Conversation>, ApiError> {
    let mut found = Vec::new();
    for held in world.held.values() {
        let conversation = &held.conversation;
        if is_in(conversation) && filter::admits(query, conversation)? {
            found.push(conversation);
        }
    }
    let by_end = query["orderBy"] == "conversationEnd";
    found.sort_by_key(|of| {
        let key = if by_end {
            render::end(of).unwrap_or(Timestamp::MAX)
        } else {
            of.start
        };
        (key, &of.id)
    });
    if query["order"] == "desc" {
        found.reverse();
    }
    Ok(found)
}

//! Recordings, summaries and transcripts.

use serde_json::json;

use super::super::contract::Call;
use super::super::error::ApiError;
use super::super::held::Recording;
use super::super::render::artefacts as render;
use super::super::reply::Reply;
use super::super::world::World;
use super::held;

pub(in super::super) fn recordings(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = &call.ids[0];
    let recording = held(world, id)?.recording;
    if let Recording::Ready { after } = recording
        && !world.has_shown_up(id, "recording", after)
    {
        return Ok(Reply::empty(202));
    }
    listed(world, id, recording, true)
}

pub(in super::super) fn recording_metadata(
    world: &mut World,
    call: &Call,
) -> Result<Reply, ApiError> {
    let id = &call.ids[0];
    let recording = held(world, id)?.recording;
    if let Recording::Ready { after } = recording
        && !world.has_shown_up(id, "recording", after)
    {
        return Ok(Reply::json(200, &json!([])));
    }
    listed(world, id, recording, false)
}

fn listed(
    world: &World,
    id: &str,
    recording: Recording,
    with_media: bool,
) -> Result<Reply, ApiError> {
    let held = held(world, id)?;
    let body = match recording {
        Recording::None => json!([]),
        Recording::Ready { .. } => render::recordings(held, "AVAILABLE", with_media),
        Recording::Deleted => render::recordings(held, "DELETED", with_media),
    };
    Ok(Reply::json(200, &body))
}

pub(in super::super) fn summaries(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = &call.ids[0];
    let wait = held(world, id)?
        .summary
        .as_ref()
        .map_or(0, |summary| summary.wait);
    let is_completed = world.has_shown_up(id, "summary", wait);
    let held = held(world, id)?;
    let body = render::summaries(held, held.summary.as_ref(), is_completed);
    Ok(Reply::json(200, &body))
}

pub(in super::super) fn analytics_summaries(
    world: &mut World,
    call: &Call,
) -> Result<Reply, ApiError> {
    let id = &call.ids[0];
    let wait = held(world, id)?
        .summary
        .as_ref()
        .map_or(0, |summary| summary.wait);
    let is_completed = world.has_shown_up(id, "summary", wait);
    let held = held(world, id)?;
    let summary = held.summary.as_ref().filter(|_| is_completed);
    Ok(Reply::json(
        200,
        &render::analytics_summaries(held, summary),
    ))
}

pub(in super::super) fn transcript_url(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let [id, communication] = &call.ids[..] else {
        return Err(ApiError::not_found("resource"));
    };
    let missing = || ApiError::not_found("transcript");
    let held = held(world, id)?;
    let wait = held.transcript.as_ref().ok_or_else(missing)?.wait;
    let is_recorded =
        render::recorded(&held.conversation).is_some_and(|session| session.id == *communication);
    if !is_recorded || !world.has_shown_up(id, "transcript", wait) {
        return Err(missing());
    }
    let url = world.publish(id, communication);
    Ok(Reply::json(200, &json!({"url": url})))
}

/// The document at an address that was handed out.
pub(in super::super) fn document(world: &World, token: &str) -> Reply {
    let Some((id, communication)) = world.document(token) else {
        return Reply::expired();
    };
    let held = world.held.get(id);
    match held.and_then(|held| Some((held, held.transcript.as_ref()?))) {
        Some((held, transcript)) => {
            Reply::json(200, &render::transcript(held, communication, transcript))
        }
        None => Reply::expired(),
    }
}

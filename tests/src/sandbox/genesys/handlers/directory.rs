//! Users, queues, wrap-up codes and contacts.

use serde_json::Value;

use super::super::contract::Call;
use super::super::error::ApiError;
use super::super::render::directory as render;
use super::super::reply::Reply;
use super::super::world::World;

pub(in super::super) fn user(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut users = world.directory.users.iter();
    let user = users.find(|user| user.id == call.ids[0]);
    answer("user", user.map(render::user))
}

pub(in super::super) fn queue(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    answer("queue", world.queue(&call.ids[0]).map(render::queue))
}

pub(in super::super) fn wrapup_code(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    answer(
        "wrapup code",
        world.wrapup_code(&call.ids[0]).map(render::wrapup_code),
    )
}

pub(in super::super) fn contact(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    answer("contact", world.contact(&call.ids[0]).map(render::contact))
}

fn answer(what: &str, body: Option<Value>) -> Result<Reply, ApiError> {
    let body = body.ok_or_else(|| ApiError::not_found(what))?;
    Ok(Reply::json(200, &body))
}

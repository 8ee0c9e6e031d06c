//! The conversation API.

use super::super::contract::Call;
use super::super::error::ApiError;
use super::super::render;
use super::super::reply::Reply;
use super::super::world::World;
use super::held;

pub(in super::super) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let held = held(world, &call.ids[0])?;
    let body = render::conversation::conversation(world, &held.conversation);
    Ok(Reply::json(200, &body))
}

//! What each operation does.

pub(super) mod analytics;
pub(super) mod artefacts;
pub(super) mod conversations;
pub(super) mod directory;
mod filter;

use super::error::ApiError;
use super::held::Held;
use super::world::World;

/// The conversation with this id.
fn held<'w>(world: &'w World, id: &str) -> Result<&'w Held, ApiError> {
    world
        .held
        .get(id)
        .ok_or_else(|| ApiError::not_found("conversation"))
}

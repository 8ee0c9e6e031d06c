//! The one activity of an interaction: what it says, how it is created, found again and kept up to date.

pub(crate) mod content;
pub(crate) mod lookup;
pub(crate) mod marker;
pub(crate) mod note_merge;
pub(crate) mod recorder;
mod target_line;

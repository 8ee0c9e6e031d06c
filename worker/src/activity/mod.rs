//! The one activity of an interaction: what it says, how it is created, found again and kept up to date.

mod adoption;
mod attachment_lines;
pub(crate) mod content;
mod deals;
mod durations;
mod edits;
mod html;
mod intents;
mod labels;
mod links;
pub(crate) mod lookup;
pub(crate) mod marker;
mod note;
mod note_merge;
mod note_pieces;
pub(crate) mod owners;
pub(crate) mod recorder;
mod refused_change;
pub(crate) mod style;
mod subject;
mod target_line;
mod update;
mod wanted;
mod zone;

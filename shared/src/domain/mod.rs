//! What the product knows about interactions, without I/O and without a runtime.
//!
//! A webhook body becomes an [`event::Event`]; what an event says is kept as [`facts::Facts`]; all facts of one
//! interaction, in whatever order they came, fold into one [`interaction::Interaction`].

pub mod event;
pub mod facts;
pub mod ids;
pub mod interaction;
pub mod origin;
pub mod phone;
pub mod times;
pub mod truncated;

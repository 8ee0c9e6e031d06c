//! Reads JSON without prejudice: values of unexpected types are absent, depth is limited before anything is read, and
//! what strict parsers refuse without need is repaired.

mod lenient;
pub(super) mod nesting;
mod node;
mod repair;
mod unwrap;

pub(super) use lenient::{Number, Object, Text};
pub(super) use node::BYTE_ORDER_MARK;
pub(in crate::domain) use node::Node;
pub(super) use repair::repaired;
pub(super) use unwrap::unwrapped;

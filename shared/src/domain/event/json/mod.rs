//! Reads JSON without prejudice: values of unexpected types are absent, and depth is limited before anything is read.

mod lenient;
pub(super) mod nesting;
mod node;

pub(super) use lenient::{Object, Text};
pub(super) use node::BYTE_ORDER_MARK;
pub(in crate::domain) use node::Node;

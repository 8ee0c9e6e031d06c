//! The demonstration: the bridge as its users run it, real sample events, and what becomes of each.
//!
//! [`scene`] lists what is posted and the expected results, [`stage`] runs it, [`outcome`] compares the two, and
//! [`report`] shows it to a person. The binary `demo` puts them together.

mod child;
pub mod enriched;
pub mod outcome;
pub mod report;
pub mod scene;
pub mod stage;

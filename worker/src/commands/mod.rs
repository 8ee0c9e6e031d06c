//! The worker's commands besides `run`, one file each.

pub mod alarm;
pub mod check;
pub mod directory;
pub mod number;
pub mod replay;
pub mod waiting;

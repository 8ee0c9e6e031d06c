//! The worker's commands besides `run`, one file each.

pub mod alarm;
pub mod check;
pub mod directory;
mod genesys;
pub mod number;
pub mod owners;
pub mod reconcile;
pub mod replay;
pub mod resume;
pub mod waiting;

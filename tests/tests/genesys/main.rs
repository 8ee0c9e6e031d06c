//! The client of Genesys and its sandbox, against each other; the sandbox against Genesys' own API description; and the call
//! centre's days.

mod access;
mod artefacts;
mod contract;
mod day;
mod details;
mod failures;
mod scene;

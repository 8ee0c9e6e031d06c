//! Stand-ins for the outside world, and what end-to-end tests are built from.

pub mod pipedrive;

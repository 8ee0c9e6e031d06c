//! The sandbox keeps its promises: as strict as Pipedrive, and broken exactly where it was asked to be.

mod api;

mod access;
mod activities;
mod contract;
mod faults;
mod instrument;
mod limits;
mod node;
mod persons;
mod strictness;
mod v1;

//! The sandbox keeps its promises: as strict as Pipedrive, and broken exactly where it was asked to be.

mod api;

mod access;
mod activities;
mod conditions;
mod contract;
mod faults;
mod instrument;
mod limits;
mod listing;
mod node;
mod persons;
mod searching;
mod strictness;
mod timelines;
mod v1;

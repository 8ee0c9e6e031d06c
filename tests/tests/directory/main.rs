//! The directory of people: the right person whatever Pipedrive's search does, and what that costs.

mod changes;
mod enriched;
mod hidden;
mod modes;
mod people;
mod prices;
mod running;
mod size;
mod upkeep;

//! What a crash at any point does not do: lose an interaction, write it twice, or create a person twice.
//!
//! The service under test runs as a process of its own, built with fail points; it dies there, and another takes over.

mod activity_update;
mod artefacts;
mod catalogue;
mod coverage;
mod directory;
mod emptied_redis;
mod failing_redis;
mod hold;
mod interleaving;
mod invariants;
mod late_updates;
mod leases;
mod lost_redis_writes;
mod oauth;
mod persons;
mod points;
mod poison;
mod process;
mod refused_creates;
mod restarts;
mod settling;
mod spool;
mod supervision;
mod unanswered_broker;

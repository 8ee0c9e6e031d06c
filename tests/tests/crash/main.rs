//! What a crash at any point does not do: lose an interaction, write it twice, or create a person twice.
//!
//! The service under test runs as a process of its own, built with kill points; it dies there, and another takes over.

mod catalogue;
mod changes;
mod deploy;
mod forgotten;
mod hold;
mod interleaving;
mod late;
mod leases;
mod lost_tail;
mod oauth;
mod people;
mod points;
mod poison;
mod process;
mod redis;
mod refused;
mod settled;
mod spool;
mod supervision;
mod unanswered;

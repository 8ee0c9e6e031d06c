//! End to end: a webhook goes in, what lands in Pipedrive and in RabbitMQ is looked at.

mod activities;
mod alarm;
mod authentication;
mod certificates;
mod checks;
mod dead_letters;
mod edits;
mod error_classes;
mod failures;
mod oauth;
mod persons;
mod publisher;
mod redis_tls;
mod replay;
mod rolling_restart;
mod schemas;
mod secret_rotation;
mod settings;
mod spool;
mod spool_disk;
mod tls;
mod token_cost;
mod truncated_bodies;

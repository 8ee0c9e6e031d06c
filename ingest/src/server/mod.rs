//! The HTTP server: routes, health pages, connections, and the admin listener.

pub(crate) mod admin;
pub(crate) mod connection;
mod draining;
mod health;
mod proxied;
mod publishers;
pub(crate) mod routes;

pub(crate) use draining::Draining;
pub(crate) use publishers::Publishers;

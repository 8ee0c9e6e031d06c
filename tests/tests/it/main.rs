//! End to end: a webhook goes in, what lands in Pipedrive and in RabbitMQ is looked at.

mod admitting;
mod alarming;
mod certificates;
mod checking;
mod classes;
mod costing;
mod deploying;
mod dying;
mod encrypting;
mod failing;
mod matching;
mod oauth;
mod publishing;
mod recording;
mod replaying;
mod rotating;
mod salvaging;
mod settings;
mod spooling;
mod syncing;
mod tls;
mod upgrading;

//! End to end: a webhook goes in, what lands in Pipedrive and in RabbitMQ is looked at.

mod admitting;
mod alarming;
mod checking;
mod classes;
mod costing;
mod deploying;
mod failing;
mod matching;
mod publishing;
mod recording;
mod replaying;
mod rotating;
mod salvaging;
mod spooling;
mod upgrading;

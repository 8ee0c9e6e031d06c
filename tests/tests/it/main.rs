//! End to end: a webhook goes in, what lands in Pipedrive and in RabbitMQ is looked at.

mod alarming;
mod classes;
mod failing;
mod matching;
mod publishing;
mod recording;
mod replaying;

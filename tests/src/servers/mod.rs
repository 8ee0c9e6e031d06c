//! Real RabbitMQ and Redis for the tests, the demo and the chaos campaign.
//!
//! [`Environment`] answers the common question "where are the broker and Redis?": what the
//! environment names is used, and what it does not name is started privately, on free loopback ports,
//! from installed binaries or else in a container. [`RabbitMq`] and [`Redis`] are such private servers,
//! for the tests that kill, freeze and restart one. [`Management`] speaks to RabbitMQ's management API,
//! [`CutProxy`] is a network that a test can break.
//!
//! Nothing started here outlives the process that started it, not even if that is killed.

pub mod authority;
mod broker;
mod container;
mod environment;
mod guardian;
mod host;
mod install;
mod management;
mod ports;
mod process;
mod proxy;
mod rabbitmq;
mod redis;
mod scratch;
mod wait;

pub use broker::{BrokerAddress, Vhost, message_count};
pub use environment::Environment;
pub use guardian::Guardian;
pub use install::{Server, Tool, ensure_installed, has_tools, skipped};
pub use management::{Depth, Management, Publication, QueuedMessage};
pub use ports::free_ports;
pub use process::Process;
pub use proxy::CutProxy;
pub use rabbitmq::{RabbitMq, RabbitMqOptions};
pub use redis::{Redis, RedisOptions, connect as connect_to_redis};
pub use scratch::Scratch;
pub use wait::wait_until;

//! Programs to compare with, each as little as can do the job. They run as children of the benchmark.

mod ingest;
pub mod node;
pub mod publisher;
pub mod worker;

use std::process::Command;

use anyhow::{Context, Result};
use clap::Subcommand;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, ConnectionProperties};

/// The programs.
#[derive(Subcommand)]
pub enum Peer {
    /// Publish with 64 confirms in flight, and print the figures.
    RawPublisher {
        /// Address of the virtual host.
        amqp: String,
        /// Length of the measurement.
        seconds: f64,
        /// Publish the properties and headers of the bridge's messages too.
        #[arg(long)]
        with_headers: bool,
    },
    /// Answer webhooks 200 without doing anything.
    BareIngest {
        /// Port to listen on.
        port: u16,
    },
    /// Publish each webhook and answer 200 after its confirm.
    LeastIngest {
        /// Port to listen on.
        port: u16,
        /// Address of the virtual host.
        amqp: String,
    },
    /// Consume, check for duplicates, and write activities.
    LeastWorker {
        /// Address of the virtual host.
        amqp: String,
        /// Address of Redis.
        redis: String,
        /// Origin of the CRM.
        crm: String,
    },
}

/// Runs one of them.
pub async fn run(peer: Peer) -> Result<()> {
    match peer {
        Peer::RawPublisher {
            amqp,
            seconds,
            with_headers,
        } => publisher::run(&amqp, seconds, with_headers).await,
        // actix-web brings its own runtimes, one for each of its threads.
        Peer::BareIngest { port } => on_a_thread(move || ingest::bare(port)).await,
        Peer::LeastIngest { port, amqp } => on_a_thread(move || ingest::least(port, amqp)).await,
        Peer::LeastWorker { amqp, redis, crm } => worker::run(&amqp, &redis, &crm).await,
    }
}

async fn on_a_thread(run: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(run).await?
}

/// The command that starts one of them.
pub fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("peer").args(arguments);
    Ok(command)
}

/// A channel with publisher confirms. The connection lives as long as the first part.
async fn channel(amqp: &str) -> Result<(Connection, Channel)> {
    let connection = Connection::connect(amqp, ConnectionProperties::default());
    let connection = connection.await.context("connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let confirming = channel.confirm_select(ConfirmSelectOptions::default());
    confirming.await?;
    Ok((connection, channel))
}

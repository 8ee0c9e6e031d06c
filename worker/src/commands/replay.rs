//! `worker replay`: moves dead letters back to the work queue, as the management UI does, but by filter.

use std::io::IsTerminal;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use shared::broker::{self, Outgoing, Publisher, message, topology};
use shared::config::Settings;
use shared::domain::event::interaction_of;

/// Which dead letters are moved. Without a filter: all that are there at the start.
#[derive(Clone, Debug, Default, Args)]
pub struct ReplayFilter {
    /// Only those with this `x-failure-reason`, such as `pipedrive_rejected`.
    #[arg(long)]
    pub reason: Option<String>,
    /// Only the events of this interaction.
    #[arg(long, value_name = "ID")]
    pub interaction: Option<String>,
    /// Only those dead since this time or later, such as 2026-03-10T14:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Move nothing, only list what would be.
    #[arg(long)]
    pub dry_run: bool,
}

impl ReplayFilter {
    fn admits(&self, letter: &Delivery) -> bool {
        let properties = &letter.properties;
        self.reason
            .as_ref()
            .is_none_or(|reason| message::failure_reason(properties).as_ref() == Some(reason))
            && self
                .interaction
                .as_deref()
                .is_none_or(|wanted| interaction(letter).as_deref() == Some(wanted))
            && self
                .since
                .is_none_or(|since| message::dead_at(properties).is_some_and(|at| at >= since))
    }
}

/// Result of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters that were read.
    pub seen: u32,
    /// Dead letters that match the filter: moved, unless it was a dry run.
    pub moved: u32,
}

/// Moves dead letters. Each is published and confirmed before it is taken away: a crash in between makes a duplicate,
/// which the worker recognises.
///
/// # Errors
///
/// When the broker fails; what was not moved is still in the dead letter queue.
pub async fn replay(settings: &Settings, filter: &ReplayFilter) -> anyhow::Result<Replayed> {
    let mut publisher = Publisher::start(
        settings.broker.clone(),
        settings.queued_delays(),
        "worker replay publish".to_owned(),
    )
    .await?;
    let connection = broker::connect(&settings.broker, "worker replay").await?;
    publisher.ready().await;
    let channel = connection.create_channel().await?;
    let done = move_letters(&channel, &publisher, filter).await?;
    // What was moved is moved, however the connection ends.
    let closed = connection.close(200, "done".into()).await;
    tracing::debug!(ok = closed.is_ok(), "Closed the connection");
    Ok(done)
}

async fn move_letters(
    channel: &Channel,
    publisher: &Publisher,
    filter: &ReplayFilter,
) -> anyhow::Result<Replayed> {
    // A message that dies again meanwhile is not moved again.
    let waiting = count_letters(channel).await?;
    let bar = progress(waiting.into());
    let mut done = Replayed::default();
    // Letters that stay are held, so that they are not delivered twice; closing the connection requeues them.
    let mut held = Vec::new();
    while done.seen < waiting && filter.limit.is_none_or(|limit| done.moved < limit) {
        let options = BasicGetOptions::default();
        let got = channel
            .basic_get(topology::DEAD_LETTER_QUEUE.into(), options)
            .await
            .with_context(|| format!("stopped after {} moved", done.moved))?;
        let Some(got) = got else { break };
        done.seen += 1;
        bar.inc(1);
        let letter = got.delivery;
        if !filter.admits(&letter) {
            held.push(letter.acker);
            continue;
        }
        if filter.dry_run {
            done.moved += 1;
            bar.suspend(|| list(&letter));
            held.push(letter.acker);
        } else {
            let moved = publish_again(publisher, letter).await;
            moved.with_context(|| format!("stopped after {} moved", done.moved))?;
            done.moved += 1;
        }
    }
    bar.finish_and_clear();
    Ok(done)
}

async fn count_letters(channel: &Channel) -> anyhow::Result<u32> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(
            topology::DEAD_LETTER_QUEUE.into(),
            passive,
            FieldTable::default(),
        )
        .await
        .context("cannot read the length of the dead letter queue")?;
    Ok(queue.message_count())
}

async fn publish_again(publisher: &Publisher, letter: Delivery) -> anyhow::Result<()> {
    let again = Outgoing {
        exchange: topology::EXCHANGE,
        routing_key: topology::WORK_KEY.to_owned(),
        // Unchanged: `x-dead-at` marks the replay, and the worker begins to count attempts anew. An old `x-death` is safe
        // here: the broker looks for a cycle only where it dead-letters, and the worker publishes a retry without it.
        properties: letter.properties,
        body: Bytes::from(letter.data),
    };
    publisher
        .publish(again)
        .await
        .context("cannot publish to the work queue")?;
    letter
        .acker
        .ack(BasicAckOptions::default())
        .await
        .context("cannot take a moved dead letter away")?;
    Ok(())
}

/// The interaction of a dead letter: by its properties, else by its body, which may have been published by hand or by an
/// older version.
fn interaction(letter: &Delivery) -> Option<String> {
    let id = letter.properties.message_id().as_ref();
    id.map(|id| id.as_str().to_owned())
        .or_else(|| Some(interaction_of(&letter.data)?.as_str().to_owned()))
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
fn list(letter: &Delivery) {
    let id = interaction(letter);
    let id = id.as_deref().unwrap_or("?");
    let at = message::dead_at(&letter.properties)
        .map(|at| at.to_string())
        .unwrap_or_default();
    let reason = message::failure_reason(&letter.properties).unwrap_or_default();
    println!("{at}  {reason}  {id}");
}

fn progress(count: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} dead letters, {eta} left");
    ProgressBar::new(count).with_style(style.expect("the template is constant"))
}

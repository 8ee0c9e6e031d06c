//! `worker waiting`: lists the messages that wait for another attempt.

use std::io::{self, Write};

use anyhow::Context;
use clap::Args;
use jiff::{Timestamp, Unit};
use shared::broker::topology;
use shared::clock;
use shared::config::Settings;

use crate::store::{BreakerStore, OpenBreaker, Store, WaitingList, WaitingMessage};

/// How many are listed.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(after_help = "\
Output: a line for each open breaker (what fails for every message, since when, why), then a table of what waits, the
oldest first, read from Redis. Nothing is changed.

  RECEIVED     when the message was first received
  AGE          how long ago
  INTERACTION  id of the interaction; with the event's kind, where the message says it
  REASON       why it waits: the header x-retry-reason
  ATTEMPTS     failed attempts that count towards retry.max_age
  NEXT         when it returns to interactions.work, and from which queue; or that it is there already

A message is listed from its first wait to its end: recorded, a duplicate, or a dead letter. One that passes at its first
delivery is never listed, nor is one that has waited in interactions.work alone since it was received. A message whose
queue was purged stays listed for 8 days.

Metrics: bridge_worker_waiting_over_an_hour, bridge_worker_waiting_oldest_seconds, bridge_worker_parks_total.")]
pub struct Limit {
    /// At most so many, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Lists what waits. That the reader of the output went away ends it, without an error.
///
/// # Errors
///
/// When Redis cannot be read, or the output cannot be written.
pub async fn waiting(settings: &Settings, limit: Limit) -> anyhow::Result<()> {
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await?;
    let open = BreakerStore::new(store.clone()).all_open().await;
    let waiting = WaitingList::new(store).all().await;
    let (open, waiting) = open
        .and_then(|open| Ok((open, waiting?)))
        .context("cannot read what waits from Redis")?;
    let text = table(&open, &waiting, limit.limit, clock::now());
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the output"),
    }
}

fn table(open: &[OpenBreaker], waiting: &[WaitingMessage], limit: usize, now: Timestamp) -> String {
    let mut lines: Vec<String> = open.iter().map(paused).collect();
    if waiting.is_empty() {
        lines.push("No message waits for another attempt".to_owned());
    } else {
        let heading = [
            "RECEIVED",
            "AGE",
            "INTERACTION",
            "REASON",
            "ATTEMPTS",
            "NEXT",
        ];
        let mut rows = vec![heading.map(str::to_owned)];
        let listed = waiting.iter().take(limit);
        rows.extend(listed.map(|entry| row(entry, !open.is_empty(), now)));
        lines.extend(aligned(&rows));
    }
    if let Some(more @ 1..) = waiting.len().checked_sub(limit) {
        lines.push(format!("and {more} more (--limit)"));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn paused(breaker: &OpenBreaker) -> String {
    format!(
        "Paused since {}: every message fails to {}: {}",
        second(breaker.since),
        breaker.operation,
        breaker.why
    )
}

fn row(entry: &WaitingMessage, is_paused: bool, now: Timestamp) -> [String; 6] {
    let interaction = match &entry.event {
        Some(event) => format!("{} ({event})", entry.interaction),
        None => entry.interaction.clone(),
    };
    let next = if entry.returns > now {
        format!("{} from {}", second(entry.returns), entry.queue)
    } else if is_paused {
        format!("in {}, until the pause ends", topology::WORK_QUEUE)
    } else {
        format!("in {}, or processed now", topology::WORK_QUEUE)
    };
    [
        second(entry.received),
        age(now, entry.received),
        printable(&interaction),
        entry.reason.clone(),
        entry.attempts.to_string(),
        next,
    ]
}

fn aligned(rows: &[[String; 6]]) -> Vec<String> {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let padded = |row: &[String; 6]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(padded).collect()
}

/// A time in whole seconds.
fn second(time: Timestamp) -> String {
    time.round(Unit::Second).unwrap_or(time).to_string()
}

fn age(now: Timestamp, since: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A text without characters that a terminal obeys: a sender chooses the id.
fn printable(text: &str) -> String {
    let characters = text.chars().take(120);
    characters
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry(interaction: &str, returns: &str) -> WaitingMessage {
        WaitingMessage {
            interaction: interaction.to_owned(),
            event: Some("customer.end".to_owned()),
            reason: "pipedrive_rejected".to_owned(),
            received: at("2026-03-10T12:30:00Z"),
            since: at("2026-03-10T12:30:01Z"),
            attempts: 0,
            queue: "interactions.retry.5s".to_owned(),
            returns: at(returns),
        }
    }

    #[test]
    fn each_message_says_since_when_it_waits_why_and_what_comes_next() {
        let waiting = [
            entry("call-1", "2026-03-10T14:00:05.4Z"),
            entry("call\x1b2", "2026-03-10T13:59:00Z"),
            entry("call-3", "2026-03-10T13:59:00Z"),
        ];

        let text = table(&[], &waiting, 2, at("2026-03-10T14:00:00Z"));

        let expected = "\
RECEIVED              AGE    INTERACTION            REASON              ATTEMPTS  NEXT
2026-03-10T12:30:00Z  1h30m  call-1 (customer.end)  pipedrive_rejected  0         2026-03-10T14:00:05Z from interactions.retry.5s
2026-03-10T12:30:00Z  1h30m  call?2 (customer.end)  pipedrive_rejected  0         in interactions.work, or processed now
and 1 more (--limit)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_open_breaker_is_named_above_what_waits_for_its_end() {
        let open = OpenBreaker {
            operation: "create an activity".to_owned(),
            label: "400".to_owned(),
            why: "Pipedrive refuses to create an activity with 400: type".to_owned(),
            since: at("2026-03-10T13:00:00Z"),
        };
        let waiting = [entry("call-1", "2026-03-10T13:59:00Z")];

        let text = table(&[open], &waiting, 9, at("2026-03-10T14:00:00Z"));

        assert!(
            text.starts_with(
                "Paused since 2026-03-10T13:00:00Z: every message fails to create an activity: "
            ),
            "{text}"
        );
        assert!(text.contains("until the pause ends"), "{text}");
        let none = table(&[], &[], 9, at("2026-03-10T14:00:00Z"));
        assert_eq!(none, "No message waits for another attempt\n");
    }
}

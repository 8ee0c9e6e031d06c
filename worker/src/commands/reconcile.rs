//! `worker reconcile`: compares the conversations that ended in Genesys with what the bridge knows.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use shared::broker::Publisher;
use shared::clock;
use shared::config::Settings;

use crate::enrichment::access;
use crate::reconcile::{BEHIND, Comparison, Reconciler, Report};
use crate::store::Store;

/// Which conversations are compared.
#[derive(Clone, Debug, Args)]
pub struct Span {
    /// Conversations that ended at this time or later, such as 2026-03-10T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Timestamp,
    /// Conversations that ended before this time. Default: two minutes ago, as far as Genesys' analytics reach.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Publish the events of missing conversations, made from Genesys' record, to interactions.backfill. It may be run
    /// again, and beside others.
    #[arg(long)]
    pub repair: bool,
    /// Print the report as JSON, with all conversations.
    #[arg(long)]
    pub json: bool,
}

/// Compares, repairs where that is asked for, and prints the report. Whether nothing was missing.
///
/// # Errors
///
/// When the span cannot be used, or Genesys, RabbitMQ or Redis does not answer.
pub async fn reconcile(settings: &Settings, span: &Span) -> anyhow::Result<bool> {
    let (from, to) = bounds(span, clock::now())?;
    if span.repair {
        check_memory(from, clock::now(), settings.redis.done_ttl)?;
    }
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await?;
    let client = access::client(settings, &store)?.context(
        "Genesys is not configured: set genesys.api_url, login_url, client_id and client_secret (docs/SETUP.md)",
    )?;
    let reconciler = Reconciler::new(settings.clone(), client, store);
    let bar = progress("listed");
    let compared = reconciler
        .compare(from, to, &mut |listed| bar.set_position(position(listed)))
        .await;
    bar.finish_and_clear();
    let mut comparison = compared?;
    let repaired = if span.repair {
        repair(settings, &reconciler, &mut comparison).await
    } else {
        Ok(())
    };
    // What was found is shown even if publishing stopped.
    print(&comparison.report, span.json)?;
    repaired?;
    Ok(comparison.report.is_complete())
}

/// Publishes what is missing.
async fn repair(
    settings: &Settings,
    reconciler: &Reconciler,
    comparison: &mut Comparison,
) -> anyhow::Result<()> {
    let name = "worker reconcile publish".to_owned();
    let publisher = Publisher::start(settings.broker.clone(), settings.queued_delays(), name);
    let publisher = publisher.await?;
    let bar = progress("published");
    let repaired = reconciler
        .repair(&publisher, comparison, &mut |published| {
            bar.set_position(position(published));
        })
        .await;
    bar.finish_and_clear();
    repaired
}

/// Refuses to repair what Redis may have forgotten: all that was written before would look missing.
fn check_memory(from: Timestamp, now: Timestamp, done_ttl: Duration) -> anyhow::Result<()> {
    let known = SignedDuration::try_from(done_ttl).unwrap_or(SignedDuration::MAX);
    let known_since = now.checked_sub(known).unwrap_or(Timestamp::MIN);
    if from < known_since {
        bail!(
            "--from {from} is older than redis.done_ttl ({}): Redis may have forgotten what was written then, and it would look \
             missing. Repair from {known_since:.0} on, or set a longer redis.done_ttl before conversations get that old; without \
             --repair the span can be compared",
            as_set(done_ttl)
        );
    }
    Ok(())
}

/// A duration as settings write it.
fn as_set(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let exact = units
        .into_iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = exact.unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

/// The span, of which the present is cut off.
fn bounds(span: &Span, now: Timestamp) -> anyhow::Result<(Timestamp, Timestamp)> {
    let latest = now.checked_sub(BEHIND).unwrap_or(now);
    let to = span.to.unwrap_or(latest).min(latest);
    if span.from >= to {
        bail!(
            "nothing to compare: --from {} is not before {to} (--to, at most two minutes ago)",
            span.from
        );
    }
    Ok((span.from, to))
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
fn print(report: &Report, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

fn position(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn progress(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} conversations {msg}");
    let style = style.expect("the template is constant");
    ProgressBar::no_length()
        .with_style(style)
        .with_message(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: Option<&str>) -> Span {
        Span {
            from: from.parse().unwrap(),
            to: to.map(|to| to.parse().unwrap()),
            repair: false,
            json: false,
        }
    }

    #[test]
    fn a_repair_reaches_back_as_far_as_redis_remembers() {
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let days = Duration::from_secs(45 * 86_400);
        let check = |from: &str| check_memory(from.parse().unwrap(), now, days);

        assert!(check("2026-01-24T12:00:00Z").is_ok());
        let error = check("2026-01-24T11:59:59Z").unwrap_err().to_string();
        assert!(error.contains("redis.done_ttl (45d)"), "{error}");
        assert!(error.contains("from 2026-01-24T12:00:00Z on"), "{error}");
    }

    #[test]
    fn a_span_ends_two_minutes_ago_at_the_latest() {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let to = |given| bounds(&span("2026-03-10T00:00:00Z", given), now).unwrap().1;

        assert_eq!(to(None).to_string(), "2026-03-10T11:58:00Z");
        assert_eq!(to(Some("2026-03-11T00:00:00Z")), to(None));
        assert_eq!(
            to(Some("2026-03-10T06:00:00Z")).to_string(),
            "2026-03-10T06:00:00Z"
        );
    }

    #[test]
    fn an_empty_span_is_refused() {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();

        for (from, to) in [
            ("2026-03-10T11:59:00Z", None),
            ("2026-03-10T06:00:00Z", Some("2026-03-10T06:00:00Z")),
        ] {
            let error = bounds(&span(from, to), now).unwrap_err().to_string();
            assert!(error.contains("--from"), "{error}");
        }
    }
}

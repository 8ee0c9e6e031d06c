//! `worker reconcile`: compares the conversations that ended in Genesys with what the bridge knows.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use shared::clock;
use shared::config::Settings;

use crate::enrichment::access;
use crate::reconcile::{Reconciler, Report};
use crate::store::Store;

/// Genesys' analytics are behind by that much: of what ended later, nothing can be said yet.
const BEHIND: SignedDuration = SignedDuration::from_secs(120);

/// Which conversations are compared.
#[derive(Clone, Debug, Args)]
pub struct Span {
    /// Conversations that ended at this time or later, such as 2026-03-10T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Timestamp,
    /// Conversations that ended before this time. Default: two minutes ago, as far as Genesys' analytics reach.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Print the report as JSON, with all conversations.
    #[arg(long)]
    pub json: bool,
}

/// Compares and prints the report. Whether nothing is missing.
///
/// # Errors
///
/// When the span cannot be used, or Genesys, RabbitMQ or Redis does not answer.
pub async fn reconcile(settings: &Settings, span: &Span) -> anyhow::Result<bool> {
    let (from, to) = bounds(span, clock::now())?;
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await?;
    let client = access::client(settings, &store)?.context(
        "Genesys is not configured: set genesys.api_url, login_url, client_id and client_secret (docs/SETUP.md)",
    )?;
    let reconciler = Reconciler::new(settings.clone(), client, store);
    let bar = progress();
    let compared = reconciler
        .compare(from, to, &mut |listed| bar.set_position(position(listed)))
        .await;
    bar.finish_and_clear();
    let report = compared?;
    print(&report, span.json)?;
    Ok(report.is_complete())
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

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} conversations listed");
    ProgressBar::no_length().with_style(style.expect("the template is constant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: Option<&str>) -> Span {
        Span {
            from: from.parse().unwrap(),
            to: to.map(|to| to.parse().unwrap()),
            json: false,
        }
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

//! Logs, metrics and trace context. No log line, span or label holds a number, a name, a token or a body.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rand::Rng;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, ParseError};

use crate::clock;
use crate::config::{ConfigError, Log, LogFormat};

/// Upper bounds of the buckets of every histogram in seconds: a confirm takes milliseconds, a retried record hours.
const SECONDS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 600.0, 7200.0,
];
/// Those of the time from an interaction's end to its record: from seconds to the two days for which one is retried.
const FROM_END: &str = "bridge_worker_end_to_record_seconds";
const FROM_END_SECONDS: [f64; 14] = [
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0,
    172_800.0,
];
/// Never logged, whatever `log.filter` says: lapin writes a returned message out with its body, and logs each failure
/// that it also gives us, those that are an answer among them.
const SILENCED: &str = "lapin=off";
/// How often samples are moved into their buckets. Until then every one is kept, and there may be no scrape at all.
/// Source: metrics-exporter-prometheus, `PrometheusHandle::run_upkeep`.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// When the process started, in both services: how often it changes is how often the service restarts.
const STARTED: &str = "bridge_start_timestamp_seconds";

/// The process's one recorder, once it is installed.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Starts logging.
///
/// # Errors
///
/// When `log.filter` does not parse.
pub fn start_logging(settings: &Log) -> Result<(), ConfigError> {
    let refuse = |problem: ParseError| ConfigError::value("log.filter", problem.to_string());
    let silenced: Directive = SILENCED.parse().map_err(refuse)?;
    let filter = EnvFilter::try_new(&settings.filter).map_err(refuse)?;
    let filter = filter.add_directive(silenced);
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal);
    let as_text =
        settings.format == LogFormat::Text || (settings.format == LogFormat::Auto && is_terminal);
    // A second start, as in tests that start both services in one process, keeps the first.
    let started = if as_text {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if started.is_err() {
        tracing::debug!("Logging was started already");
    }
    Ok(())
}

/// Starts collecting metrics; the handle renders them. Services that share a process share the metrics.
///
/// # Errors
///
/// When another recorder is installed already, or the system has no thread left.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let mut recorder = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = recorder.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(FROM_END.to_owned()), &FROM_END_SECONDS)?
        .install_recorder()?;
    metrics::describe_gauge!(
        STARTED,
        Unit::Seconds,
        "Unix time at which the process started"
    );
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds")]
    metrics::gauge!(STARTED).set(clock::now().as_second() as f64);
    let kept = handle.clone();
    // A thread, not a task: it outlives the runtime of whoever was first.
    thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP_INTERVAL);
                kept.run_upkeep();
            }
        })?;
    Ok(recorder.insert(handle).clone())
}

/// The webhook's W3C trace context if it brought a well-formed one, else a new one.
///
/// Source: W3C Trace Context, `version-traceid-parentid-flags`.
#[must_use]
pub fn traceparent(received: Option<&str>) -> String {
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if let Some(received) = received {
        let parts: Vec<&str> = received.split('-').collect();
        if let [version, trace, parent, flags] = parts[..]
            && is_hex(version, 2)
            && is_hex(trace, 32)
            && is_hex(parent, 16)
            && is_hex(flags, 2)
        {
            return received.to_owned();
        }
    }
    let mut rng = rand::rng();
    format!(
        "00-{:032x}-{:016x}-01",
        rng.random::<u128>(),
        rng.random::<u64>()
    )
}

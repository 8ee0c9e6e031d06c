//! Declaration of metrics: a table of name, kind and help for each service, described in one pass.

use metrics::Unit;

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A number of bytes that goes up and down.
    Bytes,
    /// A duration or a moment in seconds that goes up and down.
    Seconds,
    /// A distribution of durations, in seconds.
    Durations,
}

/// Name, kind and help of a metric.
pub type Metric = (&'static str, Kind, &'static str);

/// Describes each metric of a service to the recorder.
pub fn describe(metrics: &[Metric]) {
    for &(name, kind, help) in metrics {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, help),
            Kind::Gauge => metrics::describe_gauge!(name, help),
            Kind::Bytes => metrics::describe_gauge!(name, Unit::Bytes, help),
            Kind::Seconds => metrics::describe_gauge!(name, Unit::Seconds, help),
            Kind::Durations => metrics::describe_histogram!(name, Unit::Seconds, help),
        }
    }
}

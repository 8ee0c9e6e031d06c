//! Figures of one program in one round, and their medians.

use crate::usage::Usage;

/// What was measured of one program in one round; what does not apply is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Requests or messages a second.
    pub per_second: f64,
    /// Processor seconds for a thousand of them.
    pub cpu: f64,
    /// Context switches for each.
    pub switches: Option<f64>,
    /// Memory, MB.
    pub rss_mb: f64,
    /// Median answer at 1,000 requests a second, ms.
    pub p50_ms: Option<f64>,
    /// Processor seconds of RabbitMQ for a thousand.
    pub broker_cpu: Option<f64>,
    /// Processor seconds of Redis for a thousand.
    pub redis_cpu: Option<f64>,
    /// Requests to the CRM for each.
    pub crm_calls: Option<f64>,
}

/// A window of time in which things were counted.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many requests or messages.
    pub count: f64,
    /// Its length in seconds.
    pub seconds: f64,
}

impl Sample {
    /// The figures of a process over a window.
    pub fn between(before: Usage, after: Usage, window: Window) -> Self {
        let switches =
            f64::from(u32::try_from(after.switches - before.switches).unwrap_or(u32::MAX));
        Self {
            per_second: window.count / window.seconds,
            cpu: window.per_thousand(after.cpu_since(&before)),
            switches: Some(switches / window.count.max(1.0)),
            rss_mb: megabytes(after.rss_bytes),
            ..Self::default()
        }
    }

    /// The medians of several samples, each figure by itself.
    pub fn median(samples: &[Self]) -> Self {
        let of =
            |figure: fn(&Self) -> Option<f64>| median(samples.iter().filter_map(figure).collect());
        Self {
            per_second: of(|sample| Some(sample.per_second)).unwrap_or_default(),
            cpu: of(|sample| Some(sample.cpu)).unwrap_or_default(),
            switches: of(|sample| sample.switches),
            rss_mb: of(|sample| Some(sample.rss_mb)).unwrap_or_default(),
            p50_ms: of(|sample| sample.p50_ms),
            broker_cpu: of(|sample| sample.broker_cpu),
            redis_cpu: of(|sample| sample.redis_cpu),
            crm_calls: of(|sample| sample.crm_calls),
        }
    }
}

impl Window {
    /// Something for a thousand requests or messages.
    pub fn per_thousand(&self, seconds: f64) -> f64 {
        seconds / self.count.max(1.0) * 1000.0
    }
}

/// Bytes as megabytes, of which a machine has at most a few thousand.
pub fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

/// The median; of an even number, the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Samples of one program, by its name in the report.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name.
    pub name: String,
    /// One for each round.
    pub samples: Vec<Sample>,
}

impl Row {
    /// The medians of the rounds.
    pub fn median(&self) -> Sample {
        Sample::median(&self.samples)
    }
}

/// Adds a sample to the row of that name.
pub fn add(rows: &mut Vec<Row>, name: &str, sample: Sample) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.samples.push(sample),
        None => rows.push(Row {
            name: name.to_owned(),
            samples: vec![sample],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}

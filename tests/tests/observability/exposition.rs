//! Reads Prometheus' text format, and the table of metrics in `docs/OPERATIONS.md`.

use std::collections::BTreeMap;

/// One metric as it is exposed.
#[derive(Debug, Default)]
pub struct Metric {
    pub kind: String,
    pub help: String,
    /// Label text to value; histograms have their parts here, by suffix and labels.
    pub samples: BTreeMap<String, f64>,
}

/// All metrics of a page, by name.
pub fn read(page: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            help.clone_into(&mut metrics.entry(name.to_owned()).or_default().help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            kind.clone_into(&mut metrics.entry(name.to_owned()).or_default().kind);
            name.clone_into(&mut current);
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let part = series
                .strip_prefix(&current)
                .unwrap_or_else(|| panic!("{line}"));
            let samples = &mut metrics.get_mut(&current).unwrap().samples;
            samples.insert(part.to_owned(), value.parse().unwrap());
        }
    }
    metrics
}

/// Name and type of every metric that the documentation lists.
pub fn documented() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `bridge_")?.split('|');
        let name = cells.next()?.split('`').next()?;
        Some((format!("bridge_{name}"), cells.next()?.trim().to_owned()))
    });
    rows.collect()
}

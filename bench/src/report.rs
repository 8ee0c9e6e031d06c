//! The run as a whole, and its report.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cli::{Options, Part};
use crate::crm::Crm;
use crate::growth::{self, Growth};
use crate::peers::node;
use crate::plot::{self, figure};
use crate::progress::Progress;
use crate::sample::{Row, Sample};
use crate::servers::Servers;
use crate::{ingest, machine, worker};

const FOLDER: &str = "docs/performance";

/// What was measured.
#[derive(Default)]
struct Results {
    machine: Vec<String>,
    ingest: Vec<Row>,
    worker: Vec<Row>,
    growth: Option<Growth>,
}

/// Measures what is asked for and writes the report.
pub async fn measure(options: &Options) -> Result<()> {
    let progress = Progress::start();
    let builds = options.builds()?;
    let with_node = !options.without_node && node::is_ready(&progress);
    let mut results = Results {
        machine: machine::describe(),
        ..Results::default()
    };
    progress.say("starting RabbitMQ and Redis");
    let servers = Servers::start().await?;
    let crm = Crm::start()?;
    if options.only.contains(&Part::Ingest) {
        results.ingest = ingest::measure(&servers, options, &builds, with_node, &progress).await?;
    }
    if options.only.contains(&Part::Worker) {
        results.worker =
            worker::measure(&servers, &crm, options, &builds, with_node, &progress).await?;
    }
    if let (true, Some(newest)) = (options.only.contains(&Part::Growth), builds.last()) {
        let growth = growth::measure(&servers, &crm, options, newest, &progress);
        results.growth = Some(Box::pin(growth).await?);
    }
    let text = results.text(options.rounds(), &progress);
    let folder = options.report.as_deref();
    match folder.or((!options.quick).then_some(Path::new(FOLDER))) {
        None => print!("{text}"),
        Some(folder) => {
            results.write(folder, &text)?;
            progress.say(&format!("wrote {}", folder.display()));
        }
    }
    Ok(())
}

impl Results {
    fn write(&self, folder: &Path, text: &str) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).with_context(|| format!("write {}", path.display()))
        };
        write("README.md", text)?;
        for (name, svg) in self.plots() {
            write(name, &svg)?;
        }
        Ok(())
    }

    fn plots(&self) -> Vec<(&'static str, String)> {
        let bars = |title, rows: &[Row], value: fn(&Sample) -> f64| {
            let values: Vec<_> = rows
                .iter()
                .map(|row| (row.name.clone(), value(&row.median())))
                .collect();
            plot::bars(title, &values)
        };
        let mut plots = Vec::new();
        if !self.ingest.is_empty() {
            // The handler that publishes nothing would dwarf all others.
            let publishing: Vec<Row> = self
                .ingest
                .iter()
                .filter(|row| !row.name.contains("bare"))
                .cloned()
                .collect();
            plots.push((
                "ingest-rate.svg",
                bars("Webhooks a second", &publishing, |sample| sample.per_second),
            ));
            plots.push((
                "ingest-cpu.svg",
                bars("CPU seconds per 1,000 webhooks", &self.ingest, |sample| {
                    sample.cpu
                }),
            ));
        }
        if !self.worker.is_empty() {
            plots.push((
                "worker-rate.svg",
                bars("Messages a second", &self.worker, |sample| {
                    sample.per_second
                }),
            ));
            plots.push((
                "worker-cpu.svg",
                bars("CPU seconds per 1,000 messages", &self.worker, |sample| {
                    sample.cpu
                }),
            ));
        }
        if let Some(growth) = &self.growth {
            plots.push(("growth-rate.svg", growth_rate(growth)));
            plots.push(("growth-memory.svg", growth_memory(growth)));
        }
        plots
    }

    fn text(&self, rounds: usize, progress: &Progress) -> String {
        let mut text = String::from(
            "# Performance\n\nWritten by `make bench`: do not edit. What limits the figures stands in [LIMITS.md](LIMITS.md).\n\n",
        );
        for line in &self.machine {
            writeln!(text, "- {line}").ok();
        }
        writeln!(
            text,
            "- {rounds} interleaved rounds, medians; the run took {} minutes. Generator, servers and programs share the cores.\n",
            progress.minutes()
        )
        .ok();
        if !self.ingest.is_empty() {
            text.push_str(&ingest_table(&self.ingest));
        }
        if !self.worker.is_empty() {
            text.push_str(&worker_table(&self.worker));
        }
        if let Some(growth) = &self.growth {
            text.push_str(&growth_tables(growth));
        }
        text
    }
}

fn ingest_table(rows: &[Row]) -> String {
    let of = |name| rows.iter().find(|row| row.name == name).map(Row::median);
    let (raw, node) = (of(ingest::RAW), of(ingest::NODE));
    let mut text = String::from(
        "## Ingest\n\nBodies of 2 KiB, 64 connections, a durable quorum queue.\n\n\
         | Program | requests/s | of the raw publisher | × Node | CPU s per 1,000 | RabbitMQ CPU s per 1,000 | p50 at 1,000/s, ms | RSS MB | switches each |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let sample = row.median();
        let cells = [
            figure(sample.per_second),
            ratio(sample.per_second, raw, |raw| raw.per_second),
            ratio(sample.per_second, node, |node| node.per_second),
            format!("{:.4}", sample.cpu),
            optional(sample.broker_cpu),
            optional(sample.p50_ms),
            figure(sample.rss_mb),
            optional(sample.switches),
        ];
        writeln!(text, "| {} | {} |", row.name, cells.join(" | ")).ok();
    }
    text + "\n![Webhooks a second](ingest-rate.svg)\n![CPU for 1,000 webhooks](ingest-cpu.svg)\n\n"
}

fn worker_table(rows: &[Row]) -> String {
    let node = rows
        .iter()
        .find(|row| row.name == worker::NODE)
        .map(Row::median);
    let mut text = String::from(
        "## Worker\n\nA queue of messages, a prefetch count of 32, a CRM that answers at once. Redis syncs once a second.\n\n\
         | Program | messages/s | × Node | CPU s per 1,000 | Redis CPU s per 1,000 | RabbitMQ CPU s per 1,000 | CRM calls each | RSS MB | switches each |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let sample = row.median();
        let cells = [
            figure(sample.per_second),
            ratio(sample.per_second, node, |node| node.per_second),
            format!("{:.3}", sample.cpu),
            optional(sample.redis_cpu),
            optional(sample.broker_cpu),
            optional(sample.crm_calls),
            figure(sample.rss_mb),
            optional(sample.switches),
        ];
        writeln!(text, "| {} | {} |", row.name, cells.join(" | ")).ok();
    }
    text + "\n![Messages a second](worker-rate.svg)\n![CPU for 1,000 messages](worker-cpu.svg)\n\n"
}

fn growth_tables(growth: &Growth) -> String {
    let mut text = String::from(
        "## Growth\n\n| Backlog | filled/s | ingest RSS MB | drained/s | worker RSS MB | restart s | Redis bytes an interaction |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for backlog in &growth.backlogs {
        let cells = [
            backlog.filled_per_second,
            backlog.ingest_mb,
            backlog.drained_per_second,
            backlog.worker_mb,
            backlog.restart_seconds,
            backlog.bytes_per_interaction,
        ];
        writeln!(
            text,
            "| {} | {} |",
            backlog.size,
            cells.map(figure).join(" | ")
        )
        .ok();
    }
    text.push_str(
        "\n| Done markers | drained/s | worker RSS MB | start s | Redis bytes each |\n| ---: | ---: | ---: | ---: | ---: |\n",
    );
    for markers in &growth.markers {
        let cells = [
            markers.drained_per_second,
            markers.worker_mb,
            markers.start_seconds,
            markers.bytes_each,
        ];
        writeln!(
            text,
            "| {} | {} |",
            markers.count,
            cells.map(figure).join(" | ")
        )
        .ok();
    }
    text.push_str(
        "\n| People in the directory | Redis bytes each | built in s |\n| ---: | ---: | ---: |\n",
    );
    for people in &growth.people {
        let cells = [people.bytes_each, people.seconds].map(figure);
        writeln!(text, "| {} | {} |", people.count, cells.join(" | ")).ok();
    }
    text + "\n![Drain rate](growth-rate.svg)\n![Memory](growth-memory.svg)\n"
}

fn growth_rate(growth: &Growth) -> String {
    let series = [
        (
            "by backlog",
            points(&growth.backlogs, |b| (b.size, b.drained_per_second)),
        ),
        (
            "by done markers",
            points(&growth.markers, |m| (m.count, m.drained_per_second)),
        ),
    ];
    plot::lines("Messages a second", "messages or markers", &named(series))
}

fn growth_memory(growth: &Growth) -> String {
    let series = [
        (
            "ingest, by backlog",
            points(&growth.backlogs, |b| (b.size, b.ingest_mb)),
        ),
        (
            "worker, by backlog",
            points(&growth.backlogs, |b| (b.size, b.worker_mb)),
        ),
        (
            "worker, by markers",
            points(&growth.markers, |m| (m.count, m.worker_mb)),
        ),
    ];
    plot::lines("Memory, MB", "messages or markers", &named(series))
}

fn points<T>(measured: &[T], point: impl Fn(&T) -> (u64, f64)) -> Vec<(f64, f64)> {
    let points = measured.iter().map(point);
    points
        .map(|(x, y)| (f64::from(u32::try_from(x).unwrap_or(u32::MAX)), y))
        .collect()
}

fn named<const N: usize>(series: [(&str, Vec<(f64, f64)>); N]) -> Vec<(String, Vec<(f64, f64)>)> {
    series
        .map(|(name, points)| (name.to_owned(), points))
        .into()
}

fn ratio(value: f64, other: Option<Sample>, figure: fn(&Sample) -> f64) -> String {
    let other = other
        .map(|other| figure(&other))
        .filter(|other| *other > 0.0);
    other.map_or_else(|| "–".to_owned(), |other| format!("{:.2}", value / other))
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure)
}

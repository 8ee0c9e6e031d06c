//! Webhooks: how many a second at full load, what they cost, and how long an answer takes at a steady rate.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bridge_tests::servers::free_ports;

use crate::child::Child;
use crate::cli::{Build, Options};
use crate::load::Load;
use crate::peers::{self, node, publisher};
use crate::progress::Progress;
use crate::sample::{Row, Sample, Window, add, median};
use crate::servers::{Servers, Stage, TOKEN, variable};
use crate::usage::Usage;

/// The limit of RabbitMQ, with which everything is compared.
pub const RAW: &str = "limit: raw lapin publisher";
/// The tuned peer in Node.
pub const NODE: &str = "tuned Node (fastify, amqplib)";
const RAW_WITH_HEADERS: &str = "the same, with the bridge's headers";
const BARE: &str = "limit: bare actix handler";
const LEAST: &str = "least actix + lapin handler";

/// The steady rate.
const STEADY: u32 = 1_000;
const WARM_UP: Duration = Duration::from_secs(1);

/// A program that takes webhooks.
enum Contender<'b> {
    Raw,
    RawWithHeaders,
    Bare,
    Least,
    Node,
    Ours(&'b Build),
}

impl Contender<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Raw => RAW,
            Self::RawWithHeaders => RAW_WITH_HEADERS,
            Self::Bare => BARE,
            Self::Least => LEAST,
            Self::Node => NODE,
            Self::Ours(build) => &build.name,
        }
    }
}

/// Measures all of them, round by round.
pub async fn measure(
    servers: &Servers,
    options: &Options,
    builds: &[Build],
    with_node: bool,
    progress: &Progress,
) -> Result<Vec<Row>> {
    let mut contenders = vec![
        Contender::Raw,
        Contender::RawWithHeaders,
        Contender::Bare,
        Contender::Least,
    ];
    if with_node {
        contenders.push(Contender::Node);
    }
    contenders.extend(builds.iter().map(Contender::Ours));
    let measured = Duration::from_secs(if options.quick { 3 } else { 10 });
    let mut rows = Vec::new();
    for round in 1..=options.rounds() {
        for contender in &contenders {
            let name = contender.name();
            let sample = one(servers, contender, measured).await?;
            progress.say(&format!(
                "ingest, round {round}: {name}: {:.0}/s, {:.4} CPU s per 1,000",
                sample.per_second, sample.cpu
            ));
            add(&mut rows, name, sample);
        }
    }
    Ok(rows)
}

async fn one(servers: &Servers, contender: &Contender<'_>, measured: Duration) -> Result<Sample> {
    let stage = servers.stage().await?;
    let [port] = free_ports()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let port = port.to_string();
    let command = match contender {
        Contender::Raw => return raw(servers, &stage, measured, &[]).await,
        Contender::RawWithHeaders => {
            return raw(servers, &stage, measured, &["--with-headers"]).await;
        }
        Contender::Bare => peers::command(&["bare-ingest", &port])?,
        Contender::Least => peers::command(&["least-ingest", &port, &stage.amqp])?,
        Contender::Node => node::command("ingest.mjs", &[&port, &stage.amqp]),
        Contender::Ours(build) => ours(build, address, &stage),
    };
    let mut child = Child::start("ingest", command, servers.folder())?;
    child.wait_for(address).await?;
    let mut sample = full_load(servers, &child, address, measured).await?;
    if !matches!(contender, Contender::Bare) {
        sample.p50_ms = steady_rate(address, measured / 2).await?;
        ensure!(stage.depth().await? > 0, "nothing was published");
    }
    Ok(sample)
}

async fn raw(
    servers: &Servers,
    stage: &Stage,
    measured: Duration,
    arguments: &[&str],
) -> Result<Sample> {
    let seconds = measured.as_secs_f64().to_string();
    let mut command = peers::command(&["raw-publisher", &stage.amqp, &seconds])?;
    command.args(arguments);
    let before = servers.broker_usage()?;
    let mut child = Child::start("publisher", command, servers.folder())?;
    let output = child.finish(measured + Duration::from_secs(30)).await?;
    let sample = publisher::parse(&output)?;
    let after = servers.broker_usage()?;
    let whole = Window {
        count: sample.per_second * (measured + WARM_UP).as_secs_f64(),
        seconds: 0.0,
    };
    Ok(Sample {
        broker_cpu: Some(whole.per_thousand(after.cpu_since(&before))),
        ..sample
    })
}

/// `ingest` of a build, as it is run in production: with authentication, and metrics.
pub fn ours(build: &Build, address: SocketAddr, stage: &Stage) -> Command {
    let mut command = Command::new(build.folder.join("ingest"));
    command.envs(stage.variables()).envs([
        variable("INGEST__LISTEN", &address.to_string()),
        variable("INGEST__AUTH__TOKENS", TOKEN),
        variable("INGEST__DRAIN", "0s"),
    ]);
    command
}

async fn full_load(
    servers: &Servers,
    child: &Child,
    address: SocketAddr,
    measured: Duration,
) -> Result<Sample> {
    let load = Load::full(address, 0, u64::MAX)?;
    tokio::time::sleep(WARM_UP).await;
    let read = || -> Result<(Instant, u64, Usage, Usage)> {
        Ok((
            Instant::now(),
            load.answered(),
            child.usage()?,
            servers.broker_usage()?,
        ))
    };
    let before = read()?;
    tokio::time::sleep(measured).await;
    let after = read()?;
    load.stop()?;
    let window = Window {
        count: f64::from(u32::try_from(after.1 - before.1)?),
        seconds: (after.0 - before.0).as_secs_f64(),
    };
    ensure!(window.count > 0.0, "no request was answered");
    let broker = after.3.cpu_since(&before.3);
    Ok(Sample {
        broker_cpu: Some(window.per_thousand(broker)),
        ..Sample::between(before.2, after.2, window)
    })
}

/// The median answer at the steady rate.
async fn steady_rate(address: SocketAddr, measured: Duration) -> Result<Option<f64>> {
    let load = Load::steady(address, STEADY, 1 << 32)?;
    tokio::time::sleep(measured).await;
    Ok(median(load.stop()?))
}

//! Messages out: how many a second a full queue is worked off, and what each costs.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bridge_tests::servers::free_ports;

use crate::child::Child;
use crate::cli::{Build, Options};
use crate::crm::Crm;
use crate::messages;
use crate::peers::{self, node, worker::PREFETCH};
use crate::progress::Progress;
use crate::sample::{Row, Sample, Window, add};
use crate::servers::{Servers, Stage, variable};
use crate::usage::Usage;

/// The tuned peer in Node.
pub const NODE: &str = "tuned Node (amqplib, ioredis, undici)";
const LEAST: &str = "least lapin + redis + reqwest consumer";

const LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(10);

/// A program that consumes.
enum Contender<'b> {
    Least,
    Node,
    Ours(&'b Build),
}

/// Measures all of them, round by round.
pub async fn measure(
    servers: &Servers,
    crm: &Crm,
    options: &Options,
    builds: &[Build],
    with_node: bool,
    progress: &Progress,
) -> Result<Vec<Row>> {
    let mut contenders = vec![(LEAST, Contender::Least)];
    if with_node {
        contenders.push((NODE, Contender::Node));
    }
    contenders.extend(
        builds
            .iter()
            .map(|build| (&*build.name, Contender::Ours(build))),
    );
    let count = if options.quick { 2_000 } else { 20_000 };
    let mut rows = Vec::new();
    for round in 1..=options.rounds() {
        for (name, contender) in &contenders {
            let sample = one(servers, crm, contender, count).await?;
            progress.say(&format!(
                "worker, round {round}: {name}: {:.0}/s, {:.4} CPU s per 1,000",
                sample.per_second, sample.cpu
            ));
            add(&mut rows, name, sample);
        }
    }
    Ok(rows)
}

async fn one(
    servers: &Servers,
    crm: &Crm,
    contender: &Contender<'_>,
    count: u64,
) -> Result<Sample> {
    servers.flush().await?;
    let stage = servers.stage().await?;
    messages::fill(&stage.publisher().await?, 0, count).await?;
    let crm_url = crm.url();
    let command = match contender {
        Contender::Least => peers::command(&["least-worker", &stage.amqp, &stage.redis, &crm_url])?,
        Contender::Node => node::command("worker.mjs", &[&stage.amqp, &stage.redis, &crm_url]),
        Contender::Ours(build) => ours(build, crm, &stage)?,
    };
    let child = Child::start("worker", command, servers.folder())?;
    let first = crm.activities();
    // The beginning does not count: connections are opened, code is compiled.
    let begin = Mark::at(servers, crm, &child, first + count / 10).await?;
    let end = Mark::at(servers, crm, &child, first + count).await?;
    end.since(&begin)
}

/// The worker of a build. The limits of Pipedrive are out of the way, and people are searched for.
pub fn ours(build: &Build, crm: &Crm, stage: &Stage) -> Result<Command> {
    let [port] = free_ports()?;
    let mut command = Command::new(build.folder.join("worker"));
    command.envs(stage.variables()).envs([
        variable("WORKER__LISTEN", &format!("127.0.0.1:{port}")),
        variable("WORKER__CONCURRENCY", &PREFETCH.to_string()),
        variable("PIPEDRIVE__BASE_URL", &crm.url()),
        variable("PIPEDRIVE__API_TOKEN", "bench"),
        variable("PIPEDRIVE__REQUESTS_PER_2S", "1000000"),
        variable("PIPEDRIVE__SEARCHES_PER_2S", "1000000"),
        variable("PIPEDRIVE__DAILY_TOKENS", "1000000000"),
        variable("PIPEDRIVE__DAILY_WRITES", "1000000000"),
        variable("GENESYS__SETTLE_DELAY", "0s"),
        variable("DIRECTORY__MODE", "off"),
    ]);
    Ok(command)
}

/// The figures at the moment at which so many activities existed.
pub struct Mark {
    /// The moment.
    pub at: Instant,
    /// Activities.
    pub activities: u64,
    /// What the program used.
    pub usage: Usage,
    requests: u64,
    redis_cpu: f64,
    broker: Usage,
}

impl Mark {
    /// Waits until there are so many activities.
    pub async fn at(servers: &Servers, crm: &Crm, child: &Child, activities: u64) -> Result<Self> {
        let began = Instant::now();
        while crm.activities() < activities {
            child.usage()?;
            if began.elapsed() > LIMIT {
                bail!(
                    "only {} of {activities} activities: {}",
                    crm.activities(),
                    child.output()
                );
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Self {
            at: Instant::now(),
            activities: crm.activities(),
            usage: child.usage()?,
            requests: crm.requests(),
            redis_cpu: servers.redis_cpu().await?,
            broker: servers.broker_usage()?,
        })
    }

    /// The figures from one to the other.
    pub fn since(&self, begin: &Self) -> Result<Sample> {
        let window = Window {
            count: f64::from(u32::try_from(self.activities - begin.activities)?),
            seconds: (self.at - begin.at).as_secs_f64(),
        };
        let calls = f64::from(u32::try_from(self.requests - begin.requests)?);
        let broker = self.broker.cpu_since(&begin.broker);
        Ok(Sample {
            redis_cpu: Some(window.per_thousand(self.redis_cpu - begin.redis_cpu)),
            broker_cpu: Some(window.per_thousand(broker)),
            crm_calls: Some(calls / window.count.max(1.0)),
            ..Sample::between(begin.usage, self.usage, window)
        })
    }
}

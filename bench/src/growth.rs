//! Whether memory, speed and restarts stay the same with large backlogs, many done markers and many people.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bridge_tests::servers::free_ports;
use redis::aio::MultiplexedConnection;

use crate::child::Child;
use crate::cli::{Build, Options};
use crate::crm::Crm;
use crate::load::Load;
use crate::progress::Progress;
use crate::sample::megabytes;
use crate::servers::{Servers, Stage, variable};
use crate::worker::Mark;
use crate::{ingest, messages, worker};

/// Of a larger backlog, only so much is worked off.
const DRAINED: u64 = 20_000;
const POLL: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(1_800);
/// Copies of a done marker that go out in one pipeline.
const PIPELINE: u64 = 1_000;

/// What was measured of one backlog.
pub struct Backlog {
    /// Messages in it.
    pub size: u64,
    /// Webhooks a second while it grew.
    pub filled_per_second: f64,
    /// Memory of `ingest` after that, MB.
    pub ingest_mb: f64,
    /// Messages a second, worked off.
    pub drained_per_second: f64,
    /// Memory of the worker after that, MB.
    pub worker_mb: f64,
    /// From the start of a worker to its first activity, after the one before was killed.
    pub restart_seconds: f64,
    /// Bytes in Redis for an interaction.
    pub bytes_per_interaction: f64,
}

/// What was measured beside so many done markers.
pub struct Markers {
    /// Their number.
    pub count: u64,
    /// Bytes in Redis for one.
    pub bytes_each: f64,
    /// Messages a second, worked off.
    pub drained_per_second: f64,
    /// Memory of the worker after that, MB.
    pub worker_mb: f64,
    /// From the start of a worker to its first activity.
    pub start_seconds: f64,
}

/// What was measured of a directory of so many people.
pub struct People {
    /// Their number.
    pub count: u64,
    /// Bytes in Redis for one.
    pub bytes_each: f64,
    /// How long the directory took to build.
    pub seconds: f64,
}

/// All that was measured.
#[derive(Default)]
pub struct Growth {
    /// By backlog.
    pub backlogs: Vec<Backlog>,
    /// By number of markers.
    pub markers: Vec<Markers>,
    /// By number of people.
    pub people: Vec<People>,
}

/// The surroundings of a measurement.
struct Bench<'b> {
    servers: &'b Servers,
    crm: &'b Crm,
    build: &'b Build,
}

/// Measures one build.
pub async fn measure(
    servers: &Servers,
    crm: &Crm,
    options: &Options,
    build: &Build,
    progress: &Progress,
) -> Result<Growth> {
    let bench = Bench {
        servers,
        crm,
        build,
    };
    let mut backlogs = if options.quick {
        vec![2_000]
    } else {
        vec![10_000, 100_000]
    };
    let mut markers = if options.quick {
        vec![10_000]
    } else {
        vec![10_000, 100_000, 1_000_000]
    };
    let mut people = if options.quick {
        vec![2_000]
    } else {
        vec![10_000, 100_000]
    };
    if options.million {
        for sizes in [&mut backlogs, &mut markers, &mut people] {
            sizes.push(1_000_000);
            sizes.dedup();
        }
    }
    let mut growth = Growth::default();
    for size in backlogs {
        progress.say(&format!("growth: a backlog of {size} messages"));
        growth.backlogs.push(bench.backlog(size).await?);
    }
    for count in markers {
        progress.say(&format!("growth: {count} done markers"));
        growth.markers.push(bench.markers(count).await?);
    }
    for count in people {
        progress.say(&format!("growth: a directory of {count} people"));
        growth.people.push(bench.people(count).await?);
    }
    Ok(growth)
}

impl Bench<'_> {
    async fn backlog(&self, size: u64) -> Result<Backlog> {
        self.servers.flush().await?;
        let stage = self.servers.stage().await?;
        let (filled_per_second, ingest_mb) = self.fill(&stage, size).await?;
        let drained = size.min(DRAINED);
        let worker = self.start_worker(&stage)?;
        let first = self.crm.activities();
        let begin = self.mark(&worker, first + drained / 10).await?;
        let empty = self.servers.redis_bytes().await?;
        let half = self.mark(&worker, first + drained / 2).await?;
        let sample = half.since(&begin)?;
        let bytes = self.servers.redis_bytes().await? - empty;
        // Killed, as by the kernel: what it had is delivered again.
        drop(worker);
        let (worker, restart_seconds) = self.started_after_kill(&stage).await?;
        let end = self.mark(&worker, first + drained).await?;
        Ok(Backlog {
            size,
            filled_per_second,
            ingest_mb,
            drained_per_second: sample.per_second,
            worker_mb: megabytes(end.usage.rss_bytes),
            restart_seconds,
            bytes_per_interaction: bytes / precise(half.activities - begin.activities),
        })
    }

    /// Posts so many webhooks: how many a second, and the memory of `ingest` then.
    async fn fill(&self, stage: &Stage, size: u64) -> Result<(f64, f64)> {
        let [port] = free_ports()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let command = ingest::ours(self.build, address, stage);
        let mut ingest = Child::start("ingest", command, self.servers.folder())?;
        ingest.wait_for(address).await?;
        let began = Instant::now();
        let load = Load::full(address, 0, size)?;
        while !load.is_finished() {
            tokio::time::sleep(POLL).await;
        }
        load.stop()?;
        let per_second = precise(size) / began.elapsed().as_secs_f64();
        Ok((per_second, megabytes(ingest.usage()?.rss_bytes)))
    }

    async fn markers(&self, count: u64) -> Result<Markers> {
        self.servers.flush().await?;
        let stage = self.servers.stage().await?;
        let publisher = stage.publisher().await?;
        let drained = count.min(20_000);
        messages::fill(&publisher, 0, 1).await?;
        let first = self.crm.activities();
        let worker = self.start_worker(&stage)?;
        self.mark(&worker, first + 1).await?;
        // The message is acknowledged once its marker is complete.
        self.wait_until_empty(&stage).await?;
        drop(worker);
        let empty = self.servers.redis_bytes().await?;
        self.copy_marker(count).await?;
        let bytes = self.servers.redis_bytes().await? - empty;
        messages::fill(&publisher, 1, 1 + drained).await?;
        let (worker, start_seconds) = self.started_after_kill(&stage).await?;
        let begin = self.mark(&worker, first + 1 + drained / 10).await?;
        let end = self.mark(&worker, first + 1 + drained).await?;
        let sample = end.since(&begin)?;
        Ok(Markers {
            count,
            bytes_each: bytes / precise(count),
            drained_per_second: sample.per_second,
            worker_mb: sample.rss_mb,
            start_seconds,
        })
    }

    async fn people(&self, count: u64) -> Result<People> {
        self.servers.flush().await?;
        self.crm.set_people(count);
        let stage = self.servers.stage().await?;
        let empty = self.servers.redis_bytes().await?;
        let mut command = worker::ours(self.build, self.crm, &stage)?;
        command.args(["directory", "build"]).envs([
            variable("DIRECTORY__MODE", "on"),
            variable("DIRECTORY__DAILY_SHARE", "100"),
        ]);
        let began = Instant::now();
        let mut building = Child::start("directory", command, self.servers.folder())?;
        building.finish(LIMIT).await?;
        let seconds = began.elapsed().as_secs_f64();
        let bytes = self.servers.redis_bytes().await? - empty;
        Ok(People {
            count,
            bytes_each: bytes / precise(count),
            seconds,
        })
    }

    fn start_worker(&self, stage: &Stage) -> Result<Child> {
        let command = worker::ours(self.build, self.crm, stage)?;
        Child::start("worker", command, self.servers.folder())
    }

    /// A worker, and how long it took to its first activity.
    async fn started_after_kill(&self, stage: &Stage) -> Result<(Child, f64)> {
        let before = self.crm.activities();
        let began = Instant::now();
        let worker = self.start_worker(stage)?;
        let first = self.mark(&worker, before + 1).await?;
        Ok((worker, (first.at - began).as_secs_f64()))
    }

    async fn mark(&self, worker: &Child, activities: u64) -> Result<Mark> {
        Mark::at(self.servers, self.crm, worker, activities).await
    }

    async fn wait_until_empty(&self, stage: &Stage) -> Result<()> {
        let began = Instant::now();
        while stage.depth().await? > 0 {
            ensure!(began.elapsed() < LIMIT, "the queue does not become empty");
            tokio::time::sleep(POLL).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Copies the one done marker under the names of other interactions.
    async fn copy_marker(&self, count: u64) -> Result<()> {
        let mut redis = self.servers.redis().await?;
        let (key, digest) = marker(&mut redis).await?;
        let content: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await?;
        let ttl_ms: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await?;
        for first in (0..count).step_by(usize::try_from(PIPELINE)?) {
            let mut pipeline = redis::pipe();
            for n in first..(first + PIPELINE).min(count) {
                let copy = key.replace(&digest, &format!("{n:064x}"));
                pipeline
                    .cmd("RESTORE")
                    .arg(copy)
                    .arg(ttl_ms.max(0))
                    .arg(&content)
                    .ignore();
            }
            let () = pipeline.query_async(&mut redis).await?;
        }
        Ok(())
    }
}

/// The key of the only interaction in Redis, and the digest in it.
async fn marker(redis: &mut MultiplexedConnection) -> Result<(String, String)> {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(redis).await?;
    for key in keys {
        let digest = key
            .split(|c: char| !c.is_ascii_hexdigit())
            .find(|part| part.len() == 64);
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(redis).await?;
        if let Some(digest) = digest.filter(|_| kind == "hash") {
            let digest = digest.to_owned();
            return Ok((key, digest));
        }
    }
    None.context("Redis has no done marker")
}

fn precise(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

//! Carries out strikes, one after the other on each of two sides, and notes what was struck and when it was healed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use shared::broker::topology::WORK_QUEUE;
use tokio::time::{Instant, sleep, sleep_until};

use super::program::Program;
use super::strike::{Link, Scheduled, Strike, Target};
use super::system::{LITTLE_ROOM, Links, REDIS_PREFIX, Servers, Services, USUAL_ROOM, spool_room};
use super::truth::VHOST;
use crate::servers::Redis;

/// Between two strikes of one side, however late it is: the bridge must get a chance.
const PAUSE: Duration = Duration::from_millis(300);

/// A strike that was carried out.
#[derive(Clone, Debug)]
pub struct Struck {
    /// Name of the fault's kind.
    pub name: String,
    /// Begin of the fault.
    pub at: Instant,
    /// When what was struck was there again.
    pub healed: Instant,
    /// Whether `ingest` could not reach its broker meanwhile.
    pub parts_broker: bool,
    /// Whether `ingest` had to send senders away meanwhile.
    pub fills_spool: bool,
}

/// What was struck so far. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct StormLog {
    strikes: Arc<Mutex<Vec<Struck>>>,
    revived: Arc<Mutex<usize>>,
}

impl StormLog {
    /// All strikes so far.
    #[must_use]
    pub fn strikes(&self) -> Vec<Struck> {
        let strikes = self.strikes.lock();
        strikes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a service ended by itself and had to be started.
    #[must_use]
    pub fn revived(&self) -> usize {
        *self.revived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, struck: Struck) {
        let strikes = self.strikes.lock();
        strikes.unwrap_or_else(PoisonError::into_inner).push(struck);
    }

    fn note_revived(&self) {
        *self.revived.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

/// Strikes processes as planned.
pub(super) async fn strike_services(
    services: &mut Services,
    links: &Links,
    plan: &[Scheduled],
    begun: Instant,
    log: &StormLog,
) -> Result<()> {
    for Scheduled { at, strike } in plan {
        sleep_until(begun + *at).await;
        revive(services, log)?;
        let begun = Instant::now();
        strike_service(services, links, *strike).await?;
        log.note(Struck {
            name: strike.name(),
            at: begun,
            healed: Instant::now(),
            parts_broker: strike.parts_broker(),
            fills_spool: strike.fills_spool(),
        });
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Strikes one process, or all workers; ends when it is there again.
async fn strike_service(services: &mut Services, links: &Links, strike: Strike) -> Result<()> {
    match strike {
        Strike::Kill(target, down) => {
            let program = services.get(target);
            program.kill()?;
            sleep(down).await;
            program.run()?;
        }
        Strike::Freeze(target, duration) => {
            let program = services.get(target);
            program.freeze(true)?;
            sleep(duration).await;
            program.freeze(false)?;
        }
        Strike::Redeploy(target) => services.get(target).redeploy().await?,
        Strike::CrampSpool(duration) => cramp_spool(services, links, duration).await?,
        Strike::KillWorkers(down) => {
            for worker in &mut services.workers {
                worker.kill()?;
            }
            sleep(down).await;
            for worker in &mut services.workers {
                worker.run()?;
            }
        }
        Strike::EmptyRedis
        | Strike::RestoreRedis(_)
        | Strike::Block(_)
        | Strike::FillQueue(_)
        | Strike::KillServers(_)
        | Strike::Cut(_)
        | Strike::Stall(..)
        | Strike::Refuse(..) => {}
    }
    Ok(())
}

/// Lets `ingest` run without a broker, and with a spool that is full at once.
async fn cramp_spool(services: &mut Services, links: &Links, duration: Duration) -> Result<()> {
    let (ingest, link) = (&mut services.ingest, links.get(Link::IngestBroker));
    ingest.kill()?;
    link.refuse(true);
    ingest.set(spool_room(LITTLE_ROOM));
    ingest.run()?;
    sleep(duration).await;
    ingest.kill()?;
    link.refuse(false);
    ingest.set(spool_room(USUAL_ROOM));
    ingest.run()
}

/// Starts what ended by itself.
pub(super) fn revive(services: &mut Services, log: &StormLog) -> Result<()> {
    let programs = std::iter::once(&mut services.ingest).chain(&mut services.workers);
    for program in programs {
        if program.revive()? {
            log.note_revived();
        }
    }
    Ok(())
}

impl Services {
    fn get(&mut self, target: Target) -> &mut Program {
        match target {
            Target::Worker(n) => &mut self.workers[n],
            Target::Ingest | Target::RabbitMq | Target::Redis => &mut self.ingest,
        }
    }
}

/// Strikes servers and connections as planned.
pub(super) async fn strike_servers(
    servers: &mut Servers,
    links: &Links,
    plan: &[Scheduled],
    begun: Instant,
    log: &StormLog,
) -> Result<()> {
    for Scheduled { at, strike } in plan {
        sleep_until(begun + *at).await;
        let begun = Instant::now();
        strike_server(servers, links, *strike).await?;
        log.note(Struck {
            name: strike.name(),
            at: begun,
            healed: Instant::now(),
            parts_broker: strike.parts_broker(),
            fills_spool: strike.fills_spool(),
        });
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Strikes one server or connection; ends when it is healed.
async fn strike_server(servers: &mut Servers, links: &Links, strike: Strike) -> Result<()> {
    match strike {
        Strike::Kill(Target::RabbitMq, down) => {
            servers.rabbitmq.kill()?;
            sleep(down).await;
            servers.rabbitmq.restart().await?;
        }
        Strike::Freeze(Target::RabbitMq, duration) => {
            servers.rabbitmq.pause()?;
            sleep(duration).await;
            servers.rabbitmq.resume()?;
        }
        Strike::Kill(_, down) => {
            servers.redis.kill()?;
            sleep(down).await;
            servers.redis.restart().await?;
        }
        Strike::Freeze(_, duration) => {
            servers.redis.pause()?;
            sleep(duration).await;
            servers.redis.resume()?;
        }
        Strike::EmptyRedis => servers.redis.flush().await?,
        Strike::RestoreRedis(age) => restore_redis(&mut servers.redis, links, age).await?,
        Strike::Block(duration) => {
            servers.rabbitmq.set_memory_alarm(true).await?;
            sleep(duration).await;
            servers.rabbitmq.set_memory_alarm(false).await?;
        }
        Strike::FillQueue(duration) => {
            let management = servers.rabbitmq.address().management();
            let full = json!({"max-length": 0});
            management.set_policy(VHOST, WORK_QUEUE, &full).await?;
            sleep(duration).await;
            management.delete_policy(VHOST, WORK_QUEUE).await?;
        }
        Strike::KillServers(down) => {
            servers.rabbitmq.kill()?;
            servers.redis.kill()?;
            sleep(down).await;
            servers.redis.restart().await?;
            servers.rabbitmq.restart().await?;
        }
        Strike::Cut(link) => links.get(link).cut_all(),
        Strike::Stall(link, duration) => {
            links.get(link).stall(true);
            sleep(duration).await;
            links.get(link).stall(false);
        }
        Strike::Refuse(link, duration) => {
            links.get(link).refuse(true);
            links.get(link).cut_all();
            sleep(duration).await;
            links.get(link).refuse(false);
        }
        Strike::Redeploy(_) | Strike::CrampSpool(_) | Strike::KillWorkers(_) => {}
    }
    Ok(())
}

/// Puts an older copy of Redis back as `docs/OPERATIONS.md` says: no worker reaches it meanwhile, and it is declared
/// to be one, which its files do not show.
async fn restore_redis(redis: &mut Redis, links: &Links, age: Duration) -> Result<()> {
    // From now on the files are the copy.
    redis.stop_saving().await?;
    sleep(age).await;
    for link in links.to_redis() {
        link.refuse(true);
        link.cut_all();
    }
    redis.kill()?;
    redis.restart().await?;
    let mut connection = redis.connect().await?;
    redis::cmd("DEL")
        .arg(format!("{REDIS_PREFIX}:epoch"))
        .exec_async(&mut connection)
        .await
        .context("declare the older copy of Redis")?;
    for link in links.to_redis() {
        link.refuse(false);
    }
    Ok(())
}

//! What a campaign does to processes, servers and connections.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

/// A strike and its time.
#[derive(Clone, Copy, Debug)]
pub struct Scheduled {
    /// From the start. A strike whose predecessor takes longer comes after it.
    pub at: Duration,
    /// Kind of the strike.
    pub strike: Strike,
}

/// Fault of a process, a server or the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// SIGKILL, and a new start after some time.
    Kill(Target, Duration),
    /// SIGSTOP, and SIGCONT after some time.
    Freeze(Target, Duration),
    /// SIGTERM as in a deploy, and a new start at once.
    Redeploy(Target),
    /// FLUSHALL: Redis loses all it knew.
    EmptyRedis,
    /// An older copy of Redis' files is put back: it is so old when that begins.
    RestoreRedis(Duration),
    /// RabbitMQ takes nothing for some time: its memory is short.
    Block(Duration),
    /// The work queue may hold nothing for some time: what would wait in it is refused.
    FillQueue(Duration),
    /// SIGKILL of `ingest`, which then has a spool with room for next to nothing, and no broker for some time; and again,
    /// before it runs as usual.
    CrampSpool(Duration),
    /// SIGKILL of all workers at once, and a new start after some time.
    KillWorkers(Duration),
    /// SIGKILL of RabbitMQ and Redis at once, and a new start after some time.
    KillServers(Duration),
    /// All connections are reset; new ones are let through.
    Cut(Link),
    /// No byte passes for some time; none is lost.
    Stall(Link, Duration),
    /// Connections are reset and new ones refused for some time.
    Refuse(Link, Duration),
}

/// A process or server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The service that takes webhooks.
    Ingest,
    /// One of the workers.
    Worker(usize),
    /// The message broker, which all services share.
    RabbitMq,
    /// The Redis that all workers share.
    Redis,
}

/// A connection, or all of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// From the senders to `ingest`.
    Webhook,
    /// From `ingest` to RabbitMQ.
    IngestBroker,
    /// From a worker to RabbitMQ.
    WorkerBroker(usize),
    /// From a worker to Redis.
    WorkerRedis(usize),
    /// From a worker to Pipedrive.
    WorkerPipedrive(usize),
}

/// `ingest` has to start before it can refuse a sender.
const CRAMPED: Duration = Duration::from_secs(2);
/// As many as there are sorts of connections.
const LINKS: usize = 5;

impl Strike {
    /// Draws so many: one of each sort where there is room for all, the rest by chance.
    pub(super) fn draw(rng: &mut StdRng, workers: usize, count: usize) -> Vec<Self> {
        let mut strikes = Self::one_of_each(rng, workers);
        if strikes.len() > count {
            strikes.clear();
        }
        while strikes.len() < count {
            strikes.push(Self::by_chance(rng, workers));
        }
        strikes.shuffle(rng);
        strikes
    }

    fn one_of_each(rng: &mut StdRng, workers: usize) -> Vec<Self> {
        let (short, long) = times(rng);
        let worker = Target::Worker(rng.random_range(0..workers));
        let targets = [Target::RabbitMq, Target::Redis, Target::Ingest, worker];
        let links = (0..LINKS).map(|n| Link::nth(n, rng.random_range(0..workers)));
        let of_targets = targets
            .into_iter()
            .flat_map(|target| [Self::Kill(target, short), Self::Freeze(target, long)]);
        let of_links = links.flat_map(|link| {
            let stall = Self::Stall(link, link.stalled(short, long));
            [Self::Cut(link), stall, Self::Refuse(link, long)]
        });
        of_targets
            .chain([Target::Ingest, worker].map(Self::Redeploy))
            .chain(of_links)
            .chain([
                Self::EmptyRedis,
                Self::RestoreRedis(long),
                Self::Block(long),
                Self::FillQueue(long),
                Self::CrampSpool(CRAMPED + long),
                Self::KillWorkers(short),
                Self::KillServers(short),
            ])
            .collect()
    }

    fn by_chance(rng: &mut StdRng, workers: usize) -> Self {
        let worker = rng.random_range(0..workers);
        let link = Link::nth(rng.random_range(0..LINKS), worker);
        let (short, long) = times(rng);
        match rng.random_range(0..100) {
            0..5 => Self::Kill(Target::RabbitMq, short),
            5..9 => Self::Freeze(Target::RabbitMq, long),
            9..11 => Self::Block(long),
            11..13 => Self::FillQueue(long),
            13..18 => Self::Kill(Target::Redis, short),
            18..23 => Self::Freeze(Target::Redis, long),
            23..25 => Self::KillServers(short),
            25..28 => Self::EmptyRedis,
            28..30 => Self::RestoreRedis(long),
            30..37 => Self::Kill(Target::Ingest, short),
            37..42 => Self::Freeze(Target::Ingest, long),
            42..44 => Self::Redeploy(Target::Ingest),
            44 => Self::CrampSpool(CRAMPED + long),
            45..57 => Self::Kill(Target::Worker(worker), short),
            57..60 => Self::KillWorkers(short),
            60..67 => Self::Freeze(Target::Worker(worker), long),
            67..73 => Self::Redeploy(Target::Worker(worker)),
            73..85 => Self::Cut(link),
            85..95 => Self::Stall(link, link.stalled(short, long)),
            _ => Self::Refuse(link, long),
        }
    }

    /// Whether it is one against a process of ours, rather than against a server or a connection.
    #[must_use]
    pub fn is_against_process(self) -> bool {
        match self {
            Self::Kill(target, _) | Self::Freeze(target, _) | Self::Redeploy(target) => {
                matches!(target, Target::Ingest | Target::Worker(_))
            }
            Self::CrampSpool(_) | Self::KillWorkers(_) => true,
            Self::EmptyRedis
            | Self::RestoreRedis(_)
            | Self::Block(_)
            | Self::FillQueue(_)
            | Self::KillServers(_)
            | Self::Cut(_)
            | Self::Stall(..)
            | Self::Refuse(..) => false,
        }
    }

    /// Whether `ingest` cannot reach its broker meanwhile.
    pub(super) fn parts_broker(self) -> bool {
        match self {
            Self::Kill(target, _) | Self::Freeze(target, _) => target == Target::RabbitMq,
            Self::Stall(link, _) | Self::Refuse(link, _) => link == Link::IngestBroker,
            Self::CrampSpool(_) | Self::Block(_) | Self::KillServers(_) => true,
            // A full queue takes what a worker takes from it at once.
            Self::FillQueue(_)
            | Self::Redeploy(_)
            | Self::EmptyRedis
            | Self::RestoreRedis(_)
            | Self::KillWorkers(_)
            | Self::Cut(_) => false,
        }
    }

    /// Whether `ingest` has to send senders away meanwhile.
    pub(super) fn fills_spool(self) -> bool {
        matches!(self, Self::CrampSpool(_))
    }

    /// The sort, as reports count it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Kill(target, _) => format!("SIGKILL {}", target.name()),
            Self::Freeze(target, _) => format!("SIGSTOP, SIGCONT {}", target.name()),
            Self::Redeploy(target) => format!("SIGTERM {}", target.name()),
            Self::EmptyRedis => "FLUSHALL Redis".to_owned(),
            Self::RestoreRedis(_) => "older copy of Redis put back".to_owned(),
            Self::Block(_) => "memory alarm RabbitMQ".to_owned(),
            Self::FillQueue(_) => "work queue full".to_owned(),
            Self::CrampSpool(_) => "spool full, RabbitMQ refused".to_owned(),
            Self::KillWorkers(_) => "SIGKILL all workers".to_owned(),
            Self::KillServers(_) => "SIGKILL RabbitMQ and Redis".to_owned(),
            Self::Cut(link) => format!("cut {}", link.name()),
            Self::Stall(link, _) => format!("stall {}", link.name()),
            Self::Refuse(link, _) => format!("refuse {}", link.name()),
        }
    }
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker(_) => "worker",
            Self::RabbitMq => "RabbitMQ",
            Self::Redis => "Redis",
        }
    }
}

/// Freezes and stalls end long before a lease does (28 s), and those of Pipedrive's link before `settle_time`: what
/// happens beyond these is the remainder that `docs/RELIABILITY.md` states, not a finding.
fn times(rng: &mut StdRng) -> (Duration, Duration) {
    let short = Duration::from_millis(rng.random_range(200..1_500));
    let long = Duration::from_millis(rng.random_range(500..4_000));
    (short, long)
}

impl Link {
    fn nth(n: usize, worker: usize) -> Self {
        match n {
            0 => Self::Webhook,
            1 => Self::IngestBroker,
            2 => Self::WorkerBroker(worker),
            3 => Self::WorkerRedis(worker),
            _ => Self::WorkerPipedrive(worker),
        }
    }

    /// How long it may be stalled.
    fn stalled(self, short: Duration, long: Duration) -> Duration {
        if matches!(self, Self::WorkerPipedrive(_)) {
            short
        } else {
            long
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Webhook => "sender – ingest",
            Self::IngestBroker => "ingest – RabbitMQ",
            Self::WorkerBroker(_) => "worker – RabbitMQ",
            Self::WorkerRedis(_) => "worker – Redis",
            Self::WorkerPipedrive(_) => "worker – Pipedrive",
        }
    }
}

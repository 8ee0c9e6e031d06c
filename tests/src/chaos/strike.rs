//! What a campaign does to processes, servers and connections.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// A strike and its time.
#[derive(Clone, Copy, Debug)]
pub struct Scheduled {
    /// From the start. A strike whose predecessor takes longer comes after it.
    pub at: Duration,
    /// What.
    pub strike: Strike,
}

/// One strike.
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
    /// The broker.
    RabbitMq,
    /// Redis.
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

impl Strike {
    /// Draws one.
    ///
    /// Freezes and stalls end long before a lease does (26 s), and those of Pipedrive's link before `settle_time`: what
    /// happens beyond these is the remainder that `docs/RELIABILITY.md` states, not a finding.
    pub(super) fn draw(rng: &mut StdRng, workers: usize) -> Self {
        let worker = rng.random_range(0..workers);
        let link = *[
            Link::Webhook,
            Link::IngestBroker,
            Link::WorkerBroker(worker),
            Link::WorkerRedis(worker),
            Link::WorkerPipedrive(worker),
        ]
        .choose(rng)
        .expect("there are five");
        let short = Duration::from_millis(rng.random_range(200..1_500));
        let long = Duration::from_millis(rng.random_range(500..4_000));
        let stalled = if matches!(link, Link::WorkerPipedrive(_)) {
            short
        } else {
            long
        };
        match rng.random_range(0..100) {
            0..6 => Self::Kill(Target::RabbitMq, short),
            6..11 => Self::Freeze(Target::RabbitMq, long),
            11..18 => Self::Kill(Target::Redis, short),
            18..24 => Self::Freeze(Target::Redis, long),
            24..29 => Self::EmptyRedis,
            29..37 => Self::Kill(Target::Ingest, short),
            37..42 => Self::Freeze(Target::Ingest, long),
            42..45 => Self::Redeploy(Target::Ingest),
            45..60 => Self::Kill(Target::Worker(worker), short),
            60..67 => Self::Freeze(Target::Worker(worker), long),
            67..73 => Self::Redeploy(Target::Worker(worker)),
            73..85 => Self::Cut(link),
            85..95 => Self::Stall(link, stalled),
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
            Self::EmptyRedis | Self::Cut(_) | Self::Stall(..) | Self::Refuse(..) => false,
        }
    }

    /// Whether `ingest` cannot reach its broker meanwhile.
    pub(super) fn parts_broker(self) -> bool {
        match self {
            Self::Kill(target, _) | Self::Freeze(target, _) => target == Target::RabbitMq,
            Self::Stall(link, _) | Self::Refuse(link, _) => link == Link::IngestBroker,
            Self::Redeploy(_) | Self::EmptyRedis | Self::Cut(_) => false,
        }
    }

    /// The sort, as reports count it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Kill(target, _) => format!("SIGKILL {}", target.name()),
            Self::Freeze(target, _) => format!("SIGSTOP, SIGCONT {}", target.name()),
            Self::Redeploy(target) => format!("SIGTERM {}", target.name()),
            Self::EmptyRedis => "FLUSHALL Redis".to_owned(),
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

impl Link {
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

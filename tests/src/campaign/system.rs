//! The bridge as it runs in production, of processes and servers, with a breakable network between all of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use shared::broker::topology;
use shared::config::RetryDelay;
use url::Url;

use super::credential;
use super::genesys_access;
use super::numbers::{self, Holders, Number};
use super::plan::Plan;
use super::program::Program;
use super::strike::Link;
use crate::bridge::WEBHOOK_TOKEN;
use crate::sandbox::genesys;
use crate::sandbox::pipedrive::{
    Behaviour, Control, NewPerson, Sandbox, SandboxConfig, SearchMode,
};
use crate::servers::{
    CutProxy, Management, RabbitMq, RabbitMqOptions, Redis, RedisOptions, free_ports, wait_until,
};

/// The retry queues: short, so that a campaign of minutes sees every delay many times.
pub(super) const RETRY_DELAYS: [&str; 4] = ["500ms", "1s", "2s", "5s"];
/// What the bridge's keys in Redis begin with.
pub(super) const REDIS_PREFIX: &str = "chaos";
/// How long one request to Pipedrive may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// As long as the settings allow for that with an app: four times it, and 20 s.
const LEASE: Duration = Duration::from_secs(28);
/// Longer than the sandbox and the network together hold an effect back: 1.2 s, 0.8 s and 1.5 s.
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// How long workers wait for the search index: longer than [`INDEX_LAG`].
const SEARCH_LAG: Duration = Duration::from_secs(4);
/// How long agents' legs wait for the end of the customer's session: less than the events of some conversations take.
const LEGS_WAIT: Duration = Duration::from_secs(6);
/// How long the sandbox's search does not know a new person.
const INDEX_LAG: Duration = Duration::from_millis(1_500);
/// The type of activities for chats.
pub(super) const CHAT_TYPE: &str = "chat";
/// The metric of what waits in the spool.
const SPOOLED: &str = "bridge_ingest_spool_messages ";
/// How many bytes the spool may hold: as many as it may by default, and a handful of events.
pub(super) const USUAL_ROOM: u64 = 256 * 1024 * 1024;
pub(super) const LITTLE_ROOM: u64 = 5_000;
/// Debug builds on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// All of it. Dropping it ends it.
pub(super) struct System {
    pub(super) sandbox: Sandbox,
    /// Genesys, where the workers ask it.
    pub(super) genesys: Option<genesys::Sandbox>,
    pub(super) servers: Servers,
    pub(super) services: Services,
    pub(super) links: Links,
    pub(super) management: Management,
    pub(super) webhook_url: String,
    /// Of `ingest` itself, past the network that breaks.
    ingest: SocketAddr,
}

/// What the bridge stands on.
pub(super) struct Servers {
    pub(super) rabbitmq: RabbitMq,
    pub(super) redis: Redis,
}

/// Processes of the bridge.
pub(super) struct Services {
    pub(super) ingest: Program,
    pub(super) workers: Vec<Program>,
}

/// Every connection there is, through a proxy each.
pub(super) struct Links {
    webhook: CutProxy,
    ingest_broker: CutProxy,
    workers: Vec<WorkerLinks>,
}

struct WorkerLinks {
    broker: CutProxy,
    redis: CutProxy,
    pipedrive: CutProxy,
}

impl Links {
    pub(super) fn get(&self, link: Link) -> &CutProxy {
        match link {
            Link::Webhook => &self.webhook,
            Link::IngestBroker => &self.ingest_broker,
            Link::WorkerBroker(n) => &self.workers[n].broker,
            Link::WorkerRedis(n) => &self.workers[n].redis,
            Link::WorkerPipedrive(n) => &self.workers[n].pipedrive,
        }
    }

    /// Those of all workers to Redis.
    pub(super) fn to_redis(&self) -> impl Iterator<Item = &CutProxy> {
        self.workers.iter().map(|worker| &worker.redis)
    }
}

impl System {
    /// Starts everything in a folder, where all logs go, and waits until webhooks are taken.
    pub(super) async fn start(folder: &Path, workers: usize, plan: &Plan) -> Result<Self> {
        let binaries = copy_binaries(folder)?;
        let options = RabbitMqOptions::default();
        let rabbitmq = RabbitMq::start(&folder.join("rabbitmq"), &options).await?;
        let redis = Redis::start(&folder.join("redis"), &RedisOptions::default()).await?;
        let sandbox = Sandbox::spawn(SandboxConfig {
            behaviour: Behaviour {
                search_lag: INDEX_LAG,
                search_mode: if plan.blind_search {
                    SearchMode::Blind
                } else {
                    SearchMode::default()
                },
                ..Behaviour::default()
            },
            log_capacity: 10_000_000,
            oauth: credential::app(),
            ..SandboxConfig::default()
        });
        populate(&sandbox, plan);

        let [port] = free_ports()?;
        let ingest_address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (broker, store) = (rabbitmq.address().url(), redis.url());
        let mut links = Links {
            webhook: CutProxy::start(ingest_address.to_string()).await?,
            ingest_broker: proxy(broker).await?,
            workers: Vec::new(),
        };
        let mut common = settings();
        let mode = if plan.has_directory { "on" } else { "off" };
        common.push(variable("DIRECTORY__MODE", mode));
        common.extend(waits(plan.settle_delay));
        let mut variables = common.clone();
        variables.push(variable("INGEST__LISTEN", &ingest_address));
        variables.push(variable(
            "BROKER__URL",
            &through(broker, &links.ingest_broker)?,
        ));
        let spool = folder.join("spool.sqlite");
        variables.push(variable("INGEST__SPOOL__PATH", &spool.display()));
        variables.push(spool_room(USUAL_ROOM));
        let log = folder.join("ingest.log");
        let ingest = Program::start(binaries.ingest, variables, log)?;

        let genesys = plan
            .has_genesys
            .then(|| genesys::Sandbox::spawn(&genesys_access::config()));
        if let Some(genesys) = &genesys {
            common.extend(genesys_access::variables(&genesys.base_url()));
        }
        let mut services = Services {
            ingest,
            workers: Vec::new(),
        };
        for n in 0..workers {
            let pipedrive = Url::parse(&sandbox.base_url())?;
            let worker = WorkerLinks {
                broker: proxy(broker).await?,
                redis: proxy(store).await?,
                pipedrive: proxy(&pipedrive).await?,
            };
            let pipedrive = through(&pipedrive, &worker.pipedrive)?;
            let mut variables = common.clone();
            variables.extend([
                variable("BROKER__URL", &through(broker, &worker.broker)?),
                variable("REDIS__URL", &through(store, &worker.redis)?),
                variable("PIPEDRIVE__BASE_URL", &pipedrive),
            ]);
            variables.extend(plan.credential.variables(&sandbox.control(), &pipedrive));
            links.workers.push(worker);
            let log = folder.join(format!("worker-{n}.log"));
            let program = Program::start(binaries.worker.clone(), variables, log)?;
            services.workers.push(program);
        }
        wait_ready(ingest_address).await?;
        rabbitmq.note_queues().await?;
        Ok(Self {
            management: rabbitmq.address().management(),
            webhook_url: format!("http://{}/api/v1/genesys/webhook", links.webhook.address()),
            ingest: ingest_address,
            sandbox,
            genesys,
            servers: Servers { rabbitmq, redis },
            services,
            links,
        })
    }

    pub(super) fn pipedrive(&self) -> Control {
        self.sandbox.control()
    }

    /// Number of events in the spool of `ingest`, if it answers.
    pub(super) async fn spooled(&self) -> Option<u64> {
        let answer = reqwest::get(format!("http://{}/metrics", self.ingest)).await;
        let text = answer.ok()?.text().await.ok()?;
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(SPOOLED)?.trim().parse().ok())
    }
}

/// The queues that must be empty in the end.
pub(super) fn working_queues() -> Vec<String> {
    let delays = RETRY_DELAYS
        .iter()
        .filter_map(|delay| RetryDelay::parse(delay).ok());
    let retry = delays.map(|delay| topology::retry_queue(&delay));
    std::iter::once(topology::WORK_QUEUE.to_owned())
        .chain(retry)
        .collect()
}

struct Binaries {
    ingest: PathBuf,
    worker: PathBuf,
}

/// The services beside this program. Copies, so that a build in between does not change what is tested.
fn copy_binaries(folder: &Path) -> Result<Binaries> {
    let beside = std::env::current_exe().context("find this program")?;
    let copy = |name: &str| {
        let (from, to) = (beside.with_file_name(name), folder.join(name));
        std::fs::copy(&from, &to)
            .with_context(|| format!("{} is missing: cargo build --bins", from.display()))?;
        Ok::<_, anyhow::Error>(to)
    };
    Ok(Binaries {
        ingest: copy("ingest")?,
        worker: copy("worker")?,
    })
}

/// Settings of both services.
fn settings() -> Vec<(String, String)> {
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    vec![
        variable("INGEST__AUTH__TOKENS", &WEBHOOK_TOKEN),
        variable("INGEST__RETRY_AFTER", "1s"),
        variable("WORKER__LISTEN", "127.0.0.1:0"),
        variable("WORKER__LEASE", &seconds(LEASE)),
        variable("REDIS__PREFIX", REDIS_PREFIX),
        variable("RETRY__DELAYS", &RETRY_DELAYS.join(",")),
        variable("PIPEDRIVE__CHAT_TYPE", CHAT_TYPE),
        variable("PIPEDRIVE__REQUESTS_PER_2S", &4000),
        variable("PIPEDRIVE__SEARCHES_PER_2S", &1000),
        variable("PIPEDRIVE__DAILY_TOKENS", &1_000_000_000),
        variable("PIPEDRIVE__REQUEST_TIMEOUT", &seconds(REQUEST_TIMEOUT)),
        variable("PIPEDRIVE__SETTLE_TIME", &seconds(SETTLE_TIME)),
        variable("PIPEDRIVE__SEARCH_LAG", &seconds(SEARCH_LAG)),
        variable("PIPEDRIVE__PROBE_INTERVAL", "500ms"),
    ]
}

/// How long records wait for the other events of their conversations.
fn waits(settle_delay: Duration) -> [(String, String); 2] {
    let legs_wait = settle_delay.max(LEGS_WAIT);
    [
        variable(
            "GENESYS__SETTLE_DELAY",
            &format!("{}s", settle_delay.as_secs()),
        ),
        variable("GENESYS__LEGS_WAIT", &format!("{}s", legs_wait.as_secs())),
    ]
}

pub(super) fn spool_room(bytes: u64) -> (String, String) {
    variable("INGEST__SPOOL__MAX_BYTES", &bytes)
}

pub(super) fn variable(name: &str, value: &(impl ToString + ?Sized)) -> (String, String) {
    (format!("BRIDGE__{name}"), value.to_string())
}

/// The type of chats, and the people who are in the CRM before; every tenth number has a deal.
fn populate(sandbox: &Sandbox, plan: &Plan) {
    sandbox.add_activity_type("Chat", CHAT_TYPE);
    for (n, (number, holders)) in plan.known.iter().enumerate() {
        let first = add_holders(sandbox, n, *number, *holders);
        if n % 10 == 0 {
            sandbox.add_deal(&format!("Deal {n}"), first);
        }
    }
    for (n, number) in numbers::suppliers().enumerate() {
        sandbox.add_person(&format!("Supplier {n}"), &[&number.typed()]);
    }
}

/// The people who have a number; the first of them.
fn add_holders(sandbox: &Sandbox, n: usize, number: Number, holders: Holders) -> i64 {
    let named = |who: &str| NewPerson::named(&format!("{who} {n}")).phone(&number.typed());
    let organization = || sandbox.add_organization(&format!("Organisation {n}"));
    let (first, second) = match holders {
        Holders::One => return sandbox.add(named("Known")),
        Holders::Colleagues => {
            let both = organization();
            (both, both)
        }
        Holders::Unrelated => (organization(), organization()),
    };
    let id = sandbox.add(named("Known").of(first));
    sandbox.add(named("Also known").of(second));
    id
}

async fn proxy(url: &Url) -> Result<CutProxy> {
    let target = url.host_str().zip(url.port());
    let (host, port) = target.context("an address has host and port")?;
    CutProxy::start(format!("{host}:{port}")).await
}

fn through(url: &Url, proxy: &CutProxy) -> Result<Url> {
    let mut url = url.clone();
    let set = url.set_port(Some(proxy.address().port()));
    set.map_err(|()| anyhow::anyhow!("{url} has no port"))?;
    Ok(url)
}

async fn wait_ready(ingest: SocketAddr) -> Result<()> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .build()?;
    wait_until("readiness of ingest", START_TIMEOUT, async || {
        let url = format!("http://{ingest}/health/ready");
        let status = client.get(url).send().await?.status();
        ensure!(status.is_success(), "{status}");
        Ok(())
    })
    .await
}

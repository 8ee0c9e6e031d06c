//! The whole bridge on this machine: servers, sandbox, `ingest` and `worker`, and what happens in it.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{collections::BTreeSet, fs, io::Write as _};

use anyhow::{Context as _, Result, ensure};
use redis::AsyncCommands as _;
use serde_json::Value;
use shared::broker::topology;
use uuid::Uuid;

use super::child::{Service, beside_us};
use super::enriched;
use super::outcome::{Attached, Landed, Letter, Seen, check};
use super::scene::Scene;
use crate::bridge::Answer;
use crate::sandbox::genesys::{Sandbox as Genesys, SandboxConfig as GenesysConfig};
use crate::sandbox::pipedrive::{Limits, Plan, Sandbox, SandboxConfig};
use crate::servers::{
    Environment, Management, QueuedMessage, Scratch, Vhost, free_ports, wait_until,
};

/// Token that webhooks of the demonstration carry.
pub const TOKEN: &str = "demo-token";
/// How long an accepted event may take to its end; the longest is retried once, after two seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at records that are completed.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// For one request of ours.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The running bridge. Dropping it kills what it started; [`Stage::stop`] lets it end in good order.
pub struct Stage {
    /// Sandbox that stands in for Pipedrive.
    pub sandbox: Sandbox,
    /// Where `ingest` takes webhooks on this machine.
    pub ingest_url: String,
    /// Where the worker's health and metrics are.
    pub worker_url: String,
    http: reqwest::Client,
    ingest: Service,
    worker: Service,
    /// The people who were there before.
    known: BTreeSet<i64>,
    accepted: usize,
    settings: Vec<(&'static str, String)>,
    genesys: Option<Genesys>,
    redis_prefix: String,
    vhost: Vhost,
    scratch: Scratch,
    /// Dropped last: the others use its servers.
    environment: Environment,
}

impl Stage {
    /// Starts everything, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When a part does not start.
    pub async fn set_up() -> Result<Self> {
        let environment = Environment::from_env_or_start().await?;
        let vhost = environment.broker().create_vhost().await?;
        let limits = Limits::of_plan(Plan::Lite);
        let sandbox = Sandbox::spawn(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        });
        sandbox.seed_demo_data();
        let known = sandbox.persons().iter().map(|person| person.id).collect();
        let scratch = Scratch::create()?;
        let redis_prefix = format!("demo-{}", Uuid::new_v4().simple());
        let [ingest_port, worker_port] = free_ports()?;
        let settings = settings(&environment, &vhost, &sandbox, &redis_prefix);
        write_settings(&scratch, &settings)?;

        eprintln!("Starting ingest and worker.");
        let start = |name, more: &[(&'static str, String)]| {
            Service::start(name, &[&settings[..], more].concat(), scratch.path())
        };
        let mut ingest = start(
            "ingest",
            &[
                ("BRIDGE__INGEST__LISTEN", format!("127.0.0.1:{ingest_port}")),
                ("BRIDGE__INGEST__AUTH__TOKENS", TOKEN.to_owned()),
            ],
        )?;
        let listen = format!("127.0.0.1:{worker_port}");
        let mut worker = start("worker", &[("BRIDGE__WORKER__LISTEN", listen.clone())])?;
        let settings = [&settings[..], &[("BRIDGE__WORKER__LISTEN", listen)]].concat();
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        let ingest_url = format!("http://127.0.0.1:{ingest_port}");
        let worker_url = format!("http://127.0.0.1:{worker_port}");
        ingest.wait_ready(&http, &ingest_url).await?;
        worker.wait_ready(&http, &worker_url).await?;
        Ok(Self {
            sandbox,
            ingest_url,
            worker_url,
            http,
            ingest,
            worker,
            known,
            accepted: 0,
            settings,
            genesys: None,
            redis_prefix,
            vhost,
            scratch,
            environment,
        })
    }

    /// Posts the bodies of scenes, and waits until every accepted one has come to its end.
    ///
    /// # Errors
    ///
    /// When `ingest` does not answer, or the worker does not finish.
    pub async fn play(&mut self, scenes: &[Scene]) -> Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for scene in scenes {
            if let Some(rule) = &scene.trouble {
                self.sandbox.add_fault(rule.clone());
            }
            let mut answers = Vec::new();
            for body in &scene.bodies {
                let token = if scene.is_authentic {
                    TOKEN
                } else {
                    "a-wrong-token"
                };
                answers.push(self.post(body.clone(), token).await?);
            }
            self.accepted += answers
                .iter()
                .filter(|answer| answer.body["status"] == "accepted")
                .count();
            if scene.trouble.is_some() {
                self.wait_until_settled().await?;
            }
            seen.push(Seen {
                answers,
                ..Seen::default()
            });
        }
        self.wait_until_settled().await?;
        self.look(scenes, &mut seen).await?;
        Ok(seen)
    }

    /// Starts the worker anew with access to Genesys, posts the bodies of scenes, and waits until their records are complete:
    /// what Genesys does not have at once comes later.
    ///
    /// # Errors
    ///
    /// When the worker does not start, or `ingest` does not answer.
    pub async fn play_with_genesys(&mut self) -> Result<(Vec<Scene>, Vec<Seen>)> {
        let genesys = Genesys::spawn(&GenesysConfig::default());
        let scenes = enriched::scenes(&genesys, &self.sandbox);
        let persons = self.sandbox.persons();
        self.known.extend(persons.iter().map(|person| person.id));
        let access = with_genesys(&genesys.base_url());
        self.genesys = Some(genesys);
        let settings = [&self.settings[..], &access].concat();
        self.worker.stop().await?;
        self.worker = Service::start("worker", &settings, self.scratch.path())?;
        self.worker.wait_ready(&self.http, &self.worker_url).await?;
        let mut seen = Vec::new();
        for scene in &scenes {
            let mut answers = Vec::new();
            for body in &scene.bodies {
                answers.push(self.post(body.clone(), TOKEN).await?);
            }
            seen.push(Seen {
                answers,
                ..Seen::default()
            });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.look(&scenes, &mut seen).await?;
            let are_right = scenes
                .iter()
                .zip(&seen)
                .all(|(scene, seen)| check(&scene.expected, seen).is_ok());
            if are_right || Instant::now() > deadline {
                return Ok((scenes, seen));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes down what became of scenes by now.
    async fn look(&self, scenes: &[Scene], seen: &mut [Seen]) -> Result<()> {
        let letters = self
            .management()
            .get_messages(self.vhost.name(), topology::DEAD_LETTER_QUEUE, 100)
            .await?;
        for (scene, seen) in scenes.iter().zip(seen) {
            seen.activities = self.activities_of(scene.interaction);
            seen.letters = letters
                .iter()
                .filter(|letter| is_about(letter, scene.interaction))
                .map(letter)
                .collect();
        }
        Ok(())
    }

    async fn post(&self, body: Vec<u8>, token: &str) -> Result<Answer> {
        let url = format!("{}/api/v1/genesys/webhook", self.ingest_url);
        let request = self.http.post(url).bearer_auth(token).body(body);
        let answer = request
            .send()
            .await
            .context("ingest does not answer a webhook")?;
        let status = answer.status().as_u16();
        Ok(Answer {
            status,
            body: answer.json().await.unwrap_or(Value::Null),
        })
    }

    /// Waits until the worker has brought as many messages to an end as were accepted.
    async fn wait_until_settled(&self) -> Result<()> {
        let awaited = format!("the end of {} accepted events", self.accepted);
        let metrics = format!("{}/metrics", self.worker_url);
        let settled = wait_until(&awaited, PATIENCE, async || {
            let page = self.http.get(&metrics).send().await?.text().await?;
            let settled = settled_messages(&page);
            ensure!(
                settled >= self.accepted,
                "{settled} have come to their end so far"
            );
            Ok(())
        });
        settled
            .await
            .with_context(|| format!("the worker said:\n{}", self.worker.last_words()))
    }

    fn activities_of(&self, interaction: &str) -> Vec<Landed> {
        let marker = format!("Genesys interaction {interaction}");
        let (persons, deals) = (self.sandbox.persons(), self.sandbox.deals());
        let users = self.sandbox.users();
        let ours = self.sandbox.activities().into_iter().filter(|activity| {
            let note = activity.note.as_deref().unwrap_or_default();
            !interaction.is_empty() && note.contains(&marker)
        });
        ours.map(|activity| {
            let person = persons
                .iter()
                .find(|person| Some(person.id) == activity.person_id);
            let deal = deals.iter().find(|deal| Some(deal.id) == activity.deal_id);
            Landed {
                id: activity.id,
                note: activity.note.unwrap_or_default(),
                person: person.map(|person| Attached {
                    name: person.name.clone(),
                    phone: person
                        .phones
                        .first()
                        .map(|phone| phone.value.clone())
                        .unwrap_or_default(),
                    is_new: !self.known.contains(&person.id),
                }),
                deal: deal.map(|deal| deal.title.clone()),
                owner: users
                    .iter()
                    .skip(1)
                    .find(|user| user.id == activity.owner_id)
                    .map(|user| user.name.clone()),
            }
        })
        .collect()
    }

    /// The broker, as its management UI sees it.
    #[must_use]
    pub fn management(&self) -> Management {
        self.environment.broker().management()
    }

    /// Virtual host of RabbitMQ that the demonstration uses.
    #[must_use]
    pub fn vhost(&self) -> &str {
        self.vhost.name()
    }

    /// The address of RabbitMQ's management UI, with credentials.
    #[must_use]
    pub fn management_url(&self) -> &url::Url {
        self.environment.broker().management_url()
    }

    /// The command that replays dead letters, with its settings.
    ///
    /// # Errors
    ///
    /// When the worker's program is gone.
    pub fn replay_command(&self) -> Result<String> {
        let settings = settings_file(&self.scratch);
        let worker = beside_us("worker")?;
        Ok(format!(
            "env $(cat {}) {} replay",
            settings.display(),
            worker.display()
        ))
    }

    /// The folder of the services' logs.
    #[must_use]
    pub fn logs(&self) -> &std::path::Path {
        self.scratch.path()
    }

    /// Stops everything in good order, and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// When something does not stop, or cannot be tidied up.
    pub async fn stop(mut self) -> Result<()> {
        let services = [
            self.ingest.stop().await,
            self.worker.stop().await,
            forget(self.environment.redis_url(), &self.redis_prefix).await,
        ];
        services.into_iter().collect()
    }
}

/// Settings of both services. The retry delays are short, so that the demo need not wait for them.
fn settings(
    environment: &Environment,
    vhost: &Vhost,
    sandbox: &Sandbox,
    redis_prefix: &str,
) -> Vec<(&'static str, String)> {
    vec![
        ("BRIDGE__LOG__FORMAT", "text".to_owned()),
        ("BRIDGE__BROKER__URL", vhost.amqp_url().to_string()),
        ("BRIDGE__RETRY__DELAYS", "2s,10s,1m".to_owned()),
        ("BRIDGE__GENESYS__SETTLE_DELAY", "2s".to_owned()),
        ("BRIDGE__REDIS__URL", environment.redis_url().to_string()),
        ("BRIDGE__REDIS__PREFIX", redis_prefix.to_owned()),
        ("BRIDGE__PIPEDRIVE__BASE_URL", sandbox.base_url()),
        ("BRIDGE__PIPEDRIVE__API_TOKEN", sandbox.api_token()),
        ("BRIDGE__PIPEDRIVE__CHAT_TYPE", "chat".to_owned()),
        ("BRIDGE__PIPEDRIVE__SETTLE_TIME", "1s".to_owned()),
    ]
}

/// Access to a sandbox of Genesys, which is asked for summaries too.
fn with_genesys(url: &str) -> Vec<(&'static str, String)> {
    let client = GenesysConfig::default();
    let link = "https://apps.example.invalid/directory/#/analytics/interactions/{id}/admin";
    vec![
        ("BRIDGE__GENESYS__API_URL", url.to_owned()),
        ("BRIDGE__GENESYS__LOGIN_URL", url.to_owned()),
        ("BRIDGE__GENESYS__CLIENT_ID", client.client_id),
        ("BRIDGE__GENESYS__CLIENT_SECRET", client.client_secret),
        ("BRIDGE__GENESYS__INTERACTION_URL", link.to_owned()),
        ("BRIDGE__GENESYS__SUMMARY", "true".to_owned()),
    ]
}

fn settings_file(scratch: &Scratch) -> PathBuf {
    scratch.path().join("worker.env")
}

/// Writes the settings for `worker replay`, readable by us alone: they hold the credentials of the servers.
fn write_settings(scratch: &Scratch, settings: &[(&'static str, String)]) -> Result<()> {
    let path = settings_file(scratch);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("create {}", path.display()))?;
    for (variable, value) in settings {
        writeln!(file, "{variable}={value}")?;
    }
    Ok(())
}

/// Messages that ended, by the worker's own count: all outcomes but those after which a message comes again.
fn settled_messages(metrics: &str) -> usize {
    let outcomes = metrics
        .lines()
        .filter(|line| line.starts_with("bridge_worker_messages_total{"))
        .filter(|line| {
            !["retried", "parked"]
                .iter()
                .any(|again| line.contains(again))
        });
    outcomes
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok())
        .sum()
}

fn is_about(letter: &QueuedMessage, interaction: &str) -> bool {
    letter
        .property("message_id")
        .is_some_and(|id| id == interaction)
}

fn letter(message: &QueuedMessage) -> Letter {
    let header = |name| {
        message
            .header(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Letter {
        class: header("x-failure-class"),
        reason: header("x-failure-reason"),
        detail: header("x-failure-detail"),
    }
}

/// Deletes what the worker wrote into Redis: it may be one that others use.
async fn forget(url: &url::Url, prefix: &str) -> Result<()> {
    let client = redis::Client::open(url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let keys: Vec<String> = {
        let mut found = connection.scan_match(format!("{prefix}:*")).await?;
        let mut keys = Vec::new();
        while let Some(key) = found.next_item().await {
            keys.push(key?);
        }
        keys
    };
    for key in keys {
        let _: usize = connection.unlink(key).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retried_message_has_not_ended() {
        let page = "# TYPE bridge_worker_messages_total counter\n\
                    bridge_worker_messages_total{outcome=\"created\"} 3\n\
                    bridge_worker_messages_total{outcome=\"retried\"} 4\n\
                    bridge_worker_messages_total{outcome=\"dead_lettered\"} 1\n\
                    bridge_worker_retries_total{delay=\"2s\"} 4\n";
        assert_eq!(settled_messages(page), 4);
    }
}

//! The campaign behind `make chaos`: the real services as processes, the real servers, a network that breaks, a Pipedrive
//! that misbehaves, and thousands of interactions; then the check of the whole history.
//!
//! All choices are drawn from a seed before anything runs ([`plan`]). How processes and servers then interleave is the
//! machine's doing: the same seed gives the same storm, not the same run.

pub mod credential;
mod event;
mod genesys;
mod genesys_access;
mod machine;
mod misbehaviour;
pub mod mishap;
mod numbers;
mod outcome;
pub mod plan;
mod program;
mod progress;
mod pulse;
mod report;
mod senders;
mod storm;
pub mod strike;
mod system;
mod truth;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::mishap::Mishaps;
use self::outcome::Outcome;
use self::plan::{Plan, Size};
use self::progress::Progress;
use self::pulse::Pulse;
use self::senders::Answers;
use self::storm::StormLog;
use self::system::System;
use self::truth::Sources;
use crate::history::{self, History, Verdict};

/// How long all must be idle to be called so: longer than the latest effect, and than the counts of the broker are old.
const IDLE_FOR: Duration = Duration::from_secs(8);
const SETTLE_POLL: Duration = Duration::from_secs(2);

/// What a campaign is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of every random choice.
    pub seed: u64,
    /// Numbers of interactions and faults.
    pub size: Size,
    /// How long after the storm everything must be settled.
    pub patience: Duration,
    /// Whether the sandbox misbehaves.
    pub misbehaves: bool,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// The command line, for the report.
    pub command: String,
}

/// Runs a campaign; whether the promise was kept.
///
/// # Errors
///
/// When the campaign itself cannot be run: then nothing is known of the promise.
pub async fn run(options: &Options) -> Result<bool> {
    let plan = plan::draw(options.seed, options.size);
    let folder = std::env::temp_dir().join(format!("bridge-chaos-{}", Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let context = || format!("the campaign stopped; its logs are in {}", folder.display());
    let outcome = campaign(options, &plan, &folder)
        .await
        .with_context(context)?;
    let text = report::render(options, &plan, &outcome);
    println!("{text}");
    if let Some(path) = &options.report {
        let parent = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent)?;
        std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
    }
    let is_kept = outcome.problems().is_empty();
    if is_kept {
        std::fs::remove_dir_all(&folder).ok();
    } else {
        for problem in outcome.problems().iter().take(10) {
            eprintln!("{problem}");
        }
        eprintln!(
            "{} violations; all of them, the logs and Pipedrive's truth are in {}",
            outcome.problems().len(),
            folder.display()
        );
    }
    Ok(is_kept)
}

fn announce(options: &Options, plan: &Plan, folder: &Path) {
    eprintln!(
        "Seed {}: {} interactions in {} events, {} faults, {}. Logs in {}. Starting RabbitMQ and Redis.",
        options.seed,
        options.size.interactions,
        plan.events.len(),
        options.size.strikes,
        progress::minutes(options.size.duration),
        folder.display(),
    );
}

async fn campaign(options: &Options, plan: &Plan, folder: &Path) -> Result<Outcome> {
    announce(options, plan, folder);
    let mut system = System::start(folder, options.size.workers, plan).await?;
    let machine = machine::Machine::look(&system).await?;
    let pipedrive = system.pipedrive();
    let known: BTreeSet<i64> = pipedrive.persons().iter().map(|person| person.id).collect();
    let deals = truth::deals(&pipedrive);

    let (pulse, storm, mishaps) = <(Pulse, StormLog, Mishaps)>::default();
    let start = shared::clock::now();
    let answers = Answers::new(plan, start);
    if let Some(genesys) = &system.genesys {
        genesys::fill(genesys, plan, start);
    }
    let begun = Instant::now();
    let progress = Progress {
        answers: answers.clone(),
        pulse: pulse.clone(),
        storm: storm.clone(),
        management: system.management.clone(),
        posts: plan.posts.len(),
        strikes: options.size.strikes,
        begun,
        duration: plan
            .posts
            .last()
            .map_or(options.size.duration, |last| last.at),
    };
    if options.misbehaves {
        misbehaviour::begin(&pipedrive, options.seed);
    }
    let work = async {
        let genesys = system.genesys.as_ref();
        let genesys = genesys.map(crate::sandbox::genesys::Sandbox::control);
        let failing = async {
            match genesys.as_ref().filter(|_| options.misbehaves) {
                Some(genesys) => {
                    genesys::trouble(genesys, options.seed, begun + options.size.duration).await
                }
                None => 0,
            }
        };
        let raging = rage(&mut system, plan, &answers, &storm, &mishaps, start, begun);
        let (raged, troubles) = tokio::join!(raging, failing);
        raged?;
        let stormed = begun.elapsed();
        let sources = Sources {
            answers: &answers,
            known: &known,
            deals: &deals,
            deletions: &mishaps.deletions,
        };
        let (history, verdict, missing) =
            settle(&mut system, &sources, &storm, options.patience).await?;
        let asked = genesys.map_or(0, |genesys| genesys.counts().values().sum());
        Ok::<_, anyhow::Error>((stormed, history, verdict, missing, (asked, troubles)))
    };
    let (stormed, history, verdict, missing, genesys) = tokio::select! {
        done = work => done?,
        () = pulse.watch(&pipedrive) => unreachable!("it watches for ever"),
        () = progress.report() => unreachable!("progress never ends by itself"),
    };
    eprintln!();
    let strikes = storm.strikes();
    let outcome = Outcome {
        machine,
        start,
        stormed,
        settled: begun.elapsed().saturating_sub(stormed),
        recoveries: pulse.recoveries(&strikes),
        delays: outcome::delays(&history, &answers.first_accepted()),
        spans: pulse.spans(),
        revived: storm.revived(),
        tries: answers.tries(),
        refusals: answers.refusals(),
        unavailable: outcome::unavailable(&answers.unavailable(), &strikes),
        accepted_without_broker: outcome::accepted_without_broker(&answers.moments(), &strikes),
        mishaps: mishaps.log.strikes(),
        genesys,
        misfortunes: outcome::misfortunes(&pipedrive),
        access_tokens: pipedrive.token_exchanges().iter().sum(),
        tokens: pipedrive.tokens_spent(),
        least_tokens: outcome::least_tokens(&history, &verdict),
        planned: outcome::Planned {
            strikes: plan.process_strikes.len() + plan.server_strikes.len(),
            interactions: plan.recordable(),
            credential: plan.credential,
        },
        strikes,
        verdict,
        missing,
    };
    if !outcome.problems().is_empty() {
        truth::keep_evidence(folder, &outcome.verdict, &history, &pipedrive)?;
    }
    Ok(outcome)
}

/// Sends everything while everything is struck; ends when both are done and Pipedrive behaves again.
async fn rage(
    system: &mut System,
    plan: &Plan,
    answers: &Answers,
    storm: &StormLog,
    mishaps: &Mishaps,
    start: Timestamp,
    begun: Instant,
) -> Result<()> {
    let (pipedrive, url) = (system.pipedrive(), system.webhook_url.clone());
    let (servers, services) = (&mut system.servers, &mut system.services);
    let befalling = mishap::befall(&pipedrive, &plan.mishaps, begun, mishaps);
    tokio::try_join!(
        senders::send_all(&url, plan, start, begun, answers),
        storm::strike_services(services, &system.links, &plan.process_strikes, begun, storm),
        storm::strike_servers(servers, &system.links, &plan.server_strikes, begun, storm),
        befalling.map(Ok::<_, anyhow::Error>),
    )?;
    pipedrive.clear_faults();
    Ok(())
}

/// Waits until nothing moves any more and nothing is missing; then, or when the time is over, judges. The last member is
/// what was still missing.
async fn settle(
    system: &mut System,
    sources: &Sources<'_>,
    storm: &StormLog,
    patience: Duration,
) -> Result<(History, Verdict, Option<String>)> {
    let (begun, mut idle_since) = (Instant::now(), None::<Instant>);
    let pipedrive = system.pipedrive();
    loop {
        storm::revive(&mut system.services, storm)?;
        let queued = progress::queued(&system.management).await?;
        let (unsettled, spooled) = (pipedrive.unsettled_requests(), system.spooled().await);
        let busy = (queued > 0 || unsettled > 0 || spooled != Some(0)).then(|| {
            format!(
                "{queued} messages queued, {} in the spool, {unsettled} requests in progress",
                spooled.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string())
            )
        });
        if busy.is_some() {
            idle_since = None;
        } else {
            idle_since.get_or_insert_with(Instant::now);
        }
        let is_idle = idle_since.is_some_and(|since| since.elapsed() > IDLE_FOR);
        let is_late = begun.elapsed() > patience;
        if is_idle || is_late {
            let history = truth::gather(sources, &pipedrive, &system.management).await?;
            let verdict = history::check(&history);
            let may_heal = verdict.violations.iter().any(history::Violation::may_heal);
            if is_late || !may_heal {
                return Ok((history, verdict, busy));
            }
        }
        sleep(SETTLE_POLL).await;
    }
}

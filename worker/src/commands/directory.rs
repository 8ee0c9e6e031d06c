//! `worker directory`: fills the directory of people, shows how far it is, compares it with Pipedrive.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use pipedrive::PersonId;
use shared::clock;
use shared::config::{DirectoryMode, Settings};
use shared::error::chain;

use crate::person::directory::Directory;
use crate::person::directory::report::{Difference, Report};
use crate::person::directory::sync::Turn;
use crate::startup;
use crate::store::Store;

/// People named where the directory differs.
const NAMED: usize = 20;
/// Pause while another worker works.
const PAUSE: Duration = Duration::from_secs(2);

/// What is asked of the directory.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Action {
    /// List all people now and fill the directory with them, within the day's share of tokens. Continues what a worker
    /// began, and follows another that is at it. Exit code 1 when the share is spent or Redis is full before the end, or the
    /// directory is off.
    Build,
    /// Show how many people it has, how old and how dear it is, and what it is blind to. Costs no tokens. Exit code 1
    /// unless it is complete, or off.
    Status,
    /// List all people anew and compare, without changing anything. Exit code 1 if a person is missing, different or
    /// gone, or the directory is off.
    Verify,
}

/// Executes an action; whether all is well.
///
/// # Errors
///
/// When the settings, Redis or Pipedrive do not allow it.
pub async fn execute(settings: &Settings, action: Action) -> anyhow::Result<bool> {
    if settings.directory.mode == DirectoryMode::Off && !matches!(action, Action::Status) {
        anyhow::bail!(
            "directory.mode is off (BRIDGE__DIRECTORY__MODE): workers search in Pipedrive and would not use the directory. No \
             tokens were spent; set it to on to fill and use one"
        );
    }
    let directory = open(settings).await?;
    match action {
        Action::Build => build(&directory).await,
        Action::Status => status(settings, &directory).await,
        Action::Verify => verify(&directory).await,
    }
}

/// The line of `worker check`.
pub(super) async fn summary(settings: &Settings) -> Result<String, String> {
    if settings.directory.mode == DirectoryMode::Off {
        return Ok("off: people are searched in Pipedrive".to_owned());
    }
    let directory = open(settings)
        .await
        .map_err(|error| chain(error.as_ref()))?;
    let report = directory.report().await;
    let report = report.map_err(|failure| chain(&failure))?;
    Ok(report.summary())
}

async fn open(settings: &Settings) -> anyhow::Result<Directory> {
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await.map_err(|error| {
        anyhow::anyhow!(
            "cannot read it in Redis ({}); check redis.url (BRIDGE__REDIS__URL), and that Redis runs",
            chain(&error)
        )
    })?;
    let client = startup::client(settings, &store)?;
    Ok(Directory::of(settings, &store, client))
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
async fn build(directory: &Directory) -> anyhow::Result<bool> {
    let asked = clock::now();
    let mut said = Said::default();
    let bar = progress(0);
    loop {
        let report = directory.report().await?;
        let state = &report.state;
        bar.set_length(state.expected);
        bar.set_position(state.people);
        let turn = if state.pass_began.is_some() {
            said.say_cost(&bar, &report);
            directory.work(1).await?
        } else if state.passed.is_none_or(|passed| passed < asked) {
            directory.begin_now().await?
        } else if report.wants_deals() {
            directory.work(1).await?
        } else {
            break;
        };
        match turn {
            Turn::Worked => {}
            Turn::Elsewhere(_) => {
                said.say_builder(&bar, directory).await?;
                tokio::time::sleep(PAUSE).await;
            }
            Turn::Idle(_) => break,
        }
    }
    bar.finish_and_clear();
    let report = directory.report().await?;
    println!(
        "{}; this pass cost {} tokens",
        report.summary(),
        report.state.pass_tokens
    );
    Ok(report.state.is_complete() && report.state.pass_began.is_none())
}

/// What was said once.
#[derive(Debug, Default)]
struct Said {
    cost: bool,
    builder: bool,
}

impl Said {
    fn say_cost(&mut self, bar: &ProgressBar, report: &Report) {
        if !std::mem::replace(&mut self.cost, true) {
            say(
                bar,
                &format!(
                    "Lists up to {} people; {} tokens a day may be spent, {} are",
                    report.state.expected, report.share, report.spent.background
                ),
            );
        }
    }

    async fn say_builder(
        &mut self,
        bar: &ProgressBar,
        directory: &Directory,
    ) -> anyhow::Result<()> {
        let Some(builder) = directory.builder().await? else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.builder, true) {
            let began = directory.report().await?.state.pass_began;
            say(
                bar,
                &format!(
                    "Another builder, {}, fills the directory since {}. This command follows it and takes over if it dies; \
                     Ctrl-C ends this command alone. `worker directory status` shows how far it is",
                    builder.process,
                    began.unwrap_or(builder.since)
                ),
            );
        }
        Ok(())
    }
}

/// Prints a line above the bar.
#[expect(clippy::print_stdout, reason = "the answer to a command")]
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| println!("{line}"));
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
async fn status(settings: &Settings, directory: &Directory) -> anyhow::Result<bool> {
    let is_off = settings.directory.mode == DirectoryMode::Off;
    if is_off {
        println!("mode        off: people are searched in Pipedrive");
    }
    let report = directory.report().await?;
    let state = &report.state;
    let time =
        |at: Option<jiff::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    println!("directory   {}", report.summary());
    println!(
        "full pass   {}, {} tokens",
        time(state.passed),
        state.pass_tokens
    );
    println!("polled      {}", time(state.polls.polled));
    if let Some(interval) = state.polls.interval {
        println!("interval    {} s", interval.as_secs());
    }
    println!("deals       {}", report.deals());
    for blind in &report.blind_to {
        println!("blind to    {blind}");
    }
    Ok(is_off || state.is_complete())
}

#[expect(clippy::print_stdout, reason = "the answer to a command")]
async fn verify(directory: &Directory) -> anyhow::Result<bool> {
    let report = directory.report().await?;
    let bar = progress(report.state.people);
    let difference: Difference = directory.verify(|listed| bar.set_position(listed)).await?;
    bar.finish_and_clear();
    println!(
        "{} people listed for {} tokens",
        difference.listed, difference.tokens
    );
    for (what, people) in [
        ("missing", &difference.missing),
        ("different", &difference.different),
        ("gone", &difference.gone),
    ] {
        println!("{what:11} {}{}", people.len(), named(people));
    }
    Ok(difference.is_none())
}

fn named(people: &[PersonId]) -> String {
    let names: Vec<String> = people.iter().take(NAMED).map(PersonId::to_string).collect();
    let more = if people.len() > NAMED { ", …" } else { "" };
    if names.is_empty() {
        String::new()
    } else {
        format!(": people {}{more}", names.join(", "))
    }
}

fn progress(count: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} people, {eta} left");
    ProgressBar::new(count).with_style(style.expect("the template is constant"))
}

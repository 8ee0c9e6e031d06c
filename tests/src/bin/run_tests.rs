//! `run-tests`: builds the workspace's tests and runs several of their binaries at once.
//!
//! `cargo test` runs one binary after the other, and most of what they do is wait.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bridge_tests::servers::Guardian;
use clap::Parser;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;

/// Suites that need a broker and Redis, the longest first: they are started in this order, before all others.
const WITH_SERVICES: [&str; 6] = [
    "crash",
    "e2e",
    "servers",
    "browser",
    "observability",
    "allocations",
];
/// Tests that take far longer than the others of their suite: a job of their own, or they would begin last.
const LONG: [(&str, &str); 1] = [("crash", "poison::")];

/// Builds the tests of the workspace and runs them, several binaries at once.
///
/// What a binary says is shown once it has ended. One that runs longer than the limit is killed, with all that it
/// started. The exit code is 0 if every test passed.
#[derive(Parser)]
struct Arguments {
    /// Only tests that need no broker and no Redis, and no documentation tests.
    #[arg(long)]
    without_services: bool,
    /// Only binaries of these names, such as `e2e` or `worker`.
    #[arg(long)]
    only: Vec<String>,
    /// How many binaries run at once.
    #[arg(long, default_value_t = 3)]
    at_once: usize,
    /// How long a binary may run.
    #[arg(long, default_value = "15m", value_parser = humantime::parse_duration)]
    limit: Duration,
    /// How many tests of one binary run at once.
    #[arg(long, default_value_t = 8)]
    test_threads: usize,
    /// What to build, and how: arguments of `cargo test`.
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// One process to run.
struct Job {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
}

/// How a job ended.
struct Ended {
    name: String,
    is_good: bool,
    took: Duration,
    output: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut jobs: VecDeque<Job> = jobs(&arguments)?.into();
    let (mut running, mut ended) = (JoinSet::new(), Vec::new());
    let begun = Instant::now();
    while !jobs.is_empty() || !running.is_empty() {
        while running.len() < arguments.at_once.max(1)
            && let Some(job) = jobs.pop_front()
        {
            running.spawn(run(job, arguments.limit));
        }
        if let Some(job) = running.join_next().await {
            let job = job.context("a job panics")??;
            println!("== {} ({} s)\n{}", job.name, job.took.as_secs(), job.output);
            ended.push(job);
        }
    }
    let bad: Vec<&str> = ended
        .iter()
        .filter(|job| !job.is_good)
        .map(|job| &*job.name)
        .collect();
    println!(
        "{} test binaries in {} s; failed: {}",
        ended.len(),
        begun.elapsed().as_secs(),
        if bad.is_empty() {
            "none".to_owned()
        } else {
            bad.join(", ")
        }
    );
    Ok(ExitCode::from(u8::from(!bad.is_empty())))
}

/// Builds everything, and gives what to run in which order.
fn jobs(arguments: &Arguments) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for (name, program, folder) in build(&arguments.cargo)? {
        let needs_services = WITH_SERVICES.contains(&&*name);
        let is_wanted = arguments.only.is_empty() || arguments.only.contains(&name);
        if !is_wanted || (needs_services && arguments.without_services) {
            continue;
        }
        let job = |name: &str, more: &[&str]| {
            let threads = arguments.test_threads.to_string();
            let fixed = ["--test-threads", &threads];
            Job {
                name: name.to_owned(),
                program: program.clone(),
                arguments: fixed
                    .iter()
                    .chain(more)
                    .map(|it| (*it).to_owned())
                    .collect(),
                folder: folder.clone(),
            }
        };
        match LONG.iter().find(|(suite, _)| *suite == name) {
            Some((_, long)) => {
                jobs.push(job(&format!("{name} {long}"), &[long]));
                jobs.push(job(&name, &["--skip", long]));
            }
            None => jobs.push(job(&name, &[])),
        }
    }
    jobs.sort_by_key(|job| {
        let suite = job.name.split(' ').next().unwrap_or_default();
        let long = WITH_SERVICES.iter().position(|name| *name == suite);
        long.unwrap_or(WITH_SERVICES.len())
    });
    if arguments.only.is_empty() && !arguments.without_services {
        jobs.push(documentation(&arguments.cargo)?);
    }
    Ok(jobs)
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The tests in the documentation, which only cargo can run.
fn documentation(cargo_arguments: &[String]) -> Result<Job> {
    let arguments = ["test", "--quiet", "--doc"].map(str::to_owned);
    Ok(Job {
        name: "documentation".to_owned(),
        program: cargo(),
        arguments: [&arguments[..], cargo_arguments].concat(),
        folder: std::env::current_dir().context("find the current folder")?,
    })
}

/// Builds the tests; gives the name, the program and the folder of each binary.
fn build(cargo_arguments: &[String]) -> Result<Vec<(String, PathBuf, PathBuf)>> {
    let mut building = std::process::Command::new(cargo())
        .args(["test", "--no-run", "--message-format"])
        .arg("json-render-diagnostics")
        .args(cargo_arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo")?;
    let output = building.stdout.take().context("read what cargo says")?;
    let mut binaries = Vec::new();
    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line.context("read what cargo says")?)
            .context("cargo says something that is not JSON")?;
        binaries.extend(test_binary(&message));
    }
    let status = building.wait().context("wait for cargo")?;
    ensure!(status.success(), "the tests do not build");
    Ok(binaries)
}

/// The test binary that a message of cargo's is about.
fn test_binary(message: &Value) -> Option<(String, PathBuf, PathBuf)> {
    let is_test = message["profile"]["test"].as_bool() == Some(true);
    let program = message["executable"].as_str().filter(|_| is_test)?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let name = message["target"]["name"].as_str()?;
    Some((name.to_owned(), program.into(), manifest.parent()?.into()))
}

/// Runs one job to its end, or to the limit.
async fn run(job: Job, limit: Duration) -> Result<Ended> {
    let begun = Instant::now();
    let child = Command::new(&job.program)
        .args(&job.arguments)
        .current_dir(&job.folder)
        .env("CARGO_MANIFEST_DIR", &job.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts ends with it.
        .process_group(0)
        .spawn()
        .with_context(|| format!("start {}", job.program.display()))?;
    let id = child.id().context("a process that was just started")?;
    let _guardian = Guardian::over_process_group(id)?;
    let group = Pid::from_raw(i32::try_from(id).context("a process id is an i32")?);
    let waiting = child.wait_with_output();
    tokio::pin!(waiting);
    let (output, is_late) = tokio::select! {
        output = &mut waiting => (output, false),
        () = tokio::time::sleep(limit) => {
            // It may have ended just now.
            killpg(group, Signal::SIGKILL).ok();
            (waiting.await, true)
        }
    };
    let output = output.with_context(|| format!("wait for {}", job.name))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let ending = if is_late {
        let limit = humantime::format_duration(limit);
        format!("killed after {limit}: a test hangs that has no result above\n")
    } else {
        String::new()
    };
    Ok(Ended {
        name: job.name,
        is_good: output.status.success() && !is_late,
        took: begun.elapsed(),
        output: format!("{text}{ending}"),
    })
}

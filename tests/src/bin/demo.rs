//! `demo`: the whole bridge on this machine, real sample events, and what becomes of each.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bridge_tests::demo::outcome::check;
use bridge_tests::demo::report::{Colours, Row, directions, table};
use bridge_tests::demo::scene;
use bridge_tests::demo::stage::Stage;
use clap::Parser;
use shared::clock;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the bridge against a sandbox in place of Pipedrive, posts sample events, and shows what lands.
///
/// RabbitMQ and Redis are those that `BRIDGE__BROKER__URL` and `BRIDGE__REDIS__URL` name, in a virtual host and under a
/// prefix of the demonstration's own; otherwise private ones are started. At a terminal everything stays up until
/// Ctrl-C. Elsewhere it ends at once. The exit code is 0 when everything came as it should, else 1.
#[derive(Parser)]
struct Arguments {}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Shows every scene, and keeps running in a terminal. Returns whether every result was the expected one.
async fn run() -> Result<bool> {
    let mut interrupts = Interrupts::listen()?;
    let (stage, is_right) = tokio::select! {
        shown = show() => shown?,
        () = interrupts.next() => bail!("interrupted"),
    };
    if io::stdout().is_terminal() {
        println!("\n  It stays up until Ctrl-C.");
        interrupts.next().await;
    } else {
        println!("\n  Without a terminal it ends here; at one it stays up until Ctrl-C.");
    }
    eprintln!("Stopping.");
    tokio::select! {
        stopped = stage.stop() => stopped?,
        // What has not ended yet is killed.
        () = interrupts.next() => {}
    }
    Ok(is_right)
}

/// Starts the bridge, plays all scenes and reports their results.
async fn show() -> Result<(Stage, bool)> {
    let mut stage = Stage::set_up().await?;
    eprintln!("Posting sample events, and waiting for what lands.");
    let mut scenes = scene::undisturbed(clock::now());
    let mut seen = stage.play(&scenes).await?;
    eprintln!("Once more, while Pipedrive misbehaves.");
    let troubled = scene::troubled();
    seen.extend(stage.play(&troubled).await?);
    scenes.extend(troubled);
    eprintln!("And with access to a sandbox in place of Genesys.");
    let (enriched, completed) = stage.play_with_genesys().await?;
    seen.extend(completed);
    scenes.extend(enriched);

    let rows: Vec<Row> = scenes
        .into_iter()
        .zip(seen)
        .map(|(scene, seen)| {
            let verdict = check(&scene.expected, &seen);
            Row {
                scene,
                seen,
                verdict,
            }
        })
        .collect();
    let colours = Colours::of(&io::stdout());
    print!("{}{}", table(&rows, colours), directions(&stage, colours)?);
    let mut is_right = true;
    for row in &rows {
        if let Err(wrong) = &row.verdict {
            is_right = false;
            let line = format!("demo: {}: {wrong}", row.scene.title);
            eprintln!("{}", Colours::of(&io::stderr()).red(&line));
        }
    }
    Ok((stage, is_right))
}

/// Ctrl-C, and the signals of whoever else wants us to end.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            hang_up: signal(SignalKind::hangup()).context("listen for SIGHUP")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

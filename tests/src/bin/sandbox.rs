//! Runs the Pipedrive sandbox as a process of its own.

use std::time::Duration;

use anyhow::Context;
use bridge_tests::sandbox::pipedrive::{
    Behaviour, Limits, OAuthConfig, Plan, Sandbox, SandboxConfig,
};
use clap::Parser;

/// A Pipedrive to try things on, with a page that shows what landed.
///
/// It speaks the v2 API of persons, activities and deals and the v1 API of notes, call logs, users and activity types,
/// as strictly as the real one, and keeps everything in memory.
#[derive(Parser)]
#[command(after_help = "\
Try it:
  sandbox --seed-demo-data --api-token demo
  curl -H 'x-api-token: demo' 'http://127.0.0.1:8090/api/v2/persons/search?term=5550123456&fields=phone'
  then open http://127.0.0.1:8090/ in a browser

Let it fail (GET /_sandbox lists everything that can be done to it):
  curl http://127.0.0.1:8090/_sandbox/faults -H 'content-type: application/json' \\
    -d '{\"method\":\"POST\",\"path\":\"/api/v2/activities\",\"times\":1,\"fault\":{\"kind\":\"cut_after_effect\"}}'

Whoever reaches the port can read and change everything: keep it on loopback.")]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: String,

    /// The API token that requests carry as `x-api-token`; a random one if not given.
    #[arg(long)]
    api_token: Option<String>,

    /// The plan whose burst limits and daily budget apply.
    #[arg(long, default_value = "lite")]
    plan: Plan,

    /// Milliseconds until a new or changed person shows up in searches.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    search_lag: u64,

    /// How long an access token of the OAuth app lives, such as `5s`; whole seconds, as Pipedrive states them.
    #[arg(long, value_name = "DURATION", default_value = "3599s", value_parser = humantime::parse_duration)]
    access_token_life: Duration,

    /// Begin with some people, deals and users.
    #[arg(long)]
    seed_demo_data: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let config = SandboxConfig {
        api_token: options.api_token,
        limits: Limits::of_plan(options.plan),
        behaviour: Behaviour {
            search_lag: Duration::from_millis(options.search_lag),
            ..Behaviour::default()
        },
        oauth: OAuthConfig {
            life: options.access_token_life,
            ..OAuthConfig::default()
        },
        // A demonstration may run for days; the latest requests are what anyone looks at.
        log_capacity: 100_000,
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::listen(config, &options.listen)
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    if options.seed_demo_data {
        sandbox.seed_demo_data();
    }
    println!("Pipedrive sandbox at {}", sandbox.base_url());
    println!("API token: {}", sandbox.api_token());

    interrupted().await.context("cannot wait for a signal")?;
    sandbox.stop().await;
    Ok(())
}

/// Resolves when the process is asked to end.
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

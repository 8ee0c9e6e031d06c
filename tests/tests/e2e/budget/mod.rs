//! The day's tokens and writes, and the limits of two seconds: whose count is the truth, and what ends a pause.

mod client;
mod pauses;
mod windows;

use std::time::Duration;

use bridge_tests::bridge::TestApp;
use bridge_tests::sandbox::pipedrive::{Limits, RequestRecord, SandboxConfig};

/// Path of the read that costs the fewest tokens.
const PROBE: &str = "/v1/users/me";

/// A company with so many tokens a day.
fn company(tokens: u64) -> SandboxConfig {
    SandboxConfig {
        limits: Limits {
            daily_tokens: Some(tokens),
            ..Limits::unlimited()
        },
        ..SandboxConfig::default()
    }
}

fn probes(requests: &[RequestRecord]) -> usize {
    let probes = requests.iter().filter(|request| request.path == PROBE);
    probes.count()
}

fn refusals(requests: &[RequestRecord]) -> usize {
    let refused = |request: &&RequestRecord| format!("{:?}", request.answer).contains("429");
    requests.iter().filter(refused).count()
}

/// A field of the report on the day that all workers share.
async fn reported(app: &TestApp, field: &str) -> i64 {
    let key = format!("{}:{{tokens}}:report", app.settings.redis.prefix);
    let value: redis::RedisResult<Option<i64>> = redis::cmd("HGET")
        .arg(key)
        .arg(field)
        .query_async(&mut app.redis().await)
        .await;
    value.expect("Redis answers").unwrap_or(0)
}

/// What all workers take to be left of the company's tokens.
async fn left(app: &TestApp) -> i64 {
    reported(app, "tokens_left").await - reported(app, "tokens").await
}

/// The key of our own count of today: of `day`, tokens, or `writes`.
fn count_of_today(app: &TestApp, name: &str) -> String {
    let day = shared::clock::now().as_second().div_euclid(86_400);
    format!("{}:{{tokens}}:{name}:{day}", app.settings.redis.prefix)
}

async fn counted(app: &TestApp, name: &str) -> i64 {
    let value: redis::RedisResult<Option<i64>> = redis::cmd("GET")
        .arg(count_of_today(app, name))
        .query_async(&mut app.redis().await)
        .await;
    value.expect("Redis answers").unwrap_or(0)
}

/// Longer than a worker needs to see what another one, or an operator, did.
const SOON: Duration = Duration::from_secs(6);

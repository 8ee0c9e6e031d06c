//! People stored in every written form, and a bridge whose directory holds them.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp};
use bridge_tests::sandbox::pipedrive::{Activity, NewPerson};
use bridge_tests::servers::wait_until;
use redis::AsyncCommands;

/// So long ago the people were typed in: no poll lists them as changed.
pub const LONG_AGO: Duration = Duration::from_secs(3600);
/// Numbers of the range for examples in each area.
const IN_AREA: usize = 100;

/// The `n`th number, in E.164: of the ranges 555-0100 to 555-0199.
pub fn number(n: usize) -> String {
    let (area, line) = parts(n);
    format!("+1{area}555{line}")
}

fn parts(n: usize) -> (usize, String) {
    // No area code ends with 11.
    let mut areas = (201..).filter(|area| area % 100 != 11);
    let area = areas.nth(n / IN_AREA).expect("areas go on");
    (area, format!("01{:02}", n % IN_AREA))
}

/// The `n`th number in one of the twenty forms in which people type numbers.
pub fn written(n: usize) -> String {
    let (a, l) = parts(n);
    match n % 20 {
        0 => format!("+1{a}555{l}"),
        1 => format!("{a}555{l}"),
        2 => format!("({a}) 555-{l}"),
        3 => format!("{a}-555-{l}"),
        4 => format!("{a}.555.{l}"),
        5 => format!("{a} 555 {l}"),
        6 => format!("+1 {a} 555 {l}"),
        7 => format!("+1 ({a}) 555-{l}"),
        8 => format!("1-{a}-555-{l}"),
        9 => format!("1{a}555{l}"),
        10 => format!("001{a}555{l}"),
        11 => format!("+1-{a}-555-{l}"),
        12 => format!("{a}/555-{l}"),
        13 => format!("Tel. {a}-555-{l}"),
        14 => format!("{a}-555-{l} cell"),
        15 => format!("{a}-555-{l} x12"),
        16 => format!("({a})555{l}"),
        17 => format!("+1.{a}.555.{l}"),
        18 => format!("+1 {a}-555-{l} (mobile)"),
        _ => format!("{a}555-{l}"),
    }
}

/// A bridge with so many people in Pipedrive, whose directory is `mode`. No worker runs yet.
pub async fn app_with(people: usize, mode: &str) -> TestApp {
    app_of(TestApp::builder(), people, mode).await
}

/// [`app_with`] of a builder.
pub async fn app_of(builder: Builder, people: usize, mode: &str) -> TestApp {
    let builder = builder
        .set("BRIDGE__DIRECTORY__MODE", mode)
        .without_worker();
    let app = builder.spawn().await;
    let person = |n| NewPerson::named(&format!("Person {n}")).phone(&written(n));
    app.pipedrive.add_people((0..people).map(person));
    app.pipedrive.age_people(LONG_AGO);
    app
}

/// Waits until open deals are known, too.
pub async fn wait_until_deals_are_known(app: &TestApp) {
    let known = wait_until("known deals", PATIENCE, async || {
        let field = state(app, "deals_complete_since").await;
        ensure!(field.is_some(), "not yet");
        Ok(())
    });
    known.await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// A field of the directory's state.
pub async fn state(app: &TestApp, field: &str) -> Option<String> {
    let key = format!("{}:{{directory}}:state", app.settings.redis.prefix);
    let value: redis::RedisResult<Option<String>> = app.redis().await.hget(key, field).await;
    value.expect("Redis answers")
}

/// Waits until the directory is complete and has read changes once.
pub async fn wait_until_complete(app: &TestApp) {
    let complete = wait_until("a complete directory", PATIENCE, async || {
        for field in ["complete_since", "polled"] {
            ensure!(state(app, field).await.is_some(), "no {field}");
        }
        Ok(())
    });
    complete.await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// The interaction that an activity's note names.
pub fn interaction(activity: &Activity) -> Option<&str> {
    let (_, rest) = activity
        .note
        .as_deref()?
        .rsplit_once("Genesys interaction ")?;
    rest.split('<').next()
}

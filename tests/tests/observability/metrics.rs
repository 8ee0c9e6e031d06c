//! Every metric of the documentation is there after real traffic, described, and no other is.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, Limits, SandboxConfig};
use bridge_tests::servers::wait_until;

use super::exposition::{documented, read};

async fn page(app: &TestApp) -> String {
    let (_, ingest) = app.get(&format!("{}/metrics", app.ingest_url)).await;
    let (status, worker) = app.get(&format!("{}/metrics", app.worker_url())).await;
    assert_eq!(status, 200);
    // One process, one recorder: both pages show everything.
    assert_eq!(read(&ingest).len(), read(&worker).len());
    worker
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_metrics_are_those_that_traffic_leaves_behind() {
    let limits = Limits {
        requests_per_2s: Some(1000),
        searches_per_2s: Some(1000),
        daily_tokens: Some(30_000),
    };
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        })
        .spawn()
        .await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::CutAfterEffect,
    ));
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app.let_another_pass("create an activity").await;
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));
    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_dead_letters(1).await;

    let page = wait_until("the queues in the metrics", PATIENCE, async || {
        let page = page(&app).await;
        let letters =
            read(&page)["bridge_queue_messages"].samples[r#"{queue="interactions.dead"}"#];
        ensure!((letters - 1.0).abs() < 0.1, "{letters} dead letters");
        Ok(page)
    })
    .await
    .unwrap();

    let metrics = read(&page);
    let documented = documented();
    for (name, metric) in &metrics {
        assert_eq!(documented.get(name), Some(&metric.kind), "{name}");
        assert!(!metric.help.is_empty(), "{name} has no HELP");
        assert!(!metric.samples.is_empty(), "{name} has no samples");
        assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name}");
        let has_unit = name.ends_with("_seconds");
        assert!(metric.kind != "histogram" || has_unit, "{name}");
    }
    for name in documented.keys() {
        assert!(
            metrics.contains_key(name),
            "{name} is documented, but not there"
        );
    }
    let value = |name: &str, part: &str| metrics[name].samples[part];
    assert_positive(value("bridge_ingest_accepted_total", ""), 2.0);
    assert_positive(
        value("bridge_worker_messages_total", r#"{outcome="created"}"#)
            + value("bridge_worker_messages_total", r#"{outcome="updated"}"#)
            + value("bridge_worker_messages_total", r#"{outcome="unchanged"}"#),
        1.0,
    );
    let dead = r#"{class="permanent",reason="pipedrive_forbidden"}"#;
    assert_positive(value("bridge_worker_dead_letters_total", dead), 1.0);
    let asked = r#"{endpoint="POST /api/v2/activities",status="403"}"#;
    assert_positive(value("bridge_pipedrive_requests_total", asked), 1.0);
    let spent = value("bridge_pipedrive_daily_tokens_spent", "");
    assert!((20.0..1000.0).contains(&spent), "{spent}");
    let left = value("bridge_pipedrive_daily_tokens_left", "");
    assert!((29_000.0..30_000.0).contains(&left), "{left}");
    let took = value("bridge_worker_receipt_to_record_seconds", "_sum");
    assert!(
        took > 0.0 && took < Duration::from_secs(60).as_secs_f64(),
        "{took}"
    );
}

fn assert_positive(value: f64, least: f64) {
    assert!(value >= least, "{value} is less than {least}");
}

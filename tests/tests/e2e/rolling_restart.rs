//! Rolling restarts under load: no request fails, nothing is lost, nothing is recorded twice.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::fleet::Traffic;
use bridge_tests::bridge::{PATIENCE, TestApp};
use bridge_tests::servers::wait_until;
use ingest::startup::Application;
use shared::config::Settings;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const CALLER: &str = "+12025550143";
const DRAIN: Duration = Duration::from_secs(1);
/// Far longer than the test waits: what is waited for that long fails it.
const ENDLESS: Duration = Duration::from_secs(3600);

/// One of several instances of ingest, restarted on its own port.
struct Instance {
    settings: Settings,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Instance {
    async fn start(mut settings: Settings) -> Self {
        settings.ingest.drain = DRAIN;
        // Bounds the wait for connections that are not idle.
        settings.ingest.publish_timeout = ENDLESS;
        let application = Application::build(&settings).await.expect("ingest starts");
        settings.ingest.listen.set_port(application.port());
        let stop = CancellationToken::new();
        let task = tokio::spawn(application.run_until_stopped(stop.clone()));
        Self {
            settings,
            stop,
            task,
        }
    }

    fn port(&self) -> u16 {
        self.settings.ingest.listen.port()
    }

    async fn restart(self) -> Self {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("ingest closes idle connections rather than wait for them")
            .expect("ingest does not panic")
            .expect("ingest stops well");
        Self::start(self.settings).await
    }
}

async fn wait_for_more(traffic: &Traffic, count: usize) {
    let before = traffic.accepted();
    let more = wait_until("more requests", PATIENCE, async || {
        ensure!(traffic.accepted() >= before + count);
        Ok(())
    });
    more.await.unwrap_or_else(|error| panic!("{error:#}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_request_loses_nothing_and_doubles_nothing() {
    let mut app = TestApp::builder()
        .set("BRIDGE__WORKER__GRACE_PERIOD", "1h")
        .spawn()
        .await;
    app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let mut first = Instance::start(app.settings.clone()).await;
    let mut second = Instance::start(app.settings.clone()).await;
    let traffic = Traffic::start(&[first.port(), second.port()], 4, CALLER).unwrap();

    for _ in 0..2 {
        wait_for_more(&traffic, 50).await;
        first = first.restart().await;
        wait_for_more(&traffic, 50).await;
        second = second.restart().await;
        // A new worker before the old one goes, which has messages in progress.
        app.start_worker().await;
        timeout(PATIENCE, app.stop_oldest_worker())
            .await
            .expect("a worker stops once its messages are done");
    }

    let report = traffic.stop().await.unwrap();
    assert_eq!(report.failed, Vec::<String>::new());
    app.assert_each_recorded_once(report.accepted).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_about_to_stop_says_so_and_still_takes_what_comes() {
    let app = TestApp::builder().without_worker().spawn().await;
    let instance = Instance::start(app.settings.clone()).await;
    let url = format!("http://127.0.0.1:{}", instance.port());
    let ready = format!("{url}/health/ready");
    assert_eq!(app.get(&ready).await.0, 200);

    instance.stop.cancel();
    wait_until("red readiness", PATIENCE, async || {
        let (status, body) = app.get(&ready).await;
        ensure!(status == 503 && body.contains("shutting down"), "{body}");
        Ok(())
    })
    .await
    .unwrap();
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{url}/api/v1/genesys/webhook"))
        .bearer_auth(bridge_tests::bridge::WEBHOOK_TOKEN)
        .body(bridge_tests::bridge::call("call-1", CALLER))
        .send()
        .await
        .unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get("connection").unwrap(), "close");
}

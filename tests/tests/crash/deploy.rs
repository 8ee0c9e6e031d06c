//! Rolling restarts by SIGTERM, as a service manager does them, under load.

use bridge_tests::app::{PATIENCE, TestApp};
use bridge_tests::fleet::Traffic;
use bridge_tests::services::wait_until;

use crate::process::{Ingest, Worker};

const CALLER: &str = "+12025550143";

#[tokio::test(flavor = "multi_thread")]
async fn services_restarted_by_sigterm_fail_no_request_lose_nothing_and_double_nothing() {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let settings = [("BRIDGE__INGEST__DRAIN", "1s".to_owned())];
    let mut ingests = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..2 {
        ingests.push(Ingest::start(&app, &settings, "").await);
        workers.push(Worker::start(&app, ""));
    }
    let ports: Vec<u16> = ingests.iter().map(Ingest::port).collect();
    let traffic = Traffic::start(&ports, 4, CALLER).unwrap();

    for port in ports {
        let before = traffic.accepted();
        wait_until("more requests", PATIENCE, async || {
            anyhow::ensure!(traffic.accepted() > before + 50);
            Ok(())
        })
        .await
        .unwrap();
        workers.remove(0).terminate().await;
        workers.push(Worker::start(&app, ""));
        ingests.remove(0).terminate().await;
        ingests.push(Ingest::start_on(port, &app, &settings, "").await);
    }

    let report = traffic.stop().await.unwrap();
    assert_eq!(report.failed, Vec::<String>::new());
    app.assert_each_recorded_once(report.accepted).await;
    app.wait_for_dead_letters(0).await;
}

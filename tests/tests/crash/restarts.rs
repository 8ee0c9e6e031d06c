//! Restarts by SIGTERM, as a service manager does them: rolling under load, and with work that does not end in time.

use bridge_tests::bridge::fleet::Traffic;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::servers::wait_until;

use crate::hold::{Hold, end_leases};
use crate::invariants::{assert_recorded_once, assert_settled, created};
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
    assert_settled(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_grace_period_goes_back_to_the_queue_and_is_recorded_once() {
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__WORKER__GRACE_PERIOD", "1s")
        .spawn()
        .await;
    let hold = Hold::new();
    let stuck = Worker::start(&app, &hold.at("matched"));
    app.post(call("call-1", CALLER)).await.assert_accepted();
    hold.reached().await;

    stuck.terminate().await;

    app.wait_until_queued(1).await;
    assert_eq!(created(&app, "/api/v2/activities"), 0);
    end_leases(&app, "lease").await;
    let _heir = Worker::start(&app, "");
    app.wait_for_activities(1).await;
    assert_recorded_once(&app).await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
}

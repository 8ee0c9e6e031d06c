//! Ingest dies around its spool: what it answered 200 is recorded once, and what the sender repeats is no second record.

use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::servers::{CutProxy, Scratch, wait_until};

use crate::invariants::assert_settled;
use crate::process::Ingest;

const CALLER: &str = "+12025550143";

/// A bridge, and an ingest of its own process with a spool, whose network to the broker can be broken.
struct Rig {
    app: TestApp,
    network: CutProxy,
    variables: Vec<(&'static str, String)>,
    _scratch: Scratch,
}

impl Rig {
    async fn start() -> Self {
        let scratch = Scratch::create().expect("a folder");
        let app = TestApp::spawn().await;
        app.pipedrive.add_person("Casey Customer", &[CALLER]);
        let (network, address) = CutProxy::in_front_of(&app.vhost().amqp_url())
            .await
            .expect("a proxy starts");
        let spool = scratch.path().join("spool.sqlite");
        let variables = vec![
            ("BRIDGE__BROKER__URL", address.to_string()),
            (
                "BRIDGE__INGEST__SPOOL__PATH",
                spool.to_string_lossy().into_owned(),
            ),
        ];
        Self {
            app,
            network,
            variables,
            _scratch: scratch,
        }
    }

    async fn ingest(&self, fail_point: &str) -> Ingest {
        Ingest::start(&self.app, &self.variables, fail_point).await
    }

    fn cut(&self) {
        self.network.refuse(true);
        self.network.cut_all();
    }

    fn restore(&self) {
        self.network.refuse(false);
    }

    /// Waits until the spool is empty and all is worked on, then looks.
    async fn assert_recorded_once(&self, ingest: &Ingest, accepted: Vec<String>) {
        ingest.wait_until_drained().await;
        self.app.assert_each_recorded_once(accepted).await;
        assert_settled(&self.app).await;
    }
}

/// Ingest dies over a webhook; the sender, who got no answer, repeats it to the next one.
async fn die_unanswered(point: &str, is_cut: bool) {
    let rig = Rig::start().await;
    let doomed = rig.ingest(&format!("{point}=abort")).await;
    if is_cut {
        rig.cut();
    }
    let answer = doomed.post(call("call-1", CALLER)).await;
    assert_eq!(answer, None, "it was to die before it answers");
    doomed.wait_for_death().await;

    let heir = rig.ingest("").await;
    assert_eq!(heir.post(call("call-1", CALLER)).await, Some(200));
    rig.restore();

    rig.assert_recorded_once(&heir, vec!["call-1".to_owned()])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_between_the_brokers_confirm_and_the_answer() {
    die_unanswered("webhook-confirmed", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_message_is_in_the_spool() {
    die_unanswered("spool-needed", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_spools_sync_and_the_answer() {
    die_unanswered("spooled", true).await;
}

/// Ingest has answered, and dies while it drains.
async fn die_draining(point: &str) {
    let rig = Rig::start().await;
    rig.cut();
    let doomed = rig.ingest(&format!("{point}=abort")).await;
    let ids: Vec<String> = (0..10).map(|n| format!("call-{n}")).collect();
    for id in &ids {
        let answer = doomed.post(call(id, CALLER)).await;
        assert_eq!(answer, Some(200));
    }
    rig.restore();
    doomed.wait_for_death().await;

    let heir = rig.ingest("").await;

    rig.assert_recorded_once(&heir, ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_confirm_of_a_spooled_message_and_its_deletion() {
    die_draining("spool-confirmed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_spooled_message_was_deleted() {
    die_draining("spool-deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_while_it_spools_and_drains() {
    const ROUNDS: usize = 6;
    let rig = Rig::start().await;
    let mut accepted = Vec::new();
    let mut repeated = Vec::new();
    for round in 0..ROUNDS {
        let ingest = rig.ingest("").await;
        if round % 2 == 0 {
            rig.cut();
        } else {
            rig.restore();
        }
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..8 {
            let ingest = ingest.client();
            senders.spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let id = format!("call-{round}-{sender}-{}", ids.len());
                    let answer = ingest.post(call(&id, CALLER)).await;
                    ids.push(id);
                    if answer != Some(200) {
                        return ids;
                    }
                }
            });
        }
        wait_until("some requests", PATIENCE, async || {
            anyhow::ensure!(ingest.accepted().await > 100);
            Ok(())
        })
        .await
        .unwrap();
        ingest.kill();
        while let Some(ids) = senders.join_next().await {
            let mut ids = ids.unwrap();
            // Of the last one its sender knows nothing: it sends it again.
            repeated.extend(ids.pop());
            accepted.extend(ids);
        }
    }
    rig.restore();

    let heir = rig.ingest("").await;
    for id in &repeated {
        assert_eq!(heir.post(call(id, CALLER)).await, Some(200));
    }

    accepted.extend(repeated);
    rig.assert_recorded_once(&heir, accepted).await;
}

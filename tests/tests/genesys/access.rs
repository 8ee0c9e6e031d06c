//! Tokens, permissions and the rate limit.

use std::sync::Arc;
use std::time::Duration;

use bridge_tests::sandbox::genesys::{Fault, FaultRule, SandboxConfig};
use genesys::ports::Unlimited;
use genesys::{ClientCredentials, GenesysError};

use crate::scene::{Scene, client};

const TOKEN: &str = "POST /oauth/token";
const USER: &str = "GET /api/v2/users/{userId}";

#[tokio::test]
async fn calls_at_the_same_time_share_one_token() {
    let scene = Scene::new();
    let user = scene.user();

    let calls = (0..12).map(|_| scene.client.user(&user));
    let answers = futures_util::future::join_all(calls).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(scene.sandbox.count(TOKEN), 1);
    assert_eq!(scene.sandbox.count(USER), 12);
}

#[tokio::test]
async fn a_token_that_ended_early_is_replaced_once_for_all() {
    let scene = Scene::new();
    let user = scene.user();
    scene.client.user(&user).await.unwrap();
    scene.sandbox.end_tokens();

    let calls = (0..8).map(|_| scene.client.user(&user));
    let answers = futures_util::future::join_all(calls).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(scene.sandbox.tokens_issued(), 2);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_an_error() {
    let scene = Scene::new();
    let rule = FaultRule::always("/api/v2/users", Fault::unauthorized());
    scene.sandbox.add_fault(rule);

    let error = scene.client.user(&scene.user()).await.unwrap_err();

    assert!(
        matches!(error, GenesysError::Unauthorized { .. }),
        "{error:?}"
    );
    assert_eq!(scene.sandbox.count(USER), 2);
}

#[tokio::test]
async fn wrong_credentials_are_denied_asked_once_and_never_shown() {
    let scene = Scene::new();
    let stranger = client(&scene.sandbox, "wrong-secret", Arc::new(Unlimited));
    let user = scene.user();

    let calls = (0..6).map(|_| stranger.user(&user));
    let answers = futures_util::future::join_all(calls).await;

    for answer in answers {
        let error = answer.unwrap_err();
        assert!(
            matches!(error, GenesysError::Denied { status: 400, .. }),
            "{error:?}"
        );
        let shown = format!("{error} {error:?} {stranger:?}");
        assert!(
            !shown.contains("wrong-secret") && !shown.contains("sandbox-client"),
            "{shown}"
        );
    }
    assert_eq!(scene.sandbox.count(TOKEN), 1);
    stranger
        .replace_credentials(ClientCredentials {
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".into(),
        })
        .await;
    assert!(stranger.user(&user).await.is_ok());
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let scene = Scene::new();
    scene.sandbox.revoke("routing:queue:view");
    let queue = &scene.day.cast.queues[0].id;

    let error = scene.client.queue(queue).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "Genesys forbids to read a queue (missing.permissions): it needs routing:queue:view"
    );
    scene.sandbox.grant("routing:queue:view");
    assert!(scene.client.queue(queue).await.is_ok());
}

#[tokio::test]
async fn one_of_several_permissions_is_enough() {
    let scene = Scene::new();
    let id = &scene.day.happenings[0].truth.conversation;
    scene.sandbox.revoke("recording:recording:view");
    assert!(scene.client.recording_metadata(id).await.is_ok());

    for name in ["recordingSegment", "snippetRecording", "screenRecording"] {
        scene.sandbox.revoke(&format!("recording:{name}:view"));
    }
    let error = scene.client.recording_metadata(id).await.unwrap_err();

    let GenesysError::Forbidden {
        permissions,
        is_named,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(permissions.len(), 4);
    assert!(is_named);
}

#[tokio::test]
async fn the_budget_hears_of_every_answer_and_of_the_wait_after_a_429() {
    let scene = Scene::with(&SandboxConfig {
        allowed: 2,
        window: Duration::from_secs(30),
        ..SandboxConfig::default()
    });
    let user = scene.user();

    scene.client.user(&user).await.unwrap();
    scene.client.user(&user).await.unwrap();
    let error = scene.client.user(&user).await.unwrap_err();

    assert!(
        matches!(error, GenesysError::RateLimited { .. }),
        "{error:?}"
    );
    let learned = scene.budget.learned.lock().unwrap().clone();
    assert_eq!(*scene.budget.reserved.lock().unwrap(), 3);
    let counts: Vec<_> = learned
        .iter()
        .map(|limits| (limits.count, limits.allowed))
        .collect();
    assert_eq!(
        counts,
        [(Some(1), Some(2)), (Some(2), Some(2)), (Some(3), Some(2))]
    );
    assert_eq!(learned[1].retry_after, None);
    let wait = learned[2].retry_after.unwrap();
    assert!((1..=30).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(error.wait(), Some(wait));
}

//! Who is let in, and where requests lead.

use bridge_tests::sandbox::pipedrive::{OAuthConfig, RefreshTokens, Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::json;

use crate::api::{Answer, Api, send};

#[tokio::test]
async fn a_request_without_a_token_is_refused_as_by_the_gateway() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let answer = send(api.anonymous(Method::GET, "/v1/users/me"))
        .await
        .unwrap();

    assert_eq!(answer.status, 401);
    let expected = json!({
        "success": false,
        "error": "unauthorized access",
        "errorCode": 401,
        "error_info": "Please check developers.pipedrive.com",
    });
    assert_eq!(answer.body, expected);
    assert_eq!(answer.header("x-401-by-gw"), "true");
    assert_eq!(answer.header("x-correlation-id").len(), 36);
    assert_eq!(sandbox.tokens_spent(), 0);
}

#[tokio::test]
async fn an_api_token_works_in_its_header_alone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let (api, token) = (Api::of(&sandbox), sandbox.api_token());

    let header = api.get("/v1/users/me").await;
    let bearer = send(
        api.anonymous(Method::GET, "/v1/users/me")
            .bearer_auth(&token),
    )
    .await
    .unwrap();
    let in_query = format!("/v1/users/me?api_token={token}");
    let query = send(api.anonymous(Method::GET, &in_query)).await.unwrap();

    assert_eq!(
        (header.status, bearer.status, query.status),
        (200, 401, 401)
    );
}

#[tokio::test]
async fn an_oauth_access_token_works_as_a_bearer() {
    let config = SandboxConfig {
        oauth_access_token: Some("an-access-token".to_owned()),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::spawn(config);
    let request = Api::of(&sandbox).anonymous(Method::GET, "/v1/users/me");

    let answer = send(request.bearer_auth("an-access-token")).await.unwrap();

    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_replaced_token_is_worth_nothing_at_once() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let old = Api::of(&sandbox);
    assert_eq!(old.get("/v1/users/me").await.status, 200);

    sandbox.rotate_api_token();

    assert_eq!(old.get("/v1/users/me").await.status, 401);
    assert_eq!(Api::of(&sandbox).get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn a_closed_account_is_answered_so_until_it_is_open_again() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    sandbox.set_account_closed(true);
    let closed = api.get("/v1/users/me").await;
    sandbox.set_account_closed(false);
    let open = api.get("/v1/users/me").await;

    assert_eq!((closed.status, open.status), (402, 200));
}

#[tokio::test]
async fn v1_has_two_bases_and_v2_has_one() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    assert_eq!(api.get("/v1/users/me").await.status, 200);
    assert_eq!(api.get("/api/v1/users/me").await.status, 200);
    assert_eq!(api.get("/api/v2/persons").await.status, 200);
    assert_eq!(api.get("/v2/persons").await.status, 404);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_in_pipedrives_shape() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    // The first is the name that a naive client would guess.
    for path in [
        "/v1/contacts?search=1",
        "/v1/persons",
        "/api/v2/notes",
        "/api/v2/persons/",
        "/x",
    ] {
        let answer = api.get(path).await;

        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body["success"], false, "{path}");
        assert_eq!(answer.body["errorCode"], 404, "{path}");
    }
    assert_eq!(
        api.put("/api/v2/persons/1", json!({"name": "X"}))
            .await
            .status,
        405
    );
}

/// `POST /oauth/token` by this app, with this form.
async fn refresh(sandbox: &Sandbox, secret: &str, form: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = Api::of(sandbox)
        .anonymous(Method::POST, "/oauth/token")
        .basic_auth(sandbox.app().client_id, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    send(request).await.expect("the sandbox answers")
}

#[tokio::test]
async fn an_app_refreshes_its_tokens_and_they_let_it_in_until_they_end() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let (app, api) = (sandbox.app(), Api::of(&sandbox));
    let token = app.refresh_token.unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*token)];

    let answer = refresh(&sandbox, &app.client_secret, &form).await;
    let me = || api.anonymous(Method::GET, "/v1/users/me");
    let access = answer.body["access_token"].as_str().unwrap();
    let before = send(me().bearer_auth(access)).await.unwrap();
    sandbox.end_access_tokens();
    let after = send(me().bearer_auth(access)).await.unwrap();

    assert_eq!(
        (answer.status, before.status, after.status),
        (200, 200, 401)
    );
    assert_eq!(answer.body["expires_in"], 3599);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["refresh_token"], *token);
    assert_eq!(sandbox.token_exchanges(), [1]);
    assert_eq!(sandbox.tokens_spent(), 2, "a refresh costs nothing");
}

#[tokio::test]
async fn how_long_access_tokens_live_can_be_changed_from_outside() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let (app, api) = (sandbox.app(), Api::of(&sandbox));
    let token = app.refresh_token.unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    let change = api
        .anonymous(Method::PUT, "/_sandbox/access-token-life")
        .json(&json!({"seconds": 0}));

    let changed = send(change).await.unwrap();
    let answer = refresh(&sandbox, &app.client_secret, &form).await;
    let access = answer.body["access_token"].as_str().unwrap();
    let me = api.anonymous(Method::GET, "/v1/users/me");
    let ended = send(me.bearer_auth(access)).await.unwrap();

    assert_eq!(
        (changed.status, answer.status, ended.status),
        (204, 200, 401)
    );
    assert_eq!(answer.body["expires_in"], 0);
}

#[tokio::test]
async fn a_refresh_token_may_change_and_be_spent() {
    let config = SandboxConfig {
        oauth: OAuthConfig {
            refresh_tokens: RefreshTokens::Spend,
            ..OAuthConfig::default()
        },
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::spawn(config);
    let app = sandbox.app();
    let first = app.refresh_token.unwrap();
    let exchange = async |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        refresh(&sandbox, &app.client_secret, &form).await
    };

    let second = exchange(&first).await.body["refresh_token"].clone();
    let second = second.as_str().unwrap();
    let (spent, good) = (exchange(&first).await, exchange(second).await);

    assert_ne!(first, second);
    assert_eq!((spent.status, good.status), (400, 200));
    assert_eq!(spent.body["error"], "invalid_grant");
}

#[tokio::test]
async fn what_is_no_refresh_by_the_app_is_refused_as_documented() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let app = sandbox.app();
    let token = app.refresh_token.unwrap();
    let grant = ("grant_type", "refresh_token");

    for (secret, form, error) in [
        ("wrong", vec![grant, ("refresh_token", &*token)], "client"),
        (
            &*app.client_secret,
            vec![grant, ("refresh_token", "no")],
            "grant",
        ),
        (&*app.client_secret, vec![grant], "request"),
        (
            &*app.client_secret,
            vec![("refresh_token", &*token)],
            "request",
        ),
        (
            &*app.client_secret,
            vec![("grant_type", "password")],
            "unsupported",
        ),
    ] {
        let answer = refresh(&sandbox, secret, &form).await;

        assert_eq!(answer.status, 400, "{form:?}");
        let text = answer.body["error"].as_str().unwrap();
        assert!(text.contains(error), "{form:?}: {text}");
    }
    let api = Api::of(&sandbox);
    let anonymous = send(api.anonymous(Method::POST, "/oauth/token")).await;
    assert_eq!(anonymous.unwrap().body["error"], "invalid_client");
    assert_eq!(api.get("/oauth/token").await.status, 405);
    assert!(sandbox.token_exchanges().is_empty());
}

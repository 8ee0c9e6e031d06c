//! Who is let in, and where requests lead.

use bridge_tests::pipedrive::{Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::json;

use crate::api::{Api, send};

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
async fn a_closed_account_is_told_so_until_it_is_open_again() {
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

//! A plain client of the sandbox.

use std::time::{Duration, Instant};

use bridge_tests::sandbox::pipedrive::Sandbox;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Longer than anything here takes; a test that hangs ends with an error instead.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests with the API token that was valid when it was made.
pub struct Api {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// Status, headers and body of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Api {
    pub fn of(sandbox: &Sandbox) -> Self {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        Self {
            http: http.expect("a client without special settings can be built"),
            base_url: sandbox.base_url(),
            token: sandbox.api_token(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.expect(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.expect(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.expect(self.request(Method::POST, path).json(&body))
            .await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.expect(self.request(Method::PUT, path).json(&body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.expect(self.request(Method::PATCH, path).json(&body))
            .await
    }

    /// A request with the token, for whatever the methods above do not do.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path)
            .header("x-api-token", &self.token)
    }

    /// A request without credentials.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base_url))
    }

    async fn expect(&self, request: RequestBuilder) -> Answer {
        send(request).await.expect("the sandbox answers")
    }
}

impl Answer {
    /// A header's value, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The text of a refusal.
    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// The ids of a list.
    pub fn ids(&self) -> Vec<i64> {
        let items = self.body["data"].as_array().into_iter().flatten();
        items.filter_map(|item| item["id"].as_i64()).collect()
    }

    /// The ids of search results.
    pub fn found(&self) -> Vec<i64> {
        let items = self.body["data"]["items"].as_array().into_iter().flatten();
        items
            .filter_map(|item| item["item"]["id"].as_i64())
            .collect()
    }
}

/// Sends a request and reads the whole answer, if there is one.
pub async fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer {
        status,
        headers,
        text,
        body,
    })
}

/// Waits until something is so, and says what was missing if it never is.
pub async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

//! The token endpoint of the login host, and the tokens that it handed out.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use super::config::SandboxConfig;
use super::reply::Reply;
use super::state::Incoming;

pub(super) const PATH: &str = "/oauth/token";

#[derive(Debug)]
pub(super) struct OAuth {
    pub client_id: String,
    pub client_secret: String,
    pub life: Duration,
    tokens: Vec<(String, Instant)>,
}

impl OAuth {
    pub fn new(config: &SandboxConfig) -> Self {
        Self {
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            life: config.token_life,
            tokens: Vec::new(),
        }
    }

    /// How many tokens were handed out.
    pub fn issued(&self) -> usize {
        self.tokens.len()
    }

    /// All tokens that were handed out.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.iter().map(|(token, _)| token.clone()).collect()
    }

    /// Ends every token before its time.
    pub fn end_tokens(&mut self) {
        let now = Instant::now();
        self.tokens
            .iter_mut()
            .for_each(|(_, ends_at)| *ends_at = now);
    }

    /// Whether an `Authorization` header has a token that serves.
    pub fn admits(&self, authorization: &str) -> bool {
        let Some(token) = authorization.strip_prefix("Bearer ") else {
            return false;
        };
        let mut tokens = self.tokens.iter();
        tokens.any(|(known, ends_at)| known == token && Instant::now() < *ends_at)
    }

    /// Answers a request for a token.
    pub fn token(&mut self, incoming: &Incoming<'_>) -> Reply {
        if incoming.method != "POST" {
            return refuse(405, "invalid_request", "method not allowed");
        }
        if incoming.content_type != "application/x-www-form-urlencoded" {
            return refuse(400, "invalid_request", "content type is not a form");
        }
        let form: Vec<_> = form_urlencoded::parse(incoming.body).into_owned().collect();
        if form != [("grant_type".to_owned(), "client_credentials".to_owned())] {
            return refuse(400, "unsupported_grant_type", "grant type is not supported");
        }
        let expected = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret));
        if incoming.authorization.strip_prefix("Basic ") != Some(&expected) {
            return refuse(400, "invalid_client", "client not found or secret invalid");
        }
        let token = format!("sandbox-{}", Uuid::new_v4().simple());
        self.tokens
            .push((token.clone(), Instant::now() + self.life));
        let body = json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.life.as_secs(),
        });
        Reply::json(200, &body)
    }
}

fn refuse(status: u16, error: &str, description: &str) -> Reply {
    let body =
        json!({"error": error, "description": description, "error_description": description});
    Reply::json(status, &body)
}

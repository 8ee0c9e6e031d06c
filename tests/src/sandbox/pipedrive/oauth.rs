//! Pipedrive as an authorization server: `POST /oauth/token` for one installed app.
//!
//! As strict as the documents: client credentials as HTTP Basic, a form for a body, one grant type. Whether a refresh
//! brings another refresh token, and what the old one is worth then, sources disagree on; [`RefreshTokens`] chooses.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::call::Call;
use super::contract::{Body, Operation, Verb, Version};
use super::error::{ApiError, gateway};
use super::reply::Reply;
use super::state::Incoming;
use super::world::{TOKEN_USER, World};

/// Where tokens are refreshed.
pub(super) const PATH: &str = "/oauth/token";

/// The one operation. It is served beside the API, and costs nothing.
static REFRESH: Operation = Operation {
    version: Version::V1,
    verb: Verb::Post,
    path: PATH,
    token_cost: 0,
    query: &[],
    body: Body::Empty,
    handler: refresh,
};

/// What becomes of a refresh token that was exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokens {
    /// The same one comes back.
    #[default]
    Stay,
    /// Another one comes back; the old one is still taken.
    Change,
    /// Another one comes back, and the old one is worth nothing from then on.
    Spend,
}

/// The app, and how its tokens live.
#[derive(Clone, Debug)]
pub struct OAuthConfig {
    /// Client id, which names the app.
    pub client_id: String,
    /// Client secret, the app's password.
    pub client_secret: String,
    /// What its first installation gave. A random one if it is `None`.
    pub refresh_token: Option<String>,
    /// How long an access token lives.
    pub life: Duration,
    /// What becomes of refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// The `api_domain` of answers; none where it is `None`.
    pub api_domain: Option<String>,
}

impl Default for OAuthConfig {
    fn default() -> Self {
        Self {
            client_id: "sandbox-app".to_owned(),
            client_secret: "sandbox-app-secret".to_owned(),
            refresh_token: None,
            life: Duration::from_secs(3599),
            refresh_tokens: RefreshTokens::default(),
            api_domain: None,
        }
    }
}

/// The tokens of the one installation.
#[derive(Debug, Default)]
pub(super) struct OAuthServer {
    pub(super) config: OAuthConfig,
    /// Access tokens with their end.
    access_tokens: HashMap<String, Instant>,
    /// Refresh tokens that are taken.
    refresh_tokens: Vec<String>,
    /// How often each refresh token was exchanged.
    exchanges: BTreeMap<String, usize>,
    /// Every token that was ever handed out.
    issued: Vec<String>,
}

impl OAuthServer {
    /// A token endpoint of an app that is installed.
    pub(super) fn new(config: OAuthConfig) -> Self {
        let mut server = Self {
            config,
            ..Self::default()
        };
        match server.config.refresh_token.clone() {
            Some(token) => {
                server.issued.push(token.clone());
                server.refresh_tokens.push(token);
            }
            None => server.config.refresh_token = Some(server.install()),
        }
        server
    }

    /// Whether a bearer is an access token that has not ended.
    pub(super) fn lets_in(&self, bearer: &str) -> bool {
        let end = self.access_tokens.get(bearer);
        end.is_some_and(|end| Instant::now() < *end)
    }

    /// Installs the app anew: what was handed out before is worth nothing. Returns the refresh token.
    pub(super) fn install(&mut self) -> String {
        self.access_tokens.clear();
        self.refresh_tokens.clear();
        self.install_beside()
    }

    /// Installs the app once more, as in another company: both have tokens of their own. Returns the refresh token.
    pub(super) fn install_beside(&mut self) -> String {
        let token = self.issue("refresh");
        self.refresh_tokens.push(token.clone());
        token
    }

    /// Ends every access token.
    pub(super) fn end_access_tokens(&mut self) {
        self.access_tokens.clear();
    }

    pub(super) fn exchanges(&self) -> Vec<usize> {
        self.exchanges.values().copied().collect()
    }

    pub(super) fn issued(&self) -> &[String] {
        &self.issued
    }

    /// Access tokens of the real one have more than 700 characters.
    fn issue(&mut self, kind: &str) -> String {
        let random = Uuid::new_v4().simple();
        let token = match kind {
            "access" => format!("v1u:{random}{}", "x".repeat(700)),
            _ => format!("1:1:{random}"),
        };
        self.issued.push(token.clone());
        token
    }

    fn exchange(&mut self, refresh_token: &str) -> Reply {
        if !self
            .refresh_tokens
            .iter()
            .any(|known| known == refresh_token)
        {
            return refusal("invalid_grant", "Invalid grant: refresh_token is invalid");
        }
        *self.exchanges.entry(refresh_token.to_owned()).or_default() += 1;
        let access_token = self.issue("access");
        let end = Instant::now() + self.config.life;
        self.access_tokens.insert(access_token.clone(), end);
        let next = match self.config.refresh_tokens {
            RefreshTokens::Stay => refresh_token.to_owned(),
            RefreshTokens::Change | RefreshTokens::Spend => self.issue("refresh"),
        };
        if self.config.refresh_tokens == RefreshTokens::Spend {
            self.refresh_tokens.retain(|known| known != refresh_token);
        }
        if !self.refresh_tokens.contains(&next) {
            self.refresh_tokens.push(next.clone());
        }
        let mut answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.config.life.as_secs(),
            "refresh_token": next,
            "scope": "contacts:full,activities:full,deals:read,base",
        });
        if let Some(api_domain) = &self.config.api_domain {
            answer["api_domain"] = Value::from(api_domain.as_str());
        }
        Reply::json(200, &answer)
    }
}

/// Decides whether a request is a refresh by the app.
pub(super) fn check(app: &OAuthConfig, incoming: &Incoming<'_>) -> Result<Call, Reply> {
    if incoming.method != "POST" {
        return Err(gateway(405, "Method not allowed"));
    }
    let client = incoming.credentials.basic.and_then(decode);
    let Some((id, secret)) = client else {
        let missing = "Invalid client: cannot retrieve client credentials";
        return Err(refusal("invalid_client", missing));
    };
    if (&id, &secret) != (&app.client_id, &app.client_secret) {
        return Err(refusal(
            "invalid_client",
            "Invalid client: client is invalid",
        ));
    }
    let is_form = incoming
        .content_type
        .starts_with("application/x-www-form-urlencoded");
    let form: BTreeMap<_, _> = form_urlencoded::parse(incoming.body)
        .filter(|_| is_form)
        .collect();
    match form.get("grant_type").map(|grant| &**grant) {
        None => return Err(refusal("invalid_request", "Missing parameter: grant_type")),
        Some("refresh_token") => {}
        Some(_) => {
            let unsupported = "Unsupported grant type: grant_type is invalid";
            return Err(refusal("unsupported_grant_type", unsupported));
        }
    }
    let Some(token) = form.get("refresh_token") else {
        return Err(refusal(
            "invalid_request",
            "Missing parameter: refresh_token",
        ));
    };
    let body = Map::from_iter([("refresh_token".to_owned(), Value::from(&**token))]);
    Ok(Call {
        operation: &REFRESH,
        id: String::new(),
        query: BTreeMap::new(),
        body,
        user_id: TOKEN_USER,
    })
}

fn decode(basic: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn refusal(error: &str, message: &str) -> Reply {
    Reply::json(
        400,
        &json!({"success": false, "message": message, "error": error}),
    )
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of handlers")]
fn refresh(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let token = call.body["refresh_token"].as_str().unwrap_or_default();
    Ok(world.oauth.exchange(token))
}

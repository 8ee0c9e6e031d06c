//! The access token of an OAuth client: fetched once, kept, renewed ahead of its end, by one request at a time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::answer::{ErrorBody, Limits};
use crate::error::GenesysError;
use crate::http::{Failure, read_body, transport};
use crate::model::tolerant;
use crate::redaction::code;

/// What is tried, in errors.
const OPERATION: &str = "obtain an access token";
const PATH: &str = "/oauth/token";
/// Genesys lets clients choose 300 to 172,800 s.
const LIFE_MAX: Duration = Duration::from_secs(172_800);
/// Assumed where an answer gives no life: the least that Genesys allows.
const LIFE_DEFAULT: Duration = Duration::from_secs(300);
/// A token is renewed when a tenth of its life is left, but never more than this long ahead.
const AHEAD_MAX: Duration = Duration::from_secs(600);
/// After a renewal ahead of time failed, the old token serves, and the endpoint is left alone for this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// A refusal of the client is answered from memory for this long: a queue of waiting calls asks once, not each in turn.
const DENIAL_MEMORY: Duration = Duration::from_secs(5);

/// Id and secret of an OAuth client with the grant "client credentials".
#[derive(Clone)]
pub struct ClientCredentials {
    /// Id of the OAuth client, which is no secret.
    pub client_id: String,
    /// Secret of the OAuth client.
    pub client_secret: SecretString,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").finish_non_exhaustive()
    }
}

/// An access token that was handed out.
#[derive(Debug)]
pub(crate) struct Token {
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    generation: u64,
    renew_at: Instant,
    ends_at: Instant,
}

/// The credentials, and the token obtained with them.
pub(crate) struct Credential {
    http: reqwest::Client,
    address: Url,
    credentials: Mutex<ClientCredentials>,
    token: RwLock<Option<Arc<Token>>>,
    /// Held while a token is fetched, so that one request is under way at most.
    renewal: tokio::sync::Mutex<Renewal>,
}

#[derive(Debug, Default)]
struct Renewal {
    generation: u64,
    paused_until: Option<Instant>,
    denied: Option<(Instant, u16, String)>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default, deserialize_with = "tolerant::maybe")]
    access_token: Option<SecretString>,
    #[serde(default, deserialize_with = "tolerant::maybe")]
    expires_in: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, deserialize_with = "tolerant::maybe")]
    error: Option<String>,
}

impl Credential {
    pub fn new(http: reqwest::Client, login_url: &Url, credentials: ClientCredentials) -> Self {
        let mut address = login_url.clone();
        address.set_path(PATH);
        Self {
            http,
            address,
            credentials: Mutex::new(credentials),
            token: RwLock::default(),
            renewal: tokio::sync::Mutex::default(),
        }
    }

    /// A token that is valid, as far as its age says. Waits for a new one only where there is none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may drop the request for a token; the next caller makes its own.
    pub async fn token(&self) -> Result<Arc<Token>, GenesysError> {
        let now = Instant::now();
        if let Some(token) = self.current().filter(|token| now < token.ends_at) {
            if now >= token.renew_at {
                return Ok(self.renewed_ahead(token, now).await);
            }
            return Ok(token);
        }
        let mut renewal = self.renewal.lock().await;
        match self.current() {
            // Whoever held the lock has fetched it.
            Some(token) if Instant::now() < token.ends_at => Ok(token),
            Some(_) | None => self.fetch(&mut renewal).await,
        }
    }

    /// A token in place of one that Genesys refused.
    pub async fn renewed(&self, refused: &Token) -> Result<Arc<Token>, GenesysError> {
        let mut renewal = self.renewal.lock().await;
        match self.current() {
            Some(token) if token.generation != refused.generation => Ok(token),
            Some(_) | None => self.fetch(&mut renewal).await,
        }
    }

    /// Uses another secret from the next token on. The present token stays valid.
    pub async fn replace(&self, credentials: ClientCredentials) {
        *lock(&self.credentials) = credentials;
        self.renewal.lock().await.denied = None;
    }

    /// A newer token, or the present one where another caller fetches already, or the endpoint does not answer.
    async fn renewed_ahead(&self, token: Arc<Token>, now: Instant) -> Arc<Token> {
        let Ok(mut renewal) = self.renewal.try_lock() else {
            return token;
        };
        if renewal.paused_until.is_some_and(|until| now < until) {
            return token;
        }
        match self.fetch(&mut renewal).await {
            Ok(renewed) => renewed,
            Err(error) => {
                renewal.paused_until = Some(Instant::now() + RENEWAL_PAUSE);
                tracing::warn!(%error, "Genesys' access token was not renewed; the present one serves until it ends");
                token
            }
        }
    }

    async fn fetch(&self, renewal: &mut Renewal) -> Result<Arc<Token>, GenesysError> {
        if let Some((until, status, code)) = &renewal.denied
            && Instant::now() < *until
        {
            return Err(GenesysError::Denied {
                status: *status,
                code: code.clone(),
            });
        }
        let asked_at = Instant::now();
        let answer = match self.request().await {
            Ok(answer) => answer,
            Err(error) => {
                if let GenesysError::Denied { status, code } = &error {
                    let until = Instant::now() + DENIAL_MEMORY;
                    renewal.denied = Some((until, *status, code.clone()));
                }
                return Err(error);
            }
        };
        renewal.generation += 1;
        renewal.paused_until = None;
        renewal.denied = None;
        let token = Arc::new(answer.into_token(renewal.generation, asked_at)?);
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn request(&self) -> Result<TokenAnswer, GenesysError> {
        let credentials = lock(&self.credentials).clone();
        let request = self
            .http
            .post(self.address.clone())
            .basic_auth(
                &credentials.client_id,
                Some(credentials.client_secret.expose_secret()),
            )
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let answer = request
            .send()
            .await
            .map_err(|error| transport(OPERATION, error))?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = read_body(answer)
            .await
            .map_err(|failure| failure.during(OPERATION, status))?;
        if status != 200 {
            return Err(refused(status, &headers, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|_| Failure::Form("it is not a token").during(OPERATION, status))
    }

    fn current(&self) -> Option<Arc<Token>> {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn lock(credentials: &Mutex<ClientCredentials>) -> std::sync::MutexGuard<'_, ClientCredentials> {
    credentials.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenAnswer {
    fn into_token(self, generation: u64, asked_at: Instant) -> Result<Token, GenesysError> {
        let unusable = |reason| Failure::Form(reason).during(OPERATION, 200);
        let text = self
            .access_token
            .ok_or_else(|| unusable("it has no access token"))?;
        let bearer = format!("Bearer {}", text.expose_secret());
        let mut header = HeaderValue::from_str(&bearer)
            .map_err(|_| unusable("its access token cannot be a header"))?;
        header.set_sensitive(true);
        let life = self
            .expires_in
            .map_or(LIFE_DEFAULT, Duration::from_secs)
            .min(LIFE_MAX);
        Ok(Token {
            header,
            generation,
            renew_at: asked_at + life - (life / 10).min(AHEAD_MAX),
            ends_at: asked_at + life,
        })
    }
}

/// What an answer of the token endpoint without a token means.
fn refused(status: u16, headers: &HeaderMap, body: &[u8]) -> GenesysError {
    match status {
        429 => {
            let limits = Limits::read(status, headers, &ErrorBody::read(body));
            GenesysError::RateLimited {
                operation: OPERATION,
                wait: limits.retry_after.unwrap_or_default(),
            }
        }
        408 | 425 | 500.. => GenesysError::Server {
            operation: OPERATION,
            status,
        },
        400..=499 => {
            let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
            GenesysError::Denied {
                status,
                code: refusal
                    .error
                    .as_deref()
                    .and_then(code)
                    .unwrap_or_else(|| "no code".to_owned()),
            }
        }
        _ => Failure::Form("it is not a token").during(OPERATION, status),
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(expires_in: &str) -> Token {
        let body = format!(r#"{{"access_token":"example","expires_in":{expires_in}}}"#);
        let answer: TokenAnswer = serde_json::from_str(&body).unwrap();
        answer.into_token(1, Instant::now()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_ahead_of_its_end() {
        let life = |expires_in| {
            let token = token(expires_in);
            let now = Instant::now();
            let seconds = |at: Instant| (at - now).as_secs();
            (seconds(token.renew_at), seconds(token.ends_at))
        };

        assert_eq!(life("86399"), (85_799, 86_399));
        assert_eq!(life("300"), (270, 300));
        assert_eq!(life("null"), (270, 300));
        assert_eq!(life("18446744073709551615"), (172_200, 172_800));
    }

    #[tokio::test(start_paused = true)]
    async fn the_present_token_serves_while_it_cannot_be_renewed_and_no_longer() {
        // Port 1 refuses connections.
        let address = "http://127.0.0.1:1".parse().unwrap();
        let credentials = ClientCredentials {
            client_id: "id".to_owned(),
            client_secret: "secret".into(),
        };
        let http = reqwest::Client::builder().build().unwrap();
        let credential = Credential::new(http, &address, credentials);
        *credential.token.write().unwrap() = Some(Arc::new(token("300")));

        tokio::time::advance(Duration::from_secs(271)).await;
        let kept = credential.token().await.unwrap();
        let paused_until = credential.renewal.lock().await.paused_until;
        tokio::time::advance(Duration::from_secs(30)).await;
        let error = credential.token().await.unwrap_err();

        assert_eq!(kept.generation, 1);
        assert!(paused_until.is_some(), "a renewal was tried");
        assert!(error.is_transient(), "{error:?}");
    }

    #[test]
    fn debug_shows_neither_token_nor_secret() {
        let credentials = ClientCredentials {
            client_id: "example-id".to_owned(),
            client_secret: "example-secret".into(),
        };
        let shown = format!("{credentials:?} {:?}", token("300"));

        assert!(!shown.contains("example"), "{shown}");
    }

    #[test]
    fn a_refused_client_is_denied_and_a_failing_endpoint_is_not() {
        let body = br#"{"error":"invalid_client","error_description":"client not found: 4711"}"#;

        let denied = refused(400, &HeaderMap::new(), body);
        let failed = refused(503, &HeaderMap::new(), b"<html>");

        assert_eq!(
            denied.to_string(),
            "Genesys refuses the OAuth client with 400 (invalid_client): check the client id and secret"
        );
        assert!(failed.is_transient());
    }
}

//! How a call is sent: tokens before it, limits and errors after it, again where that is harmless and may help.

use std::future::ready;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use shared::fail_point::{self, FailPoint};

use super::answer::{Limits, limits, refused};
use super::call::Call;
use super::client::Client;
use super::credential::Pass;
use super::error::PipedriveError;
use super::model::Answer;
use super::oauth::Denial;
use crate::backoff;
use crate::metrics as names;

/// How often a call that a rate limit turned away is sent again while its message is held.
const RATE_LIMITED_TRIES: u32 = 2;
/// How often a call that may be repeated is repeated after a failure, and the first pause.
const REPEATS: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What came of a call that was sent.
pub(super) type Exchanged<T> = Result<(Answer<T>, Limits), PipedriveError>;

/// What a call costs.
#[derive(Clone, Copy, Debug)]
pub struct Spend {
    /// Tokens of the daily budget: `x-token-cost` in Pipedrive's documents.
    pub tokens: u64,
    /// Whether it counts as a search.
    pub is_search: bool,
}

/// The one HTTP client, of the API and of the token endpoint.
///
/// # Errors
///
/// When the system's certificates cannot be loaded.
pub fn http_client(
    request_timeout: Duration,
    connect_timeout: Duration,
) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!(
            "genesys-pipedrive-bridge/",
            env!("CARGO_PKG_VERSION")
        ))
        .timeout(request_timeout)
        .connect_timeout(connect_timeout)
        // A redirected POST would become a GET.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

impl Client {
    /// Sends a call when the bucket has tokens for it; again where that is harmless and may help.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Answer<T>, PipedriveError> {
        self.call_intended(call, || ready(Ok(()))).await
    }

    /// The same, and `intend` is asked just before each request leaves, when nothing is waited for any more: so what it
    /// writes down tells when the request has ended at the latest. Nothing is sent where it fails.
    pub(super) async fn call_intended<T, E, F>(
        &self,
        call: &Call<'_>,
        intend: impl Fn() -> F,
    ) -> Result<Answer<T>, E>
    where
        T: DeserializeOwned,
        E: From<PipedriveError>,
        F: Future<Output = Result<(), E>>,
    {
        let spend = Spend {
            tokens: call.cost,
            is_search: call.is_search,
        };
        let mut pauses = backoff::pauses(FIRST_PAUSE, REPEATS);
        let mut rate_limited = 0;
        loop {
            self.bucket
                .take(spend)
                .await
                .map_err(|error| error.during(call.operation))?;
            match self.send_intended(call, &intend).await? {
                Ok((answer, limits)) => {
                    fail_point::reach_with(FailPoint::PipedriveAnswered, call.operation).await;
                    // What was done is done: that the bucket could not be corrected must not hide it.
                    if let Err(error) = self.bucket.learn(limits).await {
                        tracing::debug!(%error, "The token bucket was not corrected");
                    }
                    return Ok(answer);
                }
                Err(PipedriveError::RateLimited { wait, .. })
                    if rate_limited < RATE_LIMITED_TRIES =>
                {
                    rate_limited += 1;
                    self.bucket
                        .pause(wait)
                        .await
                        .map_err(PipedriveError::Redis)?;
                }
                Err(error @ PipedriveError::BudgetSpent { wait, .. }) => {
                    self.bucket
                        .end_day(wait)
                        .await
                        .map_err(PipedriveError::Redis)?;
                    return Err(error.into());
                }
                Err(error) if call.is_repeatable() && error.may_heal_at_once() => {
                    match pauses.next() {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a call at once, past the bucket.
    pub(super) async fn send<T: DeserializeOwned>(&self, call: &Call<'_>) -> Exchanged<T> {
        self.send_intended(call, &|| ready(Ok::<_, PipedriveError>(())))
            .await?
    }

    /// Sends a call at once; an error where it could not be sent. An app's token that is refused is refreshed, and the call
    /// sent again, once: the gateway refuses before anything is done, so a create may be repeated too. The second request
    /// takes nothing from the bucket; the first was not charged.
    async fn send_intended<T, E, F>(
        &self,
        call: &Call<'_>,
        intend: &impl Fn() -> F,
    ) -> Result<Exchanged<T>, E>
    where
        T: DeserializeOwned,
        E: From<PipedriveError>,
        F: Future<Output = Result<(), E>>,
    {
        let credential = &self.settings.credential;
        let pass = credential.pass().await.map_err(PipedriveError::from)?;
        intend().await?;
        let refusal = match self.attempt(call, &pass).await {
            Err(error @ PipedriveError::Unauthorized { status: 401 }) => error,
            exchanged => return Ok(exchanged),
        };
        let renewed = credential.renewed(&pass).await;
        let Some(renewed) = renewed.map_err(PipedriveError::from)? else {
            return Ok(Err(refusal));
        };
        intend().await?;
        Ok(match self.attempt(call, &renewed).await {
            Err(PipedriveError::Unauthorized { status: 401 }) => {
                Err(PipedriveError::Denied(Denial::AccessToken))
            }
            exchanged => exchanged,
        })
    }

    async fn attempt<T: DeserializeOwned>(&self, call: &Call<'_>, pass: &Pass) -> Exchanged<T> {
        let begun = Instant::now();
        let result = self.exchange(call, pass).await;
        let status = match &result {
            Ok(_) => "200".to_owned(),
            Err(error) => error
                .status()
                .map_or_else(|| "none".to_owned(), |status| status.to_string()),
        };
        let labels = [("endpoint", call.endpoint()), ("status", status)];
        metrics::counter!(names::REQUESTS, &labels).increment(1);
        metrics::counter!(names::TOKENS_SPENT).increment(call.cost);
        metrics::histogram!(names::REQUEST_SECONDS).record(begun.elapsed().as_secs_f64());
        result
    }

    async fn exchange<T: DeserializeOwned>(&self, call: &Call<'_>, pass: &Pass) -> Exchanged<T> {
        let operation = call.operation;
        let answer = self.request(call, pass).send().await.map_err(|source| {
            if source.is_connect() {
                PipedriveError::Unreachable {
                    operation,
                    source: source.without_url(),
                }
            } else {
                PipedriveError::NoAnswer {
                    operation,
                    source: source.without_url(),
                }
            }
        })?;
        if !answer.status().is_success() {
            return Err(refused(call, answer).await);
        }
        let status = answer.status().as_u16();
        let limits = limits(answer.headers());
        let body = answer.bytes().await;
        let body = body.map_err(|source| PipedriveError::NoAnswer {
            operation,
            source: source.without_url(),
        })?;
        match serde_json::from_slice::<Answer<T>>(&body) {
            Ok(answer) if answer.success != Some(false) => Ok((answer, limits)),
            Ok(_) | Err(_) => Err(PipedriveError::Unreadable { operation, status }),
        }
    }

    fn request(&self, call: &Call<'_>, pass: &Pass) -> RequestBuilder {
        let origin = pass.origin.as_ref();
        let mut url = origin.unwrap_or(&self.settings.base_url).clone();
        url.set_path(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        // Never in the query: addresses end up in logs.
        let request = self
            .http
            .request(call.method.clone(), url)
            .header(&pass.name, &pass.value);
        match &call.body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            None => request,
        }
    }
}

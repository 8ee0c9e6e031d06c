//! How a call is sent: its tokens before it, limits and errors after it, again where that is harmless and may help.

use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::answer::{Answer, DAY, limits, parse, refused};
use crate::call::Call;
use crate::client::Client;
use crate::credential::Authorization;
use crate::error::PipedriveError;
use crate::limits::Limits;
use crate::metrics as names;
use crate::oauth::Denial;
use crate::ports::Receipt;
use crate::reservation::Reservation;

/// How often a call that a rate limit refused is sent again while its message is held.
const RATE_LIMITED_REPEATS: u32 = 2;

/// The right to send one request: its tokens are taken, its authorization is at hand, and it is sent after
/// [`Self::wait`]. What a caller notes now says when the request has ended at the latest.
#[derive(Debug)]
#[must_use = "its tokens are taken until it is dropped"]
pub struct Permit {
    reservation: Reservation,
    authorization: Authorization,
    repeats: Repeats,
}

impl Permit {
    /// How long it is until the request may be sent: a moment, for which [`Client::send`] waits.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let due = self.reservation.receipt().granted;
        due.saturating_duration_since(Instant::now())
    }
}

/// How often one call was refused for a reason that the client handles itself.
#[derive(Clone, Copy, Debug, Default)]
struct Repeats {
    rate_limited: u32,
    is_renewed: bool,
}

/// What came of a write that was sent.
#[derive(Debug)]
pub enum Sent<T> {
    /// Pipedrive carried it out.
    Answered(T),
    /// Pipedrive did not carry it out.
    Refused(Box<Refused>),
    /// Pipedrive may have carried it out, now or later.
    Unknown(PipedriveError),
}

/// A refusal, from which [`Client::reserve_again`] may find a way.
#[derive(Debug)]
pub struct Refused {
    error: PipedriveError,
    receipt: Receipt,
    authorization: Authorization,
    repeats: Repeats,
}

impl Client {
    /// Reserves room for `call`: takes its tokens from the budget and gets a valid authorization. All waiting is done
    /// here.
    ///
    /// # Errors
    ///
    /// When the budget has no room in time, there is no access token, or a store does not answer.
    pub async fn reserve<T>(&self, call: &Call<T>) -> Result<Permit, PipedriveError> {
        Ok(Permit {
            reservation: self.take(call).await?,
            authorization: self.credential().authorization().await?,
            repeats: Repeats::default(),
        })
    }

    /// Sends a write once, at the moment of its permit.
    pub async fn send<T: DeserializeOwned>(&self, permit: Permit, call: &Call<T>) -> Sent<T> {
        permit.reservation.due().await;
        let receipt = permit.reservation.redeem();
        match self
            .attempt(call, &permit.authorization, Some(receipt))
            .await
        {
            Ok(answer) => Sent::Answered(answer.data),
            Err(error) if error.class().outcome_is_unknown => Sent::Unknown(error),
            Err(error) => Sent::Refused(Box::new(Refused {
                error,
                receipt,
                authorization: permit.authorization,
                repeats: permit.repeats,
            })),
        }
    }

    /// Reserves room for a call that was refused, where the refusal may be over at once: after a burst, or with a renewed
    /// access token. The gateway refuses a token before anything is done, so a create may be sent again too.
    ///
    /// # Errors
    ///
    /// The refusal itself where there is no way; otherwise as [`Self::reserve`].
    pub async fn reserve_again<T>(
        &self,
        refused: Box<Refused>,
        call: &Call<T>,
    ) -> Result<Permit, PipedriveError> {
        let Refused {
            error,
            receipt,
            authorization,
            mut repeats,
        } = *refused;
        match &error {
            PipedriveError::RateLimited { wait, .. }
                if repeats.rate_limited < RATE_LIMITED_REPEATS =>
            {
                repeats.rate_limited += 1;
                self.budget.pause(call.spend(), *wait).await?;
                Ok(Permit {
                    reservation: self.take(call).await?,
                    authorization: self.credential().authorization().await?,
                    repeats,
                })
            }
            PipedriveError::BudgetSpent {
                operation,
                of,
                wait,
            } => {
                let named = Some(*wait).filter(|wait| *wait < DAY);
                Err(PipedriveError::BudgetSpent {
                    operation,
                    of: *of,
                    wait: self.budget.end_day(*of, named).await?,
                })
            }
            PipedriveError::Unauthorized { status: 401 } if repeats.is_renewed => {
                Err(PipedriveError::Denied(Denial::AccessToken))
            }
            PipedriveError::Unauthorized { status: 401 } => {
                // Its tokens are still there: Pipedrive did not charge the request that it refused.
                match self.credential().renewed(&authorization).await? {
                    None => Err(error),
                    Some(authorization) => {
                        repeats.is_renewed = true;
                        Ok(Permit {
                            reservation: Reservation::new(self.budget.clone(), receipt),
                            authorization,
                            repeats,
                        })
                    }
                }
            }
            _ => Err(error),
        }
    }

    /// Carries out a read; again where that may help.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        call: &Call<T>,
    ) -> Result<Answer<T>, PipedriveError> {
        debug_assert!(call.is_repeatable(), "a write is noted before it is sent");
        let mut pauses = (self.settings.repeat_pauses)();
        let mut permit = self.reserve(call).await?;
        loop {
            permit.reservation.due().await;
            let receipt = permit.reservation.redeem();
            let attempt = self.attempt(call, &permit.authorization, Some(receipt));
            let error = match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.class().may_heal_at_once && call.timeout.is_none() {
                match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                }
                permit = self.reserve(call).await?;
            } else {
                let refused = Box::new(Refused {
                    error,
                    receipt,
                    authorization: permit.authorization,
                    repeats: permit.repeats,
                });
                permit = self.reserve_again(refused, call).await?;
            }
        }
    }

    /// Carries out a read at once, past the budget: it must be possible while all else is paused.
    pub(crate) async fn read_unbudgeted<T: DeserializeOwned>(
        &self,
        call: &Call<T>,
    ) -> Result<Answer<T>, PipedriveError> {
        let authorization = self.credential().authorization().await?;
        let refusal = match self.attempt(call, &authorization, None).await {
            Err(error @ PipedriveError::Unauthorized { status: 401 }) => error,
            other => return other,
        };
        let Some(renewed) = self.credential().renewed(&authorization).await? else {
            return Err(refusal);
        };
        match self.attempt(call, &renewed, None).await {
            Err(PipedriveError::Unauthorized { status: 401 }) => {
                Err(PipedriveError::Denied(Denial::AccessToken))
            }
            other => other,
        }
    }

    async fn take<T>(&self, call: &Call<T>) -> Result<Reservation, PipedriveError> {
        let taken = self.budget.take(call.spend()).await;
        let receipt = taken.map_err(|error| error.during(call.operation))?;
        Ok(Reservation::new(self.budget.clone(), receipt))
    }

    /// Corrects the budget after an attempt. What was done is done: that it could not be corrected must not hide that.
    async fn settle(&self, receipt: Option<Receipt>, limits: Option<Limits>, was_sent: bool) {
        let settled = match (receipt, limits) {
            (Some(receipt), _) if !was_sent => self.budget.give_back(receipt).await,
            (receipt, Some(limits)) => self.budget.learn(receipt, limits).await,
            (_, None) => Ok(()),
        };
        if let Err(error) = settled {
            tracing::debug!(%error, "The budget was not corrected after a request");
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        call: &Call<T>,
        authorization: &Authorization,
        receipt: Option<Receipt>,
    ) -> Result<Answer<T>, PipedriveError> {
        let begun = Instant::now();
        let (result, limits) = self.exchange(call, authorization).await;
        let status = match &result {
            Ok(_) => "200".to_owned(),
            Err(error) => {
                let status = error.class().status;
                status.map_or_else(|| "none".to_owned(), |status| status.to_string())
            }
        };
        let labels = [("endpoint", call.endpoint()), ("status", status)];
        metrics::counter!(names::REQUESTS, &labels).increment(1);
        metrics::histogram!(names::REQUEST_SECONDS).record(begun.elapsed().as_secs_f64());
        let was_sent = !matches!(result, Err(PipedriveError::Unreachable { .. }));
        if was_sent {
            metrics::counter!(names::TOKENS_SPENT).increment(call.cost);
        }
        if result.is_ok() && receipt.is_some() {
            self.budget.answered(call.spend()).await;
        }
        let receipt = receipt.map(|receipt| Receipt {
            took: begun.elapsed(),
            was_refused: matches!(result, Err(PipedriveError::RateLimited { .. })),
            ..receipt
        });
        self.settle(receipt, limits, was_sent).await;
        result
    }

    /// Sends the request, and reads the answer and, where there is one, its limits.
    async fn exchange<T: DeserializeOwned>(
        &self,
        call: &Call<T>,
        authorization: &Authorization,
    ) -> (Result<Answer<T>, PipedriveError>, Option<Limits>) {
        let answer = match self.ask(call, authorization).await {
            Ok(answer) => answer,
            Err(error) => return (Err(error), None),
        };
        let limits = limits(answer.headers());
        let result = if answer.status().is_success() {
            read(call, limits, answer).await
        } else {
            Err(refused(call.operation, call.body.as_ref(), answer).await)
        };
        (result, Some(limits))
    }

    async fn ask<T>(
        &self,
        call: &Call<T>,
        authorization: &Authorization,
    ) -> Result<Response, PipedriveError> {
        let operation = call.operation;
        let sent = self.request(call, authorization).send().await;
        sent.map_err(|source| {
            if source.is_connect() {
                let source = source.without_url();
                PipedriveError::Unreachable { operation, source }
            } else {
                no_answer(operation, source)
            }
        })
    }

    fn request<T>(&self, call: &Call<T>, authorization: &Authorization) -> RequestBuilder {
        let origin = authorization.origin.as_ref();
        let mut url = origin.unwrap_or(&self.settings.base_url).clone();
        url.set_path(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        // Never in the query: addresses end up in logs.
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header(&authorization.name, &authorization.value);
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        match &call.body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            None => request,
        }
    }
}

fn no_answer(operation: &'static str, source: reqwest::Error) -> PipedriveError {
    PipedriveError::NoAnswer {
        operation,
        source: source.without_url(),
    }
}

/// Reads an answer of success.
async fn read<T: DeserializeOwned>(
    call: &Call<T>,
    limits: Limits,
    answer: Response,
) -> Result<Answer<T>, PipedriveError> {
    let (operation, status) = (call.operation, answer.status().as_u16());
    let body = answer.bytes().await;
    let body = body.map_err(|source| no_answer(operation, source))?;
    parse(&body, limits, call.expected_id).map_err(|problem| PipedriveError::Unreadable {
        operation,
        status,
        problem,
    })
}

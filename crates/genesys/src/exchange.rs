//! How a call is sent: a request out of the budget before it, limits and errors after it, once more with a new token.
//!
//! Nothing else is repeated here. What failed is the caller's to try again, after a pause that holds no message.

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::answer::{ErrorBody, Limits, refused};
use crate::call::Call;
use crate::client::Client;
use crate::credential::Token;
use crate::error::GenesysError;
use crate::http::{Failure, read_body, transport};
use crate::ports::NoRoom;

/// Body and headers of a 2xx answer.
pub(crate) struct Success {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a call, and reads the answer's record.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, GenesysError> {
        let success = self.send(call).await?;
        decode(call.operation.name, &success)
    }

    /// Sends a call. With a token that is refused it is sent once more, with a new one.
    pub(crate) async fn send(&self, call: &Call) -> Result<Success, GenesysError> {
        let token = self.credential.token().await?;
        match self.attempt(call, &token).await {
            Err(GenesysError::Unauthorized { .. }) => {
                let token = self.credential.renewed(&token).await?;
                self.attempt(call, &token).await
            }
            done => done,
        }
    }

    async fn attempt(&self, call: &Call, token: &Token) -> Result<Success, GenesysError> {
        let operation = call.operation;
        let reserved = self.budget.reserve().await;
        let _permit = reserved.map_err(|error| no_room(operation.name, error))?;
        let sent = self.request(call, token).send().await;
        let answer = sent.map_err(|error| transport(operation.name, error))?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = read_body(answer).await;
        let error = match &body {
            Ok(body) if status >= 300 => ErrorBody::read(body),
            Ok(_) | Err(_) => ErrorBody::default(),
        };
        let limits = Limits::read(status, &headers, &error);
        self.budget.learn(limits).await;
        if (200..300).contains(&status) {
            let body = body.map_err(|failure| failure.during(operation.name, status))?;
            return Ok(Success { status, body });
        }
        let correlation = headers.get("inin-correlation-id");
        tracing::debug!(
            genesys.correlation_id = ?correlation,
            status,
            "Genesys refused to {}",
            operation.name
        );
        Err(refused(operation, status, limits, &error))
    }

    fn request(&self, call: &Call, token: &Token) -> RequestBuilder {
        let mut address = self.api_url.clone();
        address.set_path(&call.path);
        let request = self
            .http
            .request(call.operation.verb.into(), address)
            .query(&call.query)
            .header(AUTHORIZATION, token.header.clone());
        match &call.body {
            None => request,
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
        }
    }
}

/// The record in a success.
pub(crate) fn decode<T: DeserializeOwned>(
    operation: &'static str,
    success: &Success,
) -> Result<T, GenesysError> {
    // The source is left out: it may quote what it stumbled on.
    serde_json::from_slice(&success.body)
        .map_err(|_| Failure::Form("it has another form").during(operation, success.status))
}

fn no_room(operation: &'static str, error: NoRoom) -> GenesysError {
    match error {
        NoRoom::Busy(wait) => GenesysError::RateLimited { operation, wait },
        NoRoom::Store(source) => GenesysError::Budget { operation, source },
    }
}

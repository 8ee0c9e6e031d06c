//! The webhook, in this order: size → authentication of the raw bytes → JSON → recognition → publish → confirm → 200.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use shared::broker::{Outgoing, Publisher, message, topology};
use shared::config::{ConfigError, Ingest};
use shared::domain::event::{Filter, Ignored, Recognised, recognise};
use shared::domain::ids::InteractionId;
use shared::{clock, telemetry};

use crate::auth::Authenticator;
use crate::error::WebhookError;
use crate::metrics::Metrics;

/// The topic of forms whose body does not hold it, beside the query parameter `topic`.
const TOPIC_HEADER: &str = "x-genesys-topic";
const TRACEPARENT_HEADER: &str = "traceparent";
/// The AMQP `app_id` of what is published here.
const APP_ID: &str = "ingest";

/// What the webhook needs, from the settings.
pub struct Webhook {
    authenticator: Authenticator,
    filter: Filter,
    body_limit_bytes: usize,
    publish_timeout: Duration,
    retry_after: Duration,
    metrics: Metrics,
}

impl Webhook {
    /// Reads the settings, and registers its metrics with `recorder`.
    ///
    /// # Errors
    ///
    /// As [`Authenticator::new`].
    pub fn new(settings: &Ingest, recorder: &PrometheusHandle) -> Result<Self, ConfigError> {
        Ok(Self {
            authenticator: Authenticator::new(settings)?,
            filter: settings.filter(),
            body_limit_bytes: settings.body_limit_bytes,
            publish_timeout: settings.publish_timeout,
            retry_after: settings.retry_after,
            metrics: Metrics::new(recorder),
        })
    }
}

/// What became of an authentic, well-formed event.
enum Outcome {
    Accepted(InteractionId),
    Ignored(Ignored),
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Answer<'a> {
    Accepted {
        #[serde(rename = "interactionId")]
        interaction_id: &'a str,
    },
    Ignored {
        reason: String,
    },
}

/// `POST /api/v1/genesys/webhook`
///
/// Answers 200 only after the publisher confirm: until then the sender holds the only copy, and an error makes it send
/// again.
pub async fn receive(
    request: HttpRequest,
    mut payload: web::Payload,
    webhook: web::Data<Webhook>,
    publisher: web::Data<Publisher>,
) -> HttpResponse {
    webhook.metrics.received.increment(1);
    match webhook.take(&request, &mut payload, &publisher).await {
        Ok(Outcome::Accepted(interaction)) => {
            webhook.metrics.accepted.increment(1);
            HttpResponse::Ok().json(Answer::Accepted {
                interaction_id: interaction.as_str(),
            })
        }
        Ok(Outcome::Ignored(ignored)) => {
            webhook.metrics.ignored(ignored.label());
            HttpResponse::Ok().json(Answer::Ignored {
                reason: ignored.to_string(),
            })
        }
        Err(error) => {
            webhook.metrics.failed(&error);
            tracing::debug!(
                reason = error.label(),
                error = &error as &dyn std::error::Error,
                "Webhook not taken"
            );
            error.to_response(webhook.authenticator.challenges(), webhook.retry_after)
        }
    }
}

impl Webhook {
    async fn take(
        &self,
        request: &HttpRequest,
        payload: &mut web::Payload,
        publisher: &Publisher,
    ) -> Result<Outcome, WebhookError> {
        let headers = request.headers();
        let body = read_body(headers, payload, self.body_limit_bytes).await?;
        self.authenticator.check(headers, &body)?;
        let topic = topic(request);
        let event = match recognise(&body, topic.as_deref(), &self.filter)? {
            Recognised::Event(event) => event,
            Recognised::Ignored(ignored) => return Ok(Outcome::Ignored(ignored)),
        };
        let traceparent = telemetry::traceparent(text(headers, TRACEPARENT_HEADER));
        let properties = message::accept(&event, clock::now(), &traceparent, APP_ID);
        let (source, kind) = (event.source, event.kind);
        let interaction = event.interaction;
        self.publish(
            publisher,
            Outgoing {
                exchange: topology::EXCHANGE,
                routing_key: topology::WORK_KEY.into(),
                properties,
                body: body.clone(),
            },
        )
        .await?;
        tracing::debug!(
            interaction.id = %interaction,
            source = source.as_str(),
            event = kind.as_str(),
            traceparent,
            "Accepted {} of {interaction}",
            kind.as_str(),
        );
        Ok(Outcome::Accepted(interaction))
    }

    /// Publishes within the budget, the confirm included.
    async fn publish(&self, publisher: &Publisher, message: Outgoing) -> Result<(), WebhookError> {
        let start = Instant::now();
        let confirmed =
            tokio::time::timeout(self.publish_timeout, publisher.publish(message)).await;
        confirmed.map_err(|_| WebhookError::NotConfirmed(self.publish_timeout))??;
        self.metrics.publish_seconds.record(start.elapsed());
        Ok(())
    }
}

/// Reads the whole body. The limit holds for what the sender announces and for what arrives.
async fn read_body(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    limit_bytes: usize,
) -> Result<Bytes, WebhookError> {
    let announced =
        text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit_bytes) {
        return Err(WebhookError::TooLarge { limit_bytes });
    }
    let mut body = Bytes::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(WebhookError::Incomplete)?;
        if body.len() + chunk.len() > limit_bytes {
            return Err(WebhookError::TooLarge { limit_bytes });
        }
        // Most bodies arrive in one piece, which is not copied.
        body = if body.is_empty() {
            chunk
        } else {
            joined(body, &chunk)
        };
    }
    Ok(body)
}

fn joined(body: Bytes, chunk: &[u8]) -> Bytes {
    let mut body = BytesMut::from(body);
    body.extend_from_slice(chunk);
    body.freeze()
}

/// The topic that came beside the body.
fn topic(request: &HttpRequest) -> Option<Cow<'_, str>> {
    let query = request.query_string();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let in_query = pairs
        .find(|(name, _)| name == "topic")
        .map(|(_, topic)| topic);
    in_query
        .or_else(|| text(request.headers(), TOPIC_HEADER).map(Cow::Borrowed))
        .filter(|topic| !topic.trim().is_empty())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

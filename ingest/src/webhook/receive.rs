//! The webhook, in this order: client certificate, where one is required → size and time → authentication of the raw
//! bytes → JSON → recognition → origin → publish → confirm → 200.
//! Where the broker does not confirm: → spool → sync of the disk → 200.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use shared::broker::Publisher;
use shared::config::{ConfigError, Ingest};
use shared::domain::event::{Filter, Ignored, Reading, Unrecognised, read_body};
use shared::domain::ids::InteractionId;
use shared::domain::origin::Origin;
use shared::{clock, telemetry};

use super::WebhookError;
use super::arrival::Arrival;
use super::origins::Origins;
use super::refusal_log::RefusalLog;
use super::storing::MessageStorage;
use super::unproven::UnprovenBodies;
use super::unreadable::UnreadableBodies;
use crate::auth::{self, Admission, Answered, Authenticator, Failures};
use crate::door::DoorCounts;
use crate::metrics::Metrics;
use crate::spool::Spool;
use crate::tls::ClientCertificate;

use super::accepted::{Accepted, Receipt};
use super::body::{self, BodyEnd, BodyLimit, BodyReader, Keeping, ReceivedBody};

/// Header for the topic, for sources whose body lacks it; the query parameter `topic` does the same.
const TOPIC_HEADER: &str = "x-genesys-topic";
const TRACEPARENT_HEADER: &str = "traceparent";

/// The webhook with its settings.
pub struct Webhook {
    authenticator: Arc<ArcSwap<Authenticator>>,
    requires_client_certificate: bool,
    filter: Filter,
    origins: Origins,
    body_limit: BodyLimit,
    failures: Failures,
    trusted_proxies: Vec<IpNet>,
    storage: MessageStorage,
    unproven: UnprovenBodies,
    unreadable: UnreadableBodies,
    refusals: RefusalLog,
    retry_after: Duration,
    metrics: Metrics,
}

impl Webhook {
    /// Reads the settings, and registers the metrics with `recorder`. Messages that the broker does not confirm go to
    /// `spool`.
    ///
    /// # Errors
    ///
    /// As [`Authenticator::new`].
    pub fn new(
        settings: &Ingest,
        spool: Option<Spool>,
        recorder: &PrometheusHandle,
    ) -> Result<Self, ConfigError> {
        let metrics = Metrics::new(recorder);
        Ok(Self {
            authenticator: Arc::new(ArcSwap::from_pointee(Authenticator::new(settings)?)),
            requires_client_certificate: settings.tls.client_certificate_required,
            filter: settings.filter(),
            origins: Origins::new(settings),
            failures: Failures::default(),
            trusted_proxies: settings.trusted_proxies.clone(),
            body_limit: BodyLimit {
                bytes: settings.body_limit_bytes,
                time: settings.body_timeout,
                keeps_beginning: settings.salvage_oversized,
            },
            storage: MessageStorage::new(settings.publish_timeout, spool, &metrics),
            unproven: UnprovenBodies::default(),
            unreadable: UnreadableBodies::new(Instant::now()),
            refusals: RefusalLog::default(),
            retry_after: settings.retry_after,
            metrics,
        })
    }
}

impl Webhook {
    /// The authenticator, to be replaced when a secret is rotated.
    pub(crate) fn authenticator(&self) -> Arc<ArcSwap<Authenticator>> {
        Arc::clone(&self.authenticator)
    }

    /// What came of the last hour's webhooks, for the alarm.
    pub(crate) fn door(&self) -> DoorCounts {
        self.metrics.door.clone()
    }

    /// The answer to a request on any path whose head is too large.
    pub(crate) fn refuse_head(&self) -> HttpResponse {
        self.answer(&WebhookError::HeadTooLarge)
    }
}

/// The outcome of an authentic, well-formed event.
enum Outcome {
    Accepted(Receipt),
    Ignored(Ignored),
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Answer<'a> {
    #[serde(rename_all = "camelCase")]
    Accepted {
        #[serde(skip_serializing_if = "Option::is_none")]
        interaction_id: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        partial: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        dead_lettered: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Ignored {
        reason: String,
    },
}

/// `POST /api/v1/genesys/webhook`
///
/// Answers 200 only after the publisher confirm, or the spool's sync: until then the sender holds the only copy, and an
/// error makes it send the event again.
pub async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    webhook: web::Data<Webhook>,
    publisher: web::Data<Publisher>,
) -> HttpResponse {
    webhook.metrics.received.increment(1);
    let mut reader = BodyReader::new(payload, webhook.body_limit);
    let (response, is_authenticated) =
        match webhook.process(&request, &mut reader, &publisher).await {
            Ok(Outcome::Accepted(accepted)) => {
                webhook.metrics.accepted();
                let response = HttpResponse::Ok().json(Answer::Accepted {
                    interaction_id: accepted.interaction.as_ref().map(InteractionId::as_str),
                    partial: accepted.is_partial,
                    dead_lettered: accepted.unrecognised.is_some(),
                    reason: accepted.unrecognised.map(|why| why.to_string()),
                });
                (response, true)
            }
            Ok(Outcome::Ignored(ignored)) => {
                webhook.metrics.ignored(ignored.label());
                let response = HttpResponse::Ok().json(Answer::Ignored {
                    reason: ignored.to_string(),
                });
                (response, true)
            }
            Err(error) if error.is_unauthenticated() => {
                // On the heap, as all that is rare: every request moves the state of its handler.
                let error = Box::pin(webhook.slow_down(&request, error)).await;
                (webhook.answer(&error), false)
            }
            Err(error) => (webhook.answer(&error), true),
        };
    reader.answer(response, is_authenticated)
}

impl Webhook {
    async fn process(
        &self,
        request: &HttpRequest,
        reader: &mut BodyReader,
        publisher: &Publisher,
    ) -> Result<Outcome, WebhookError> {
        self.check_client_certificate(request)?;
        let headers = request.headers();
        let (received, admission) = self.read(headers, reader).await?;
        let topic = topic(request);
        let arrival = Arrival {
            body: &received.body,
            topic: topic.as_deref(),
            at: clock::now(),
            traceparent: telemetry::traceparent(text(headers, TRACEPARENT_HEADER)),
        };
        let reading = self.recognise(headers, &received, arrival.topic, admission);
        let accepted = match reading {
            Ok(Reading::Event(event)) => Accepted::Event(event),
            Ok(Reading::Ignored(ignored)) => return Ok(Outcome::Ignored(ignored)),
            Ok(Reading::Fragment { interaction, why }) => Accepted::Fragment(interaction, why),
            Err(error) => {
                if error.is_unreadable() {
                    let keeping = self
                        .unreadable
                        .keep(&self.storage, publisher, &arrival, &error);
                    if let Some(outcome) = Box::pin(keeping).await {
                        self.metrics.unreadable(outcome);
                    }
                }
                return Err(error);
            }
        };
        let Arrival {
            topic,
            at,
            traceparent,
            ..
        } = &arrival;
        let message = || arrival.message(accepted.properties(*topic, *at, traceparent));
        self.storage
            .publish_or_spool(publisher, message, *at)
            .await?;
        accepted.report(received.body.len(), traceparent, &self.metrics);
        Ok(Outcome::Accepted(accepted.into_receipt()))
    }

    /// Reads the event of a body, and checks where it comes from.
    fn recognise(
        &self,
        headers: &HeaderMap,
        received: &ReceivedBody,
        topic: Option<&str>,
        admission: Admission,
    ) -> Result<Reading, WebhookError> {
        if body::is_compressed(headers) {
            return Err(WebhookError::Compressed);
        }
        let may_be_truncated = received.may_be_truncated();
        let read = read_body(&received.body, topic, &self.filter, may_be_truncated);
        if self.origins.matter(admission) {
            let json = read.as_ref().map_or(&*received.body, |read| &*read.json);
            let origin = Origin::of(json);
            self.origins.check(admission, &origin, clock::now())?;
        }
        let read = read.map_err(|error| self.unreadable_error(received, error))?;
        Ok(read.reading)
    }

    fn check_client_certificate(&self, request: &HttpRequest) -> Result<(), WebhookError> {
        if self.requires_client_certificate && request.conn_data::<ClientCertificate>().is_none() {
            return Err(WebhookError::NoClientCertificate);
        }
        Ok(())
    }

    /// Reads the body, and checks the credential on it.
    ///
    /// The beginning of a body over the limit is accepted if that is configured, and the part that arrived in time of a
    /// slow one; both only from a sender whose credential does not need the rest.
    async fn read(
        &self,
        headers: &HeaderMap,
        reader: &mut BodyReader,
    ) -> Result<(ReceivedBody, Admission), WebhookError> {
        let claim = self.authenticator.load().check_headers(headers);
        let keeping = match &claim {
            Err(_) => Keeping::Nothing,
            Ok(claim) if claim.is_proven() => Keeping::All,
            Ok(_) => Keeping::Within(&self.unproven),
        };
        let mut received = reader.read(headers, keeping).await?;
        let admission = claim.and_then(|claim| {
            self.authenticator
                .load()
                .check_signature(claim, &received.body)
        });
        let admission = admission.map_err(|error| match received.ending {
            BodyEnd::Announced | BodyEnd::Disconnected => error.into(),
            BodyEnd::TimedOut => WebhookError::TimedOut(self.body_limit.time),
            BodyEnd::OverLimit => WebhookError::TooLarge {
                limit_bytes: self.body_limit.bytes,
            },
        })?;
        // The sender is authenticated.
        received.reservation = None;
        if received.ending == BodyEnd::OverLimit {
            reader.drain().await;
        }
        Ok((received, admission))
    }

    /// Why a body cannot be read. One that is no JSON, and whose sender was too slow, did not arrive in time.
    fn unreadable_error(&self, received: &ReceivedBody, error: Unrecognised) -> WebhookError {
        match error {
            Unrecognised::Syntax(_) if received.ending == BodyEnd::TimedOut => {
                WebhookError::TimedOut(self.body_limit.time)
            }
            error => error.into(),
        }
    }

    /// Delays the answer to a failed authentication; too many that wait are answered 429.
    async fn slow_down(&self, request: &HttpRequest, error: WebhookError) -> WebhookError {
        let Some(source) = auth::client_address(request, &self.trusted_proxies) else {
            return error;
        };
        match self.failures.slow_down(source).await {
            Answered::AtOnce => error,
            Answered::AfterAWait => {
                tracing::debug!(%source, "The answer to a failed authentication from {source} was delayed: the address has had many failures");
                self.metrics.slowed("waited");
                error
            }
            Answered::Never => {
                self.metrics.slowed("refused");
                WebhookError::TooManyFailures
            }
        }
    }

    /// Counts a rejected webhook and builds its answer.
    fn answer(&self, error: &WebhookError) -> HttpResponse {
        let is_our_fault = error.status().is_server_error();
        self.metrics.failed(is_our_fault, error.label());
        if is_our_fault {
            self.storage.log_refusal(error);
        } else if let Some(count) = self.refusals.note(error.label(), Instant::now()) {
            let (reason, status) = (error.label(), error.status().as_u16());
            tracing::info!(
                reason,
                status,
                count,
                "Webhooks were refused, {count} since the last line of this reason ({reason}); the last one was answered \
                 {status}: {error}"
            );
        }
        error.to_response(self.authenticator.load().challenges(), self.retry_after)
    }
}

/// The topic from the query or the header.
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

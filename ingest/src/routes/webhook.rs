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
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use shared::broker::{Outgoing, Publisher, stored, topology};
use shared::config::{ConfigError, Ingest};
use shared::domain::event::{Filter, Ignored, Reading, Unrecognised, read_body};
use shared::domain::ids::InteractionId;
use shared::domain::origin::Origin;
use shared::kill_point::{self, KillPoint};
use shared::{clock, telemetry};

use crate::auth::{Admission, Authenticator};
use crate::error::WebhookError;
use crate::guard::{self, Answered, Failures, Origins};
use crate::metrics::Metrics;
use crate::spool::{Record, Spool, SpoolError};
use crate::tls::ClientCertificate;

use super::body::{self, Arrived, Ending, Incoming, Limit};
use super::told::{Accepted, Told};

/// The topic of forms whose body does not hold it, beside the query parameter `topic`.
const TOPIC_HEADER: &str = "x-genesys-topic";
const TRACEPARENT_HEADER: &str = "traceparent";

/// What the webhook needs, from the settings.
pub struct Webhook {
    authenticator: Arc<ArcSwap<Authenticator>>,
    requires_client_certificate: bool,
    filter: Filter,
    origins: Origins,
    body_limit: Limit,
    failures: Failures,
    trusted_proxies: Vec<IpNet>,
    publish_timeout: Duration,
    retry_after: Duration,
    spool: Option<Spool>,
    metrics: Metrics,
}

impl Webhook {
    /// Reads the settings, and registers its metrics with `recorder`. What the broker does not take goes to `spool`.
    ///
    /// # Errors
    ///
    /// As [`Authenticator::new`].
    pub fn new(
        settings: &Ingest,
        spool: Option<Spool>,
        recorder: &PrometheusHandle,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            authenticator: Arc::new(ArcSwap::from_pointee(Authenticator::new(settings)?)),
            requires_client_certificate: settings.tls.client_certificate_required,
            filter: settings.filter(),
            origins: Origins::new(settings),
            failures: Failures::default(),
            trusted_proxies: settings.trusted_proxies.clone(),
            body_limit: Limit {
                bytes: settings.body_limit_bytes,
                time: settings.body_timeout,
                keeps_head: settings.salvage_oversized,
            },
            publish_timeout: settings.publish_timeout,
            retry_after: settings.retry_after,
            spool,
            metrics: Metrics::new(recorder),
        })
    }
}

impl Webhook {
    /// Where a rotated secret puts another authenticator.
    pub(crate) fn authenticator(&self) -> Arc<ArcSwap<Authenticator>> {
        Arc::clone(&self.authenticator)
    }

    /// The answer to a request whose head is too large, whatever it asks for.
    pub(crate) fn refuse_head(&self) -> HttpResponse {
        self.answer(&WebhookError::HeadTooLarge)
    }
}

/// What became of an authentic, well-formed event.
enum Outcome {
    Accepted(Accepted),
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
/// error makes it send again.
pub async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    webhook: web::Data<Webhook>,
    publisher: web::Data<Publisher>,
) -> HttpResponse {
    webhook.metrics.received.increment(1);
    let mut incoming = Incoming::new(payload, webhook.body_limit);
    let (response, is_let_in) = match webhook.take(&request, &mut incoming, &publisher).await {
        Ok(Outcome::Accepted(accepted)) => {
            webhook.metrics.accepted.increment(1);
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
        Err(error) if error.is_of_a_stranger() => {
            let error = webhook.slow_down(&request, error).await;
            (webhook.answer(&error), false)
        }
        Err(error) => (webhook.answer(&error), true),
    };
    incoming.answer(response, is_let_in)
}

impl Webhook {
    async fn take(
        &self,
        request: &HttpRequest,
        incoming: &mut Incoming,
        publisher: &Publisher,
    ) -> Result<Outcome, WebhookError> {
        let headers = request.headers();
        if self.requires_client_certificate && request.conn_data::<ClientCertificate>().is_none() {
            return Err(WebhookError::NoClientCertificate);
        }
        let (arrived, admission) = self.read(headers, incoming).await?;
        if body::is_compressed(headers) {
            return Err(WebhookError::Compressed);
        }
        let topic = topic(request);
        let may_be_truncated = arrived.may_be_truncated();
        let read = read_body(
            &arrived.body,
            topic.as_deref(),
            &self.filter,
            may_be_truncated,
        )
        .map_err(|error| self.unreadable(&arrived, error))?;
        if self.origins.matter(admission) {
            let origin = Origin::of(&read.json);
            self.origins.check(admission, &origin, clock::now())?;
        }
        let told = match read.reading {
            Reading::Event(event) => Told::Event(event),
            Reading::Ignored(ignored) => return Ok(Outcome::Ignored(ignored)),
            Reading::Fragment { interaction, why } => Told::Fragment(interaction, why),
        };
        let traceparent = telemetry::traceparent(text(headers, TRACEPARENT_HEADER));
        let received_at = clock::now();
        // Made twice only where it goes to the spool: publishing takes it away, and the usual case is to stay cheap.
        let message = || Outgoing {
            exchange: topology::EXCHANGE,
            routing_key: topology::WORK_KEY.into(),
            properties: told.properties(topic.as_deref(), received_at, &traceparent),
            body: arrived.body.clone(),
        };
        self.hand_over(publisher, message, received_at).await?;
        told.report(arrived.body.len(), &traceparent, &self.metrics);
        Ok(Outcome::Accepted(told.into_accepted()))
    }

    /// To the broker, else to the spool: from then on the sender may forget it.
    async fn hand_over(
        &self,
        publisher: &Publisher,
        message: impl Fn() -> Outgoing,
        received_at: Timestamp,
    ) -> Result<(), WebhookError> {
        match self.publish(publisher, message()).await {
            Ok(()) => kill_point::reach(KillPoint::WebhookConfirmed).await,
            Err(error) => self.keep(message(), received_at, error).await?,
        }
        Ok(())
    }

    /// Reads the body, and checks the credential on it. Of a body over the limit the beginning is taken if that is
    /// configured, and only from a sender whose credential does not need the rest; so is what came in time of one that
    /// is too slow.
    async fn read(
        &self,
        headers: &HeaderMap,
        incoming: &mut Incoming,
    ) -> Result<(Arrived, Admission), WebhookError> {
        let claim = self.authenticator.load().claim(headers);
        let arrived = incoming.read(headers, claim.is_ok()).await?;
        let admission =
            claim.and_then(|claim| self.authenticator.load().prove(claim, &arrived.body));
        let admission = admission.map_err(|error| match arrived.ending {
            Ending::Announced | Ending::Disconnected => error.into(),
            Ending::TimedOut => WebhookError::TimedOut(self.body_limit.time),
            Ending::OverLimit => WebhookError::TooLarge {
                limit_bytes: self.body_limit.bytes,
            },
        })?;
        if arrived.ending == Ending::OverLimit {
            incoming.drain().await;
        }
        Ok((arrived, admission))
    }

    /// Why a body cannot be read. One that is no JSON, and whose sender was too slow, did not arrive in time.
    fn unreadable(&self, arrived: &Arrived, error: Unrecognised) -> WebhookError {
        match error {
            Unrecognised::Syntax(_) if arrived.ending == Ending::TimedOut => {
                WebhookError::TimedOut(self.body_limit.time)
            }
            error => error.into(),
        }
    }

    /// Lets a failure wait for its turn; where too many wait, it becomes another one.
    async fn slow_down(&self, request: &HttpRequest, error: WebhookError) -> WebhookError {
        let Some(source) = guard::source(request, &self.trusted_proxies) else {
            return error;
        };
        match self.failures.slow_down(source).await {
            Answered::AtOnce => error,
            Answered::AfterAWait => {
                tracing::debug!(%source, "A failure had to wait: there are many from there");
                self.metrics.slowed("waited");
                error
            }
            Answered::Never => {
                self.metrics.slowed("refused");
                WebhookError::TooManyFailures
            }
        }
    }

    /// Counts and answers what is not taken.
    fn answer(&self, error: &WebhookError) -> HttpResponse {
        self.metrics.failed(error);
        tracing::debug!(
            reason = error.label(),
            error = error as &dyn std::error::Error,
            "Webhook not taken"
        );
        error.to_response(self.authenticator.load().challenges(), self.retry_after)
    }

    /// Keeps in the spool what was not published because of `error`; without a spool, that is the outcome.
    ///
    /// Where the broker did not answer in time it may have the message too. The worker knows the second one for a
    /// duplicate, as it does when the sender repeats itself.
    async fn keep(
        &self,
        message: Outgoing,
        received_at: Timestamp,
        error: WebhookError,
    ) -> Result<(), WebhookError> {
        let Some(spool) = &self.spool else {
            return Err(error);
        };
        kill_point::reach(KillPoint::SpoolNeeded).await;
        let properties = stored::to_json(&message.properties);
        let record = Record {
            received_at,
            properties: properties.map_err(|error| SpoolError::Failed(error.to_string()))?,
            body: message.body,
        };
        let kept = tokio::time::timeout(self.publish_timeout, spool.append(record)).await;
        kept.map_err(|_| SpoolError::TimedOut(self.publish_timeout))??;
        self.metrics.spooled.increment(1);
        tracing::debug!(reason = error.label(), "Not published; kept in the spool");
        kill_point::reach(KillPoint::Spooled).await;
        Ok(())
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

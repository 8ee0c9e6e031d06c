//! Readiness and metrics: in full for operators, and for others no more than whether the service is ready.

use actix_web::{HttpRequest, HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use shared::broker::PublisherState;
use shared::clock;
use shared::health::{self, Readiness};

use super::proxied::is_forwarded;
use super::{Draining, Publishers};
use crate::spool::{Spool, Status};

/// The spool, if there is one.
pub type OptionalSpool = web::Data<Option<Spool>>;

/// `GET /health/ready`: 200 when an event can be stored, by the broker or in the spool.
///
/// A service that spools is ready: on another instance an event would be spooled as well, or lost if no instance were
/// ready. The answer says that it spools.
pub async fn ready(
    publishers: web::Data<Publishers>,
    spool: OptionalSpool,
    draining: web::Data<Draining>,
) -> HttpResponse {
    if draining.has_begun() {
        let missing = vec!["shutting down".to_owned()];
        return Readiness {
            missing,
            ..Readiness::default()
        }
        .to_response();
    }
    let trouble = match publishers.state() {
        PublisherState::Ready => None,
        PublisherState::Down(why) => Some(format!("no connection to RabbitMQ: {why}")),
        PublisherState::Blocked(why) => Some(format!("RabbitMQ blocks publishers: {why}")),
    };
    let status = spool.as_ref().as_ref().map(Spool::status);
    match (trouble, status) {
        (None, None) => Readiness::default().to_response(),
        (Some(trouble), None) => Readiness {
            missing: vec![trouble],
            ..Readiness::default()
        }
        .to_response(),
        (
            Some(trouble),
            Some(Status {
                trouble: Some(full),
                ..
            }),
        ) => Readiness {
            missing: vec![trouble, full.to_string()],
            ..Readiness::default()
        }
        .to_response(),
        (trouble, Some(status)) => spooling(trouble, &status),
    }
}

/// `GET /health/ready` without authentication, for load balancers: the status alone.
pub async fn ready_or_not(
    publishers: web::Data<Publishers>,
    spool: OptionalSpool,
    draining: web::Data<Draining>,
) -> HttpResponse {
    let status = ready(publishers, spool, draining).await.status();
    let word = if status.is_success() {
        "ready"
    } else {
        "not ready"
    };
    HttpResponse::build(status).json(json!({ "status": word }))
}

/// `GET /health/ready` at the address of the webhook: in full for this machine, the status alone for what a proxy forwards.
pub async fn ready_to_neighbours(
    request: HttpRequest,
    publishers: web::Data<Publishers>,
    spool: OptionalSpool,
    draining: web::Data<Draining>,
) -> HttpResponse {
    if is_forwarded(request.head()) {
        ready_or_not(publishers, spool, draining).await
    } else {
        ready(publishers, spool, draining).await
    }
}

/// The answer of a ready service, with the content of the spool.
fn spooling(trouble: Option<String>, status: &Status) -> HttpResponse {
    let mut answer = json!({ "status": "ready" });
    if trouble.is_some() || status.depth.messages > 0 {
        answer["spool"] = json!({
            "messages": status.depth.messages,
            "bytes": status.depth.bytes,
            "oldest": status.depth.oldest.map(|oldest| oldest.to_string()),
        });
    }
    if let Some(why) = trouble {
        answer["degraded"] = json!([format!("{why}; events wait in the spool")]);
    }
    HttpResponse::Ok().json(answer)
}

/// Answers `GET /metrics` in Prometheus' text format.
pub async fn metrics(
    handle: web::Data<PrometheusHandle>,
    publishers: web::Data<Publishers>,
    spool: OptionalSpool,
) -> HttpResponse {
    crate::metrics::set_publisher_up(publishers.state() == PublisherState::Ready);
    if let Some(spool) = spool.as_ref() {
        crate::metrics::set_spool(&spool.status().depth, spool.max_bytes(), clock::now());
    }
    health::metrics(handle).await
}

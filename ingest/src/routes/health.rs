//! Readiness and metrics of this service.

use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use shared::admin::{self, Readiness};
use shared::broker::{Publisher, PublisherState};

/// `GET /health/ready`: 200 when an event can be taken, which is when the publishing connection is up, the topology
/// verified, and the broker does not block.
pub async fn ready(publisher: web::Data<Publisher>) -> HttpResponse {
    let missing = match publisher.state() {
        PublisherState::Ready => Vec::new(),
        PublisherState::Down(why) => vec![format!("no connection to RabbitMQ: {why}")],
        PublisherState::Blocked(why) => vec![format!("RabbitMQ blocks publishers: {why}")],
    };
    Readiness {
        missing,
        ..Readiness::default()
    }
    .to_response()
}

/// `GET /metrics`
pub async fn metrics(
    handle: web::Data<PrometheusHandle>,
    publisher: web::Data<Publisher>,
) -> HttpResponse {
    crate::metrics::set_publisher_up(publisher.state() == PublisherState::Ready);
    admin::metrics(handle).await
}

//! The admin listener: liveness, readiness, metrics.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use shared::admin::{self, Readiness};
use shared::broker::{Publisher, PublisherState};
use tokio::sync::watch;

use crate::gate::Gate;

/// What readiness depends on.
#[derive(Clone, Debug)]
pub struct Health {
    /// Closed: not ready.
    pub gate: Gate,
    /// Messages are being consumed.
    pub consuming: watch::Receiver<bool>,
    /// To the retry and dead letter queues.
    pub publisher: Publisher,
    /// What is wrong with the alarm: worth a note, but no reason to take no messages.
    pub alarm: watch::Receiver<Option<String>>,
}

impl Health {
    fn readiness(&self) -> Readiness {
        let mut missing = Vec::new();
        if let Some(closure) = self.gate.closure() {
            missing.push(closure.explain());
        }
        match self.publisher.state() {
            PublisherState::Ready => {}
            PublisherState::Down(why) => {
                missing.push(format!("no publishing connection to RabbitMQ: {why}"));
            }
            PublisherState::Blocked(why) => {
                missing.push(format!("RabbitMQ blocks publishers: {why}"));
            }
        }
        if missing.is_empty() && !*self.consuming.borrow() {
            missing.push("not consuming from RabbitMQ yet".to_owned());
        }
        let notes = self.alarm.borrow().iter().cloned().collect();
        Readiness { missing, notes }
    }
}

async fn ready(health: web::Data<Health>) -> HttpResponse {
    health.readiness().to_response()
}

/// Serves the pages on `listener`, with one thread.
///
/// # Errors
///
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(health.clone()))
            .app_data(web::Data::new(metrics.clone()))
            .service(admin::page("/health/live", admin::live))
            .service(admin::page("/health/ready", ready))
            .service(admin::page("/metrics", admin::metrics))
            .default_service(web::to(admin::not_found))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

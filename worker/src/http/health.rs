//! The admin listener: liveness, readiness, metrics.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use shared::broker::{Publisher, PublisherState};
use shared::health::{self, Readiness};
use tokio::sync::watch;

use crate::pause::state::Pause;

/// What readiness depends on.
#[derive(Clone, Debug)]
pub struct Health {
    /// Not ready while consumption is paused.
    pub pause: Pause,
    /// Whether messages are being consumed.
    pub consuming: watch::Receiver<bool>,
    /// To the retry and dead letter queues.
    pub publisher: Publisher,
    /// Why notifications of the alarm cannot be delivered: a note only, since messages are processed all the same.
    pub alarm: watch::Receiver<Option<String>>,
    /// How long the day's tokens and writes last: notes.
    pub forecast: watch::Receiver<Vec<String>>,
}

impl Health {
    fn readiness(&self) -> Readiness {
        let mut missing = Vec::new();
        if let Some(reason) = self.pause.reason() {
            missing.push(reason.explain());
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
        let mut notes = self.forecast.borrow().clone();
        notes.extend(self.alarm.borrow().iter().cloned());
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
            .service(health::page("/health/live", health::live))
            .service(health::page("/health/ready", ready))
            .service(health::page("/metrics", health::metrics))
            .default_service(web::to(health::not_found))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

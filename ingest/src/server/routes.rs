//! The HTTP surface.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Resource, Route, web};
use shared::health::{live, only, rejection};

use super::health;
use crate::webhook::{self, WEBHOOK_PATH};

/// For whom the pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who operates this service: metrics, and what readiness lacks.
    Operators,
    /// Anybody: whether it is ready, and nothing else.
    Anybody,
}

/// Adds the webhook, with the pages beside it.
pub fn configure(app: &mut web::ServiceConfig, audience: Audience) {
    app.service(only(
        "POST",
        web::resource(WEBHOOK_PATH).route(web::post().to(webhook::receive)),
    ))
    .default_service(web::to(not_found));
    configure_pages(app, audience);
}

/// Adds the pages.
pub fn configure_pages(app: &mut web::ServiceConfig, audience: Audience) {
    let ready = match audience {
        Audience::Operators => web::get().to(health::ready),
        Audience::Anybody => web::get().to(health::ready_or_not),
    };
    app.service(page("/health/live", web::get().to(live)))
        .service(page("/health/ready", ready));
    if audience == Audience::Operators {
        app.service(page("/metrics", web::get().to(health::metrics)));
    }
}

fn page(path: &str, route: Route) -> Resource {
    only("GET", web::resource(path).route(route))
}

async fn not_found() -> HttpResponse {
    rejection(
        StatusCode::NOT_FOUND,
        &format!("no such path; webhooks are taken at POST {WEBHOOK_PATH}"),
    )
}

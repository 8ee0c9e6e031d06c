//! The routes of the webhook and of the pages.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Resource, Route, web};
use shared::health::{live, only, rejection};

use super::health;
use crate::webhook::{self, WEBHOOK_PATH};

/// The readers of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Operators: metrics, and the reasons why the service is not ready.
    Operators,
    /// All others: whether the service is ready, and nothing else.
    Everyone,
}

/// Adds the webhook and the pages.
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
        Audience::Everyone => web::get().to(health::ready_or_not),
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
        &format!("no such path; webhooks are accepted at POST {WEBHOOK_PATH}"),
    )
}

//! The HTTP surface.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use shared::health::{live, only, page, rejection};

use super::health;
use crate::webhook::{self, WEBHOOK_PATH};

/// Some senders put a slash at the end of what they were given.
const WEBHOOK_PATH_WITH_SLASH: &str = "/api/v1/genesys/webhook/";

/// Whether webhooks are taken at `path`.
pub(crate) fn is_webhook_path(path: &str) -> bool {
    [WEBHOOK_PATH, WEBHOOK_PATH_WITH_SLASH].contains(&path)
}

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
    let webhook = web::resource([WEBHOOK_PATH, WEBHOOK_PATH_WITH_SLASH]);
    app.service(only(
        "POST",
        "only POST is allowed here",
        webhook.route(web::post().to(webhook::receive)),
    ))
    .default_service(web::to(not_found));
    configure_pages(app, audience);
}

/// Adds the pages.
pub fn configure_pages(app: &mut web::ServiceConfig, audience: Audience) {
    let ready = match audience {
        Audience::Operators => page("/health/ready", health::ready),
        Audience::Anybody => page("/health/ready", health::ready_or_not),
    };
    app.service(page("/health/live", live)).service(ready);
    if audience == Audience::Operators {
        app.service(page("/metrics", health::metrics));
    }
}

async fn not_found() -> HttpResponse {
    rejection(
        StatusCode::NOT_FOUND,
        &format!("no such path; webhooks are taken at POST {WEBHOOK_PATH}"),
    )
}

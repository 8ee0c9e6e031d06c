//! The routes of the webhook and of the pages.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, guard, web};
use shared::health::{live, only, page, rejection};

use super::health;
use super::proxied::is_forwarded;
use crate::webhook::{self, WEBHOOK_PATH};

/// Some senders add a slash to the path that they were given.
const WEBHOOK_PATH_WITH_SLASH: &str = "/api/v1/genesys/webhook/";

/// Whether webhooks are accepted at `path`.
pub(crate) fn is_webhook_path(path: &str) -> bool {
    [WEBHOOK_PATH, WEBHOOK_PATH_WITH_SLASH].contains(&path)
}

/// The readers of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Operators: metrics, and the reasons why the service is not ready.
    Operators,
    /// Operators on this machine. What a proxy forwards is answered as to all others.
    Neighbours,
    /// All others: whether the service is ready, and nothing else.
    Everyone,
}

/// Adds the webhook and the pages.
pub fn configure(app: &mut web::ServiceConfig, audience: Audience) {
    // A resource each: actix compares one path, and matches several with a regular expression.
    for path in [WEBHOOK_PATH, WEBHOOK_PATH_WITH_SLASH] {
        let webhook = web::resource(path).route(web::post().to(webhook::receive));
        app.service(only("POST", "only POST is allowed here", webhook));
    }
    app.default_service(web::to(not_found));
    configure_pages(app, audience);
}

/// Registers health and metrics pages.
pub fn configure_pages(app: &mut web::ServiceConfig, audience: Audience) {
    let ready = match audience {
        Audience::Operators => page("/health/ready", health::ready),
        Audience::Neighbours => page("/health/ready", health::ready_to_neighbours),
        Audience::Everyone => page("/health/ready", health::ready_or_not),
    };
    app.service(page("/health/live", live)).service(ready);
    match audience {
        Audience::Operators => app.service(page("/metrics", health::metrics)),
        Audience::Neighbours => app.service(
            page("/metrics", health::metrics)
                .guard(guard::fn_guard(|request| !is_forwarded(request.head()))),
        ),
        Audience::Everyone => app,
    };
}

async fn not_found() -> HttpResponse {
    rejection(
        StatusCode::NOT_FOUND,
        &format!("no such path; webhooks are accepted at POST {WEBHOOK_PATH}"),
    )
}

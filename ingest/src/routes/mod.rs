//! The HTTP surface.

mod body;
mod health;
mod told;
mod webhook;

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpResponse, Resource, web};
use shared::admin;

pub use health::OptionalSpool;
pub use webhook::Webhook;

use crate::error::rejection;

/// Where Genesys posts to.
pub const WEBHOOK_PATH: &str = "/api/v1/genesys/webhook";

/// Adds all routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(only(
        "POST",
        web::resource(WEBHOOK_PATH).route(web::post().to(webhook::receive)),
    ))
    .service(only(
        "GET",
        web::resource("/health/live").route(web::get().to(admin::live)),
    ))
    .service(only(
        "GET",
        web::resource("/health/ready").route(web::get().to(health::ready)),
    ))
    .service(only(
        "GET",
        web::resource("/metrics").route(web::get().to(health::metrics)),
    ))
    .default_service(web::to(not_found));
}

/// Answers every other method with 405.
fn only(method: &'static str, resource: Resource) -> Resource {
    resource.default_service(web::to(move || {
        let problem = format!("only {method} is allowed here");
        let mut response = rejection(StatusCode::METHOD_NOT_ALLOWED, &problem);
        let allowed = HeaderValue::from_static(method);
        response.headers_mut().insert(ALLOW, allowed);
        ready(response)
    }))
}

async fn not_found() -> HttpResponse {
    rejection(
        StatusCode::NOT_FOUND,
        &format!("no such path; webhooks are taken at POST {WEBHOOK_PATH}"),
    )
}

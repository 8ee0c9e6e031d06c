//! The sandbox's one page.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};

use super::control::Control;

/// `GET /`
pub(super) async fn show(_control: Data<Control>) -> impl Responder {
    HttpResponse::Ok().finish()
}

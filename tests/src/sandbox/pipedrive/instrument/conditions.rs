//! The outside conditions over HTTP: faults, limits, tokens, and the answers to open questions.

use std::time::Duration;

use actix_web::Responder;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::budget::DailyHeaders;
use super::super::config::Limits;
use super::super::control::Control;
use super::super::faults::FaultRule;
use super::{done_or_missing, done_or_refused};

/// Registers the routes of conditions.
pub(super) fn routes(service: &mut ServiceConfig) {
    service
        .route("/faults", get().to(list_faults))
        .route("/faults", post().to(add_fault))
        .route("/faults", delete().to(clear_faults))
        .route("/faults/{id}", delete().to(remove_fault))
        .route("/limits", put().to(set_limits))
        .route("/budget", put().to(set_budget))
        .route("/search-lag", put().to(set_search_lag))
        .route("/account", put().to(set_account))
        .route("/token", post().to(replace_token))
        .route("/app", post().to(install_app))
        .route("/access-token-life", put().to(set_access_token_life))
        .route("/spent-elsewhere", put().to(spend_elsewhere))
        .route("/daily-headers", put().to(set_daily_headers))
        .route("/behaviour", get().to(behaviour))
        .route("/behaviour", put().to(set_behaviour))
        .route("/cursors/expire", post().to(expire_cursors));
}

async fn behaviour(control: Data<Control>) -> impl Responder {
    Json(control.behaviour())
}

async fn set_behaviour(control: Data<Control>, changes: Json<Value>) -> impl Responder {
    let updated = control.behaviour().with(&changes);
    done_or_refused(match updated {
        Ok(behaviour) => {
            control.set_behaviour(behaviour);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    })
}

async fn expire_cursors(control: Data<Control>) -> impl Responder {
    control.expire_cursors();
    done_or_missing(true)
}

async fn set_daily_headers(control: Data<Control>, new: Json<DailyHeaders>) -> impl Responder {
    control.set_daily_headers(*new);
    done_or_missing(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    #[serde(default)]
    tokens: u64,
    #[serde(default)]
    per_second: u64,
}

async fn spend_elsewhere(control: Data<Control>, spent: Json<Elsewhere>) -> impl Responder {
    control.spend_elsewhere(spent.tokens);
    control.set_drain(spent.per_second);
    done_or_missing(true)
}

async fn list_faults(control: Data<Control>) -> impl Responder {
    Json(faults(&control))
}

pub(super) fn faults(control: &Control) -> Vec<serde_json::Value> {
    let rules = control.faults();
    rules
        .into_iter()
        .map(|(id, rule)| json!({"id": id, "rule": rule}))
        .collect()
}

async fn add_fault(control: Data<Control>, rule: Json<FaultRule>) -> impl Responder {
    Json(json!({"id": control.add_fault(rule.into_inner())}))
}

async fn clear_faults(control: Data<Control>) -> impl Responder {
    control.clear_faults();
    done_or_missing(true)
}

async fn remove_fault(control: Data<Control>, id: Path<u64>) -> impl Responder {
    done_or_missing(control.remove_fault(*id))
}

async fn set_limits(control: Data<Control>, limits: Json<Limits>) -> impl Responder {
    control.set_limits(*limits);
    done_or_missing(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    left: u64,
    day_ends_in_ms: Option<u64>,
}

async fn set_budget(control: Data<Control>, budget: Json<Budget>) -> impl Responder {
    control.set_budget_left(
        budget.left,
        budget.day_ends_in_ms.map(Duration::from_millis),
    );
    done_or_missing(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lag {
    ms: u64,
}

async fn set_search_lag(control: Data<Control>, lag: Json<Lag>) -> impl Responder {
    control.set_search_lag(Duration::from_millis(lag.ms));
    done_or_missing(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    closed: bool,
}

async fn set_account(control: Data<Control>, account: Json<Account>) -> impl Responder {
    control.set_account_closed(account.closed);
    done_or_missing(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    api_token: Option<String>,
}

async fn replace_token(control: Data<Control>, new: Json<NewToken>) -> impl Responder {
    match &new.api_token {
        Some(token) => control.set_api_token(token),
        None => drop(control.rotate_api_token()),
    }
    Json(json!({"api_token": control.api_token()}))
}

async fn install_app(control: Data<Control>) -> impl Responder {
    let (refresh_token, app) = (control.install_app(), control.app());
    Json(json!({
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": refresh_token,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    seconds: u64,
}

async fn set_access_token_life(control: Data<Control>, life: Json<Life>) -> impl Responder {
    control.set_access_token_life(Duration::from_secs(life.seconds));
    done_or_missing(true)
}

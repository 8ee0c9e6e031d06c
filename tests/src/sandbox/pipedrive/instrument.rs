//! `/_sandbox/…`: the sandbox as a test instrument, for a chaos campaign or a demonstration in another process.
//!
//! It asks for no credentials and is not limited, because it is no part of Pipedrive: keep the port on loopback.

use std::time::Duration;

use actix_web::web::{Data, Json, Path, Query, ServiceConfig, delete, get, post, put};
use actix_web::{HttpResponse, Responder};
use serde::Deserialize;
use serde_json::json;

use super::config::Limits;
use super::control::Control;
use super::faults::FaultRule;

/// What `GET /_sandbox` answers.
const MANUAL: &str = "\
The Pipedrive sandbox as a test instrument. Not a part of Pipedrive's API: no credentials, no limits, loopback only.

GET    /_sandbox/state                  every record, the totals, the limits and the faults in force
GET    /_sandbox/requests?since=N       the truth log from request N on
POST   /_sandbox/persons                {\"name\": \"…\", \"phones\": [\"…\"]}
DELETE /_sandbox/persons/{id}           as if a user had deleted the person
POST   /_sandbox/persons/{id}/merge     {\"into\": id}
POST   /_sandbox/deals                  {\"title\": \"…\", \"person_id\": id}
POST   /_sandbox/users                  {\"name\": \"…\", \"email\": \"…\"}
POST   /_sandbox/activity-types         {\"name\": \"…\", \"key\": \"…\"}
GET    /_sandbox/faults                 the faults in force
POST   /_sandbox/faults                 {\"method\": \"POST\", \"path\": \"/api/v2/activities\", \"times\": 1,
                                         \"fault\": {\"kind\": \"cut_after_effect\"}}
                                        also: \"after\": n, \"probability\": p with \"seed\": n; `*` in paths; kinds
                                        latency {before_ms, after_ms}, cut_before_effect, cut_after_effect,
                                        apply_late {delay_ms}, truncate_answer,
                                        answer {applied, status, headers: [[name, value]], body}
DELETE /_sandbox/faults, …/faults/{id}  lifts all of them, or one
PUT    /_sandbox/limits                 {\"requests_per_2s\": n, \"searches_per_2s\": n, \"daily_tokens\": n}, null: none
PUT    /_sandbox/budget                 {\"left\": n, \"day_ends_in_ms\": n}
PUT    /_sandbox/search-lag             {\"ms\": n}
PUT    /_sandbox/account                {\"closed\": true}: 402 for all
POST   /_sandbox/token                  {} or {\"api_token\": \"…\"}: replaces the API token, the old one gets 401
POST   /_sandbox/app                    installs the OAuth app anew, and answers its id, secret and refresh token
PUT    /_sandbox/access-token-life      {\"seconds\": n}: of access tokens that the app gets from now on
POST   /_sandbox/reset                  forgets everything that happened
";

/// Registers the routes below `/_sandbox`.
pub(super) fn routes(service: &mut ServiceConfig) {
    service
        .route("", get().to(manual))
        .route("/state", get().to(state))
        .route("/requests", get().to(requests))
        .route("/persons", post().to(add_person))
        .route("/persons/{id}", delete().to(delete_person))
        .route("/persons/{id}/merge", post().to(merge_person))
        .route("/deals", post().to(add_deal))
        .route("/users", post().to(add_user))
        .route("/activity-types", post().to(add_activity_type))
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
        .route("/reset", post().to(reset));
}

async fn manual() -> impl Responder {
    MANUAL
}

async fn state(control: Data<Control>) -> impl Responder {
    let types = control.with(|state| state.world.activity_types.clone());
    Json(json!({
        "requests": control.request_count(),
        "tokens_spent": control.tokens_spent(),
        "budget_left": control.budget_left(),
        "unsettled_requests": control.unsettled_requests(),
        "limits": control.limits(),
        "faults": faults(&control),
        "persons": control.all_persons(),
        "activities": control.all_activities(),
        "deals": control.deals(),
        "notes": control.notes(),
        "call_logs": control.call_logs(),
        "users": control.users(),
        "activity_types": types,
    }))
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn requests(control: Data<Control>, query: Query<Since>) -> impl Responder {
    Json(control.requests_since(query.since))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    name: String,
    #[serde(default)]
    phones: Vec<String>,
}

async fn add_person(control: Data<Control>, new: Json<NewPerson>) -> impl Responder {
    let phones: Vec<_> = new.phones.iter().map(String::as_str).collect();
    Json(json!({"id": control.add_person(&new.name, &phones)}))
}

async fn delete_person(control: Data<Control>, id: Path<i64>) -> impl Responder {
    done_or_missing(control.delete_person(*id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    into: i64,
}

async fn merge_person(control: Data<Control>, id: Path<i64>, merge: Json<Merge>) -> impl Responder {
    done_or_missing(control.merge_persons(*id, merge.into))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDeal {
    title: String,
    person_id: i64,
}

async fn add_deal(control: Data<Control>, new: Json<NewDeal>) -> impl Responder {
    Json(json!({"id": control.add_deal(&new.title, new.person_id)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    email: String,
}

async fn add_user(control: Data<Control>, new: Json<NewUser>) -> impl Responder {
    Json(json!({"id": control.add_user(&new.name, &new.email)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewType {
    name: String,
    key: String,
}

async fn add_activity_type(control: Data<Control>, new: Json<NewType>) -> impl Responder {
    Json(json!({"id": control.add_activity_type(&new.name, &new.key)}))
}

async fn list_faults(control: Data<Control>) -> impl Responder {
    Json(faults(&control))
}

fn faults(control: &Control) -> Vec<serde_json::Value> {
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

async fn reset(control: Data<Control>) -> impl Responder {
    control.reset();
    done_or_missing(true)
}

fn done_or_missing(done: bool) -> HttpResponse {
    if done {
        HttpResponse::NoContent().finish()
    } else {
        HttpResponse::NotFound().finish()
    }
}

//! `/_sandbox/…`: the sandbox as a test instrument, for a chaos campaign or a demonstration in another process.
//!
//! It asks for no credentials and is not limited, because it is no part of Pipedrive: keep the port on loopback.

mod conditions;

use actix_web::web::{Data, Json, Path, Query, ServiceConfig, delete, get, patch, post, put};
use actix_web::{HttpResponse, Responder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::{Control, NewPerson};

/// What `GET /_sandbox` answers.
const MANUAL: &str = include_str!("manual.txt");

/// Registers the routes below `/_sandbox`.
pub(super) fn routes(service: &mut ServiceConfig) {
    service
        .route("", get().to(manual))
        .route("/state", get().to(state))
        .route("/requests", get().to(requests))
        .route("/persons", post().to(add_person))
        .route("/people", post().to(add_people))
        .route("/persons/{id}", delete().to(delete_person))
        .route("/persons/{id}", patch().to(edit_person))
        .route("/persons/{id}/hidden", put().to(hide_person))
        .route("/activities/{id}", patch().to(edit_activity))
        .route("/activities/{id}", delete().to(delete_activity))
        .route("/organizations", post().to(add_organization))
        .route("/users/{id}", put().to(set_user))
        .route("/activity-types/{key}", put().to(set_activity_type))
        .route("/meter", get().to(meter))
        .route("/persons/{id}/merge", post().to(merge_person))
        .route("/deals", post().to(add_deal))
        .route("/users", post().to(add_user))
        .route("/activity-types", post().to(add_activity_type))
        .route("/reset", post().to(reset))
        .configure(conditions::routes);
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
        "faults": conditions::faults(&control),
        "persons": control.all_persons(),
        "activities": control.all_activities(),
        "deals": control.deals(),
        "notes": control.notes(),
        "call_logs": control.call_logs(),
        "users": control.users(),
        "organizations": control.organizations(),
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

async fn meter(control: Data<Control>, query: Query<Since>) -> impl Responder {
    let meter = control.meter_from(query.since);
    Json(json!({"tokens": meter.tokens(), "operations": meter.by_operation()}))
}

async fn add_person(control: Data<Control>, new: Json<NewPerson>) -> impl Responder {
    Json(json!({"id": control.add(new.into_inner())}))
}

async fn add_people(control: Data<Control>, new: Json<Vec<NewPerson>>) -> impl Responder {
    Json(json!({"ids": control.add_people(new.into_inner())}))
}

async fn edit_person(control: Data<Control>, id: Path<i64>, fields: Json<Value>) -> impl Responder {
    done_or_refused(control.edit_person(*id, &fields))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hidden {
    hidden: bool,
}

async fn hide_person(control: Data<Control>, id: Path<i64>, new: Json<Hidden>) -> impl Responder {
    done_or_missing(control.set_hidden(*id, new.hidden))
}

async fn edit_activity(
    control: Data<Control>,
    id: Path<i64>,
    fields: Json<Value>,
) -> impl Responder {
    done_or_refused(control.edit_activity(*id, &fields))
}

async fn delete_activity(control: Data<Control>, id: Path<i64>) -> impl Responder {
    done_or_missing(control.delete_activity(*id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    name: String,
}

async fn add_organization(control: Data<Control>, new: Json<NewOrganization>) -> impl Responder {
    Json(json!({"id": control.add_organization(&new.name)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Active {
    active: bool,
}

async fn set_user(control: Data<Control>, id: Path<i64>, new: Json<Active>) -> impl Responder {
    done_or_missing(control.set_user_active(*id, new.active))
}

async fn set_activity_type(
    control: Data<Control>,
    key: Path<String>,
    new: Json<Active>,
) -> impl Responder {
    done_or_missing(control.set_activity_type_active(&key, new.active))
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

fn done_or_refused(result: Result<(), String>) -> HttpResponse {
    match result {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(refusal) => HttpResponse::BadRequest().json(json!({"error": refusal})),
    }
}

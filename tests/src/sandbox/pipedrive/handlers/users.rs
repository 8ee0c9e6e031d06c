//! Users and activity types (v1).

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::{ActivityType, User};
use super::super::reply::Reply;
use super::super::world::World;

/// The id of the company that the sandbox plays.
pub(super) const COMPANY_ID: i64 = 1;

/// The company's subdomain, which `GET /v1/users/me` returns.
const COMPANY_DOMAIN: &str = "sandbox";

/// The time at which users and types were made; nothing depends on it.
const FOUNDED: &str = "2025-01-01 00:00:00";

pub(in super::super) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::data(
        world
            .users
            .values()
            .map(|user| answer(user, call))
            .collect(),
    ))
}

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let user = world.users.get(&call.item_id()?);
    let user = user.ok_or_else(|| ApiError::not_found("User not found or not accessible."))?;
    Ok(Reply::data(answer(user, call)))
}

pub(in super::super) fn me(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut me = world
        .users
        .get(&call.user_id)
        .map(|user| answer(user, call))
        .unwrap_or_default();
    me["company_id"] = json!(COMPANY_ID);
    me["company_name"] = json!("Sandbox");
    me["company_domain"] = json!(COMPANY_DOMAIN);
    me["company_country"] = json!("EE");
    me["company_industry"] = json!("IT Services");
    me["language"] = json!({"language_code": "en", "country_code": "US"});
    Ok(Reply::data(me))
}

pub(in super::super) fn find(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let term = call.text("term").unwrap_or_default().to_lowercase();
    let by_email = call.boolean("search_by_email").unwrap_or(false);
    let has = |text: &str| text.to_lowercase().contains(&term);
    let found = world
        .users
        .values()
        .filter(|user| has(if by_email { &user.email } else { &user.name }));
    Ok(Reply::data(found.map(|user| answer(user, call)).collect()))
}

pub(in super::super) fn activity_types(world: &mut World, _: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::data(
        world.activity_types.iter().map(type_answer).collect(),
    ))
}

fn answer(user: &User, call: &Call) -> Value {
    let administers = user.id == super::super::world::TOKEN_USER;
    json!({
        "id": user.id,
        "name": user.name,
        "default_currency": "EUR",
        "locale": "en_US",
        "lang": 1,
        "email": user.email,
        "phone": null,
        "activated": true,
        "last_login": FOUNDED,
        "created": FOUNDED,
        "modified": FOUNDED,
        "has_created_company": administers,
        "access": [{"app": "sales", "admin": administers}, {"app": "global", "admin": administers}],
        "active_flag": user.active,
        "timezone_name": "Etc/UTC",
        "timezone_offset": "+00:00",
        "role_id": 1,
        "icon_url": null,
        "is_you": user.id == call.user_id,
        "is_deleted": !user.active,
    })
}

fn type_answer(kind: &ActivityType) -> Value {
    json!({
        "id": kind.id,
        "order_nr": kind.id,
        "name": kind.name,
        "key_string": kind.key,
        "icon_key": kind.key,
        "active_flag": kind.active,
        "color": null,
        "is_custom_flag": kind.custom,
        "add_time": FOUNDED,
        "update_time": FOUNDED,
    })
}

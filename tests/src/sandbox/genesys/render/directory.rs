//! Users, queues, wrap-up codes and contacts.

use serde_json::{Value, json};

use super::super::model::{Contact, Named, User};
use super::compact;

pub(in super::super) fn user(of: &User) -> Value {
    json!({
        "id": of.id,
        "name": of.name,
        "email": of.email,
        "username": of.email,
        "state": "active",
        "version": 3,
        "acdAutoAnswer": false,
        "selfUri": format!("/api/v2/users/{}", of.id),
    })
}

pub(in super::super) fn queue(of: &Named) -> Value {
    json!({"id": of.id, "name": of.name, "enableTranscription": true, "selfUri": format!("/api/v2/routing/queues/{}", of.id)})
}

pub(in super::super) fn wrapup_code(of: &Named) -> Value {
    json!({"id": of.id, "name": of.name, "selfUri": format!("/api/v2/routing/wrapupcodes/{}", of.id)})
}

pub(in super::super) fn contact(of: &Contact) -> Value {
    let phone = of
        .phone
        .as_ref()
        .map(|phone| json!({"e164": phone, "display": phone}));
    let merged: Vec<Value> = of.merged_from.iter().map(|id| json!({"id": id})).collect();
    compact(json!({
        "id": of.id,
        "type": "Curated",
        "firstName": of.first_name,
        "lastName": of.last_name,
        "workPhone": phone,
        "workEmail": of.email,
        "mergeSet": (!merged.is_empty()).then_some(merged),
        "selfUri": format!("/api/v2/externalcontacts/contacts/{}", of.id),
    }))
}

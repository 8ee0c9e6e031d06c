//! Organizations (v2): they can be read; they are made through the control alone.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::ApiError;
use super::super::model::Organization;
use super::super::reply::Reply;
use super::super::world::World;

pub(in super::super) fn get(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let organization = world.organizations.get(&call.item_id()?);
    organization
        .map(|organization| Reply::data(answer(organization)))
        .ok_or_else(|| ApiError::not_found("Organization not found"))
}

fn answer(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "owner_id": organization.owner_id,
        "org_id": null,
        "add_time": organization.add_time,
        "update_time": organization.update_time,
        "address": null,
        "is_deleted": organization.is_deleted,
        "visible_to": 3,
        "label_ids": [],
        "website": null,
        "linkedin": null,
        "industry": null,
        "annual_revenue": null,
        "employee_count": null,
        "custom_fields": {},
    })
}

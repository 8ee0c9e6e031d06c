//! Whether parameters and bodies are as documented.

use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use super::contract::{Field, Kind, Operation};
use super::error::ApiError;

/// The query's parameters, if the operation takes all of them.
pub(super) fn query(operation: &Operation, query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    for (name, value) in &parameters {
        let field = operation.query.iter().find(|field| field.name == name);
        let field = field
            .ok_or_else(|| ApiError::bad_request(format!("Unknown query parameter {name}.")))?;
        let value = match field.kind {
            Kind::Integer => value.parse::<i64>().map_or(Value::Null, Value::from),
            _ => Value::from(&**value),
        };
        check(field, &value)?;
    }
    Ok(parameters)
}

/// The body, if the operation takes it.
pub(super) fn body(
    operation: &Operation,
    content_type: &str,
    body: &[u8],
) -> Result<Value, ApiError> {
    if operation.body.is_empty() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return Err(ApiError::bad_request("This operation takes no body."));
    }
    if !content_type.starts_with("application/json") {
        return Err(ApiError::new(
            415,
            "unsupported.media.type",
            "Only application/json is taken.",
        ));
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|_| ApiError::bad_request("The body is not JSON."))?;
    object(operation.body, &value, "body")?;
    Ok(value)
}

fn object(fields: &[Field], value: &Value, name: &str) -> Result<(), ApiError> {
    let members = value.as_object().ok_or_else(|| invalid(name))?;
    for member in members.keys() {
        if !fields.iter().any(|field| field.name == member) {
            return Err(ApiError::bad_request(format!(
                "Unknown property {member} of {name}."
            )));
        }
    }
    for field in fields {
        match members.get(field.name) {
            None | Some(Value::Null) if field.is_required => {
                return Err(ApiError::bad_request(format!(
                    "{} is required.",
                    field.name
                )));
            }
            None | Some(Value::Null) => {}
            Some(member) => check(field, member)?,
        }
    }
    Ok(())
}

fn check(field: &Field, value: &Value) -> Result<(), ApiError> {
    let name = field.name;
    let is_valid = match &field.kind {
        Kind::Text => value.as_str().is_some_and(|text| !text.is_empty()),
        Kind::Integer => value.as_i64().is_some_and(|number| number > 0),
        Kind::Boolean => value.is_boolean(),
        Kind::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
        Kind::Interval => value.as_str().and_then(interval).is_some(),
        Kind::Object(fields) => return object(fields, value, name),
        Kind::List(fields) => {
            let elements = value.as_array().ok_or_else(|| invalid(name))?;
            return elements
                .iter()
                .try_for_each(|element| object(fields, element, name));
        }
    };
    if is_valid { Ok(()) } else { Err(invalid(name)) }
}

fn invalid(name: &str) -> ApiError {
    ApiError::bad_request(format!("{name} is not valid."))
}

/// Two times in order, joined by a slash.
pub(super) fn interval(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = text.split_once('/')?;
    let interval: (Timestamp, Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    (interval.0 < interval.1).then_some(interval)
}

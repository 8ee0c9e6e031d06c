//! Checks the form of queries and bodies against the contract, as strictly as v2 does: nothing unknown, nothing coerced.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use serde_json::{Map, Value};

use super::contract::{Body, Field, Kind, Operation, Version};
use super::error::ApiError;

/// The parameters of a query string, if the operation takes all of them.
///
/// A `+` that was not encoded arrives as a space, as it does at any server that follows the form rules.
pub(super) fn query(
    operation: &Operation,
    raw: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
        let Some(field) = operation.query.iter().find(|field| field.name == name) else {
            return Err(unknown(operation.version, &name));
        };
        check_text(field.kind, &value)
            .map_err(|complaint| wrong(operation.version, &name, &complaint))?;
        if parameters
            .insert(name.to_string(), value.into_owned())
            .is_some()
        {
            return Err(wrong(operation.version, &name, "must be given once"));
        }
    }
    let present = |name: &str| parameters.contains_key(name);
    require(operation.version, operation.query, present)?;
    Ok(parameters)
}

/// The fields of a body, if the operation takes all of them.
pub(super) fn body(
    operation: &Operation,
    content_type: &str,
    bytes: &[u8],
) -> Result<Map<String, Value>, ApiError> {
    match operation.body {
        Body::Empty => Ok(Map::new()),
        Body::Upload(part) => upload(part, content_type, bytes).map(|()| Map::new()),
        Body::Json(fields) => {
            if !content_type.starts_with("application/json") {
                return Err(ApiError::bad_request("The body must be application/json."));
            }
            let Ok(Value::Object(body)) = serde_json::from_slice(bytes) else {
                return Err(ApiError::bad_request("The body is not a JSON object."));
            };
            object(operation.version, fields, &body, "")?;
            Ok(body)
        }
    }
}

fn object(
    version: Version,
    fields: &[Field],
    body: &Map<String, Value>,
    within: &str,
) -> Result<(), ApiError> {
    for (name, value) in body {
        let path = format!("{within}{name}");
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(match (version, within, name.as_str()) {
                (Version::V2, "", "person_id") => person_id_is_read_only(),
                _ => unknown(version, &path),
            });
        };
        if !(value.is_null() && field.nullable) {
            check_value(version, field.kind, value, &path)?;
        }
    }
    require(version, fields, |name| body.contains_key(name))
}

/// The refusal that the live API gives although its document lists the field.
fn person_id_is_read_only() -> ApiError {
    ApiError::bad_request(
        "'person_id' is a read-only field. Add a primary participant to set 'person_id' instead.",
    )
}

fn check_value(version: Version, kind: Kind, value: &Value, path: &str) -> Result<(), ApiError> {
    let complaint = match (kind, value) {
        (Kind::Object(fields), Value::Object(inner)) => {
            return object(version, fields, inner, &format!("{path}."));
        }
        (Kind::Objects(fields), Value::Array(items)) => {
            for (position, item) in items.iter().enumerate() {
                let item_path = format!("{path}[{position}]");
                check_value(version, Kind::Object(fields), item, &item_path)?;
            }
            return Ok(());
        }
        (Kind::Integers, Value::Array(items)) if items.iter().all(Value::is_i64) => return Ok(()),
        (Kind::CustomFields, Value::Object(inner)) => {
            return match inner.keys().find(|key| !is_custom_field_code(key)) {
                None => Ok(()),
                Some(code) => Err(unknown(version, &format!("{path}.{code}"))),
            };
        }
        (Kind::Integer, Value::Number(number)) if number.is_i64() => return Ok(()),
        (Kind::Number, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => return Ok(()),
        (Kind::Flag, Value::Number(flag)) if matches!(flag.as_i64(), Some(0 | 1)) => return Ok(()),
        (_, Value::String(text)) if is_textual(kind) => match check_text(kind, text) {
            Ok(()) => return Ok(()),
            Err(complaint) => complaint,
        },
        _ => format!("must be {}", description(kind)),
    };
    Err(wrong(version, path, &complaint))
}

/// Checks a value that is text on the wire: any parameter, and the textual fields of a body.
fn check_text(kind: Kind, text: &str) -> Result<(), String> {
    let is_fine = match kind {
        Kind::Integer => text.parse::<i64>().is_ok(),
        Kind::Limit(maximum) => text
            .parse()
            .is_ok_and(|limit: i64| (1..=maximum).contains(&limit)),
        Kind::Number => text.parse::<f64>().is_ok(),
        Kind::Boolean => matches!(text, "true" | "false"),
        Kind::Flag => matches!(text, "0" | "1"),
        Kind::Text => true,
        Kind::TextUpTo(bytes) => text.len() <= bytes,
        Kind::OneOf(words) => words.contains(&text),
        Kind::ListOf(words) => text.split(',').all(|word| words.contains(&word.trim())),
        Kind::Ids => {
            let ids: Vec<_> = text.split(',').map(|id| id.trim().parse::<i64>()).collect();
            ids.len() <= 100 && ids.iter().all(Result::is_ok)
        }
        Kind::Date => has_shape(text, "dddd-dd-dd") && text.parse::<Date>().is_ok(),
        Kind::TimeOfDay => has_shape(text, "dd:dd") && text < "24:00" && &text[3..] < "60",
        Kind::Length => has_shape(text, "dd:dd") && &text[3..] < "60",
        Kind::Instant => is_instant(text),
        Kind::UtcDateTime => {
            has_shape(text, "dddd-dd-dd dd:dd:dd")
                && BrokenDownTime::parse("%Y-%m-%d %H:%M:%S", text)
                    .is_ok_and(|parsed| parsed.to_datetime().is_ok())
        }
        Kind::Integers | Kind::Object(_) | Kind::Objects(_) | Kind::CustomFields => false,
    };
    match (is_fine, kind) {
        (true, _) => Ok(()),
        // The words that the live API was seen to use.
        (false, Kind::Instant) => Err(format!("'{text}' is not a valid datetime")),
        (false, _) => Err(format!("must be {}", description(kind))),
    }
}

/// Whether a kind is text in a body too.
fn is_textual(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text
            | Kind::TextUpTo(_)
            | Kind::OneOf(_)
            | Kind::Date
            | Kind::TimeOfDay
            | Kind::Length
            | Kind::Instant
            | Kind::UtcDateTime
    )
}

fn description(kind: Kind) -> String {
    match kind {
        Kind::Integer => "an integer".to_owned(),
        Kind::Limit(maximum) => format!("an integer between 1 and {maximum}"),
        Kind::Number => "a number".to_owned(),
        Kind::Boolean => "a boolean".to_owned(),
        Kind::Flag => "0 or 1".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::TextUpTo(bytes) => format!("a string of at most {bytes} bytes"),
        Kind::OneOf(words) => format!("one of {}", words.join(", ")),
        Kind::ListOf(words) => format!("a comma separated list of {}", words.join(", ")),
        Kind::Ids => "a comma separated list of at most 100 integers".to_owned(),
        Kind::Date => "a date in the format YYYY-MM-DD".to_owned(),
        Kind::TimeOfDay => "a time in the format HH:MM".to_owned(),
        Kind::Length => "a duration in the format HH:MM".to_owned(),
        Kind::Instant => "a datetime in RFC 3339 format".to_owned(),
        Kind::UtcDateTime => "a datetime in the format YYYY-MM-DD HH:MM:SS".to_owned(),
        Kind::Integers => "an array of integers".to_owned(),
        Kind::Object(_) | Kind::CustomFields => "an object".to_owned(),
        Kind::Objects(_) => "an array of objects".to_owned(),
    }
}

/// Whether `text` has a digit for every `d` of `shape` and equals it elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                _ => byte == expected,
            })
}

/// Fractions of a second are refused by the live API, and so is an offset other than `Z`.
fn is_instant(text: &str) -> bool {
    has_shape(text, "dddd-dd-ddTdd:dd:ddZ") && text.parse::<jiff::Timestamp>().is_ok()
}

/// Custom fields are named by the 40 hexadecimal digits of their code.
fn is_custom_field_code(key: &str) -> bool {
    key.len() == 40
        && key
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a `multipart/form-data` body has a part of that name with something in it.
fn upload(part: &str, content_type: &str, bytes: &[u8]) -> Result<(), ApiError> {
    let missing = || wrong(Version::V1, part, "is required");
    if !content_type.starts_with("multipart/form-data") || !content_type.contains("boundary=") {
        return Err(ApiError::bad_request(
            "The body must be multipart/form-data.",
        ));
    }
    let text = String::from_utf8_lossy(bytes);
    let (_, after_name) = text
        .split_once(&format!("name=\"{part}\""))
        .ok_or_else(missing)?;
    let (_, content) = after_name.split_once("\r\n\r\n").ok_or_else(missing)?;
    if content.starts_with("\r\n--") {
        Err(missing())
    } else {
        Ok(())
    }
}

fn require(
    version: Version,
    fields: &[Field],
    is_present: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    match fields
        .iter()
        .find(|field| field.required && !is_present(field.name))
    {
        None => Ok(()),
        Some(field) if version == Version::V1 => Err(wrong(version, field.name, "is required.")),
        Some(field) => Err(missing(field.name)),
    }
}

/// A field that v2 cannot do without.
pub(super) fn missing(name: &str) -> ApiError {
    ApiError::validation(
        name,
        format!("Parameter '{name}' is required for this request"),
    )
}

fn unknown(version: Version, name: &str) -> ApiError {
    match version {
        Version::V1 => wrong(version, name, "is not allowed."),
        Version::V2 => ApiError::validation(
            name,
            format!("Parameter '{name}' is not allowed for this request"),
        ),
    }
}

fn wrong(version: Version, name: &str, complaint: &str) -> ApiError {
    match version {
        Version::V1 => ApiError::bad_request(format!("\"{name}\" {complaint}")),
        Version::V2 => ApiError::validation(name, complaint),
    }
}

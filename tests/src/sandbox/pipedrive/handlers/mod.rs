//! What each operation does to the records, once its request has been found well-formed.

#![expect(
    clippy::unnecessary_wraps,
    reason = "handlers share one signature, also those that cannot fail"
)]

pub(super) mod activities;
pub(super) mod call_logs;
pub(super) mod deals;
pub(super) mod notes;
pub(super) mod organizations;
pub(super) mod people;
pub(super) mod persons;
mod sanitiser;
pub(super) mod users;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::call::Call;
use super::error::ApiError;

/// Saved filters cannot be made here, so none that a list names exists.
fn refuse_filter(call: &Call) -> Result<(), ApiError> {
    match call.text("filter_id") {
        None => Ok(()),
        Some(_) => Err(ApiError::not_found("Filter not found")),
    }
}

/// Whether a list that names ids wants this one.
fn is_wanted(call: &Call, id: i64) -> bool {
    call.words("ids")
        .is_none_or(|ids| ids.iter().any(|wanted| wanted.parse() == Ok(id)))
}

/// Refuses a term that is too short for a search.
fn search_term(call: &Call) -> Result<(&str, bool), ApiError> {
    let exact = call.boolean("exact_match").unwrap_or(false);
    let term = call.text("term").unwrap_or_default().trim();
    let shortest = if exact { 1 } else { 2 };
    if term.chars().count() < shortest {
        let complaint = format!("must be at least {shortest} characters long");
        return Err(ApiError::validation("term", complaint));
    }
    Ok((term, exact))
}

/// A time as v1 writes it.
fn v1_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as v1 takes it, whose form has been checked.
fn from_v1_time(text: &str) -> Option<Timestamp> {
    let parsed = strtime::parse("%Y-%m-%d %H:%M:%S", text).ok()?;
    Offset::UTC.to_timestamp(parsed.to_datetime().ok()?).ok()
}

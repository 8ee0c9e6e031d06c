//! Filters by time, sorting and cursors, which the lists of v2 share; `start` and `limit`, which those of v1 do.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;

const DEFAULT_LIMIT: usize = 100;

/// What a list of v2 can be sorted by.
pub(super) trait Listed {
    fn id(&self) -> i64;
    fn add_time(&self) -> Timestamp;
    fn update_time(&self) -> Timestamp;
    /// A number that orders due dates; items without any come first.
    fn due_date(&self) -> i64 {
        i64::MIN
    }
}

/// The position after which the next page begins.
#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Position {
    field_value: i64,
    id: i64,
}

/// The content of a cursor, which is opaque to clients.
#[derive(Serialize, Deserialize)]
struct Cursor {
    field: String,
    #[serde(flatten)]
    position: Position,
    #[serde(rename = "sortDirection")]
    direction: String,
}

/// What an answer of v2 says about the next page.
fn next_page(cursor: Option<&str>) -> Value {
    json!({"next_cursor": cursor})
}

/// One page of `items`, and what the answer says about the next one.
pub(super) fn page<'i, T: Listed>(
    call: &Call,
    items: impl Iterator<Item = &'i T>,
) -> Result<(Vec<&'i T>, Value), ApiError> {
    let field = call.text("sort_by").unwrap_or("id");
    let direction = call.text("sort_direction").unwrap_or("asc");
    let after = call
        .text("cursor")
        .map(|cursor| read_cursor(cursor, field, direction));
    let after = after.transpose()?;

    let mut sorted: Vec<_> = items
        .filter(|item| is_in_period(call, item.update_time()))
        .map(|item| (position(field, item), item))
        .collect();
    sorted.sort_unstable_by_key(|entry| entry.0);
    if direction == "desc" {
        sorted.reverse();
    }
    let is_past = |position: Position| match after {
        None => true,
        Some(after) if direction == "desc" => position < after,
        Some(after) => position > after,
    };
    sorted.retain(|entry| is_past(entry.0));

    let limit = limit(call);
    let more = sorted.len() > limit;
    sorted.truncate(limit);
    let last = sorted.last().filter(|_| more).map(|entry| entry.0);
    let next = next_page(
        last.map(|position| write_cursor(field, direction, position))
            .as_deref(),
    );
    Ok((sorted.into_iter().map(|entry| entry.1).collect(), next))
}

/// One page of search results, which keep the order of the index.
pub(super) fn search_page<T>(
    call: &Call,
    hits: Vec<T>,
    id_of: impl Fn(&T) -> i64,
) -> Result<(Vec<T>, Value), ApiError> {
    let after = call
        .text("cursor")
        .map(|cursor| read_cursor(cursor, "id", "asc"))
        .transpose()?;
    let mut rest: Vec<_> = hits
        .into_iter()
        .filter(|hit| after.is_none_or(|after| id_of(hit) > after.id))
        .collect();
    let more = rest.len() > limit(call);
    rest.truncate(limit(call));
    let last = rest.last().filter(|_| more).map(&id_of);
    let next = next_page(
        last.map(|id| {
            write_cursor(
                "id",
                "asc",
                Position {
                    field_value: id,
                    id,
                },
            )
        })
        .as_deref(),
    );
    Ok((rest, next))
}

/// A page of a v1 list.
pub(super) fn offset_page(call: &Call, items: Vec<Value>, default_limit: usize) -> Reply {
    let number = |name| {
        call.integer(name)
            .and_then(|number| usize::try_from(number).ok())
    };
    let start = number("start").unwrap_or(0);
    let limit = number("limit").unwrap_or(default_limit);
    let more = items.len() > start.saturating_add(limit);
    let mut pagination = json!({"start": start, "limit": limit, "more_items_in_collection": more});
    if more {
        pagination["next_start"] = json!(start + limit);
    }
    let data = items.into_iter().skip(start).take(limit).collect();
    Reply::page(data, json!({"pagination": pagination}))
}

fn limit(call: &Call) -> usize {
    let limit = call
        .integer("limit")
        .and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(DEFAULT_LIMIT)
}

/// Both bounds are inclusive at the lower end only, as documented for `updated_since` and `updated_until`.
fn is_in_period(call: &Call, time: Timestamp) -> bool {
    call.instant("updated_since")
        .is_none_or(|since| time >= since)
        && call
            .instant("updated_until")
            .is_none_or(|until| time < until)
}

fn position(field: &str, item: &impl Listed) -> Position {
    let field_value = match field {
        "add_time" => item.add_time().as_second(),
        "update_time" => item.update_time().as_second(),
        "due_date" => item.due_date(),
        _ => item.id(),
    };
    Position {
        field_value,
        id: item.id(),
    }
}

fn write_cursor(field: &str, direction: &str, position: Position) -> String {
    let cursor = json!({
        "field": field,
        "fieldValue": position.field_value,
        "sortDirection": direction,
        "id": position.id,
    });
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

/// Reads a cursor; one of another sorting is no good.
fn read_cursor(text: &str, field: &str, direction: &str) -> Result<Position, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok());
    cursor
        .filter(|cursor| cursor.field == field && cursor.direction == direction)
        .map(|cursor| cursor.position)
        .ok_or_else(|| ApiError::validation("cursor", "is not valid"))
}

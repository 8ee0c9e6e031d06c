//! Filters by time, sorting and cursors, which the lists of v2 share; `start` and `limit`, which those of v1 do.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::behaviour::Cursors;
use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use super::world::World;

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
    /// When it was handed out, in milliseconds of Unix time.
    issued: i64,
    generation: u64,
}

/// How a list is sorted.
#[derive(Clone, Copy)]
struct Order<'c> {
    field: &'c str,
    direction: &'c str,
}

impl<'c> Order<'c> {
    const BY_ID: Order<'static> = Order {
        field: "id",
        direction: "asc",
    };

    fn of(call: &'c Call) -> Self {
        Self {
            field: call.text("sort_by").unwrap_or("id"),
            direction: call.text("sort_direction").unwrap_or("asc"),
        }
    }

    fn is_by_id(self) -> bool {
        (self.field, self.direction) == ("id", "asc")
    }
}

/// Where a list that is sorted by id goes on: after this one. `None` if it is sorted otherwise.
pub(super) fn resumes_after_id(world: &World, call: &Call) -> Result<Option<i64>, ApiError> {
    let order = Order::of(call);
    if !order.is_by_id() {
        return Ok(None);
    }
    let after = after(world, call, order)?;
    Ok(Some(after.map_or(i64::MIN, |position| position.id)))
}

/// Where a list that is sorted by the time of changes goes on: after this one. `None` if it is sorted otherwise.
pub(super) fn resumes_after_change(
    world: &World,
    call: &Call,
) -> Result<Option<(Timestamp, i64)>, ApiError> {
    let order = Order::of(call);
    if (order.field, order.direction) != ("update_time", "asc") {
        return Ok(None);
    }
    let position = after(world, call, order)?;
    let time = position.map(|position| Timestamp::from_second(position.field_value));
    let time = time.and_then(Result::ok).unwrap_or(Timestamp::MIN);
    Ok(Some((
        time,
        position.map_or(i64::MIN, |position| position.id),
    )))
}

/// [`page`] of items that come in the order of the list: no more of them are looked at than it holds.
pub(super) fn page_in_order<'i, T: Listed>(
    world: &World,
    call: &Call,
    items: impl Iterator<Item = &'i T>,
) -> Result<(Vec<&'i T>, Value), ApiError> {
    page_of(world, call, items, true)
}

/// One page of `items`, and what the answer says about the next one.
///
/// The items have to come by id unless `updated_since` is asked for: then a page by id is taken without
/// looking at the rest, which makes lists of a million bearable.
pub(super) fn page<'i, T: Listed>(
    world: &World,
    call: &Call,
    items: impl Iterator<Item = &'i T>,
) -> Result<(Vec<&'i T>, Value), ApiError> {
    let in_order = Order::of(call).is_by_id() && call.instant("updated_since").is_none();
    page_of(world, call, items, in_order)
}

fn page_of<'i, T: Listed>(
    world: &World,
    call: &Call,
    items: impl Iterator<Item = &'i T>,
    in_order: bool,
) -> Result<(Vec<&'i T>, Value), ApiError> {
    let order = Order::of(call);
    let after = after(world, call, order)?;
    let descends = order.direction == "desc";
    let is_past = |position: Position| match after {
        None => true,
        Some(after) if descends => position < after,
        Some(after) => position > after,
    };
    let limit = limit(call);
    let mut wanted = items
        .filter(|item| is_in_period(call, item.update_time()))
        .map(|item| (position(order.field, item), item))
        .filter(|entry| is_past(entry.0));
    let mut sorted: Vec<_>;
    if in_order {
        sorted = wanted.by_ref().take(limit + 1).collect();
    } else {
        sorted = wanted.collect();
        sorted.sort_unstable_by_key(|entry| entry.0);
        if descends {
            sorted.reverse();
        }
    }

    let more = sorted.len() > limit;
    sorted.truncate(limit);
    let last = sorted.last().filter(|_| more).map(|entry| entry.0);
    let next = next_page(world, call, order, last);
    Ok((sorted.into_iter().map(|entry| entry.1).collect(), next))
}

/// One page of search results, which keep the order of the index.
pub(super) fn search_page<T>(
    world: &World,
    call: &Call,
    hits: Vec<T>,
    id_of: impl Fn(&T) -> i64,
) -> Result<(Vec<T>, Value), ApiError> {
    let after = after(world, call, Order::BY_ID)?;
    let mut rest: Vec<_> = hits
        .into_iter()
        .filter(|hit| after.is_none_or(|after| id_of(hit) > after.id))
        .collect();
    let more = rest.len() > limit(call);
    rest.truncate(limit(call));
    let last = rest.last().filter(|_| more).map(&id_of);
    let last = last.map(|id| Position {
        field_value: id,
        id,
    });
    let next = next_page(world, call, Order::BY_ID, last);
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

/// What an answer of v2 says about the next page, which begins after `last` if there is one.
fn next_page(world: &World, call: &Call, order: Order<'_>, last: Option<Position>) -> Value {
    let cursor = last.map(|position| write_cursor(world, order, position));
    let cursor = match (world.behaviour.cursors, call.text("cursor")) {
        (Cursors::Advance, _) | (Cursors::Repeat, None) => cursor,
        (Cursors::Repeat, Some(asked)) => Some(asked.to_owned()),
        (Cursors::Empty, _) => cursor.map(|_| String::new()),
        (Cursors::EmptyAtEnd, _) => Some(cursor.unwrap_or_default()),
    };
    json!({"next_cursor": cursor})
}

fn write_cursor(world: &World, order: Order<'_>, position: Position) -> String {
    let cursor = Cursor {
        field: order.field.to_owned(),
        position,
        direction: order.direction.to_owned(),
        issued: shared::clock::now().as_millisecond(),
        generation: world.cursor_generation,
    };
    URL_SAFE_NO_PAD.encode(json!(cursor).to_string())
}

/// The position that a request's cursor names, if it has one. A cursor of another sorting is no good.
fn after(world: &World, call: &Call, order: Order<'_>) -> Result<Option<Position>, ApiError> {
    let Some(text) = call.text("cursor") else {
        return Ok(None);
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok());
    let cursor = cursor
        .filter(|cursor| cursor.field == order.field && cursor.direction == order.direction)
        .ok_or_else(|| ApiError::validation("cursor", "is not valid"))?;
    let age = shared::clock::now().as_millisecond() - cursor.issued;
    let is_old = |life: Duration| u128::try_from(age).is_ok_and(|age| age >= life.as_millis());
    if cursor.generation < world.cursor_generation
        || world.behaviour.cursor_life.is_some_and(is_old)
    {
        let status = world.behaviour.expired_cursor_status;
        return Err(ApiError::expired_cursor(status));
    }
    Ok(Some(cursor.position))
}

//! Filters of queries, as far as they are known here. A dimension that is not is refused, rather than passed over.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::model::{Conversation, Participant, Session};
use super::super::render::analytics::end;

/// Whether a conversation passes all filters of a query.
pub(super) fn admits(query: &Value, of: &Conversation) -> Result<bool, ApiError> {
    let of_conversation = |predicate: &Value| by_conversation(predicate, of);
    if !all(&query["conversationFilters"], &of_conversation)? {
        return Ok(false);
    }
    if query["segmentFilters"].is_null() {
        return Ok(true);
    }
    let sessions = of.participants.iter().flat_map(|participant| {
        participant
            .sessions
            .iter()
            .map(move |session| (participant, session))
    });
    for (participant, session) in sessions {
        let of_session = |predicate: &Value| by_session(predicate, participant, session);
        if all(&query["segmentFilters"], &of_session)? {
            return Ok(true);
        }
    }
    Ok(false)
}

type Passes<'p> = dyn Fn(&Value) -> Result<bool, ApiError> + 'p;

fn all(filters: &Value, passes: &Passes<'_>) -> Result<bool, ApiError> {
    for filter in filters.as_array().into_iter().flatten() {
        if filter["clauses"].is_array() {
            return Err(ApiError::bad_request("The sandbox knows no clauses."));
        }
        let predicates = filter["predicates"].as_array().into_iter().flatten();
        let results: Vec<bool> = predicates.map(passes).collect::<Result<_, _>>()?;
        let is_passed = match filter["type"].as_str() {
            Some("or") => results.contains(&true),
            _ => !results.contains(&false),
        };
        if !is_passed {
            return Ok(false);
        }
    }
    Ok(true)
}

fn by_conversation(predicate: &Value, of: &Conversation) -> Result<bool, ApiError> {
    let value = match dimension(predicate) {
        "conversationEnd" => end(of).map(|end| end.to_string()),
        "conversationId" => Some(of.id.clone()),
        "originatingDirection" => Some(of.direction.analytics().to_owned()),
        "externalTag" => of.external_tag.clone(),
        "divisionId" => Some(of.division_id.clone()),
        other => return Err(unknown(other)),
    };
    Ok(compare(predicate, value.as_deref()))
}

fn by_session(predicate: &Value, owner: &Participant, of: &Session) -> Result<bool, ApiError> {
    let value = match dimension(predicate) {
        "mediaType" => Some(of.media.analytics()),
        "direction" => Some(of.direction.analytics()),
        "purpose" => Some(owner.purpose.as_str()),
        "queueId" => owner.queue_id.as_deref(),
        "userId" => owner.user_id.as_deref(),
        other => return Err(unknown(other)),
    };
    Ok(compare(predicate, value))
}

fn dimension(predicate: &Value) -> &str {
    predicate["dimension"].as_str().unwrap_or_default()
}

fn compare(predicate: &Value, value: Option<&str>) -> bool {
    match predicate["operator"].as_str() {
        Some("exists") => value.is_some(),
        Some("notExists") => value.is_none(),
        _ => value.is_some() && predicate["value"].as_str() == value,
    }
}

fn unknown(dimension: &str) -> ApiError {
    ApiError::bad_request(format!("The sandbox cannot filter by {dimension}."))
}

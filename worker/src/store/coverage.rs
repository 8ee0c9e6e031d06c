//! What Redis knows of many interactions at once, to compare it with Genesys' record. Reads only.

use std::collections::HashMap;

use redis::RedisError;
use shared::domain::event::Kind;
use shared::domain::facts::Facts;
use shared::domain::ids::InteractionId;

use super::connection::Store;

/// The entry of an interaction, and what Genesys said of it.
type Found = (HashMap<String, String>, Option<String>);

/// Interactions whose entries one pipeline reads.
const AT_ONCE: usize = 200;

/// What the entry of an interaction says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The activity, once it is written.
    pub activity: Option<u64>,
    /// Whether the entry is there: a worker stored an event of the interaction.
    pub is_seen: bool,
    /// Whether an event is known that says of the whole interaction what it was, and not of an agent's leg alone.
    pub has_end: bool,
    /// What Genesys said of it, as it is kept.
    pub enrichment: Option<String>,
}

/// The entries of interactions, in their order.
///
/// # Errors
///
/// When Redis does not answer.
pub(crate) async fn traces(
    store: &Store,
    interactions: &[&InteractionId],
) -> Result<Vec<Trace>, RedisError> {
    let mut traces = Vec::with_capacity(interactions.len());
    for some in interactions.chunks(AT_ONCE) {
        let mut pipe = redis::pipe();
        for interaction in some {
            let id = interaction.idempotency_key();
            pipe.hgetall(store.key(&format!("interaction:{{{id}}}")))
                .get(store.key(&format!("enrichment:{{{id}}}")));
        }
        let found: Vec<redis::Value> = pipe.query_async(&mut store.connection()?).await?;
        for pair in found.chunks(2) {
            let (entry, enrichment): Found =
                redis::from_redis_value(redis::Value::Array(pair.to_vec()))?;
            traces.push(trace(&entry, enrichment));
        }
    }
    Ok(traces)
}

fn trace(entry: &HashMap<String, String>, enrichment: Option<String>) -> Trace {
    let mut facts = entry.iter().filter(|(field, _)| field.starts_with("f:"));
    Trace {
        activity: entry.get("activity").and_then(|activity| written(activity)),
        is_seen: entry.contains_key("fence"),
        has_end: facts.any(|(_, facts)| is_whole(facts)),
        enrichment,
    }
}

fn is_whole(facts: &str) -> bool {
    serde_json::from_str::<Facts>(facts)
        .is_ok_and(|facts| matches!(facts.kind, Kind::Completed | Kind::CustomerEnd))
}

/// The id in `ok:<id>`.
fn written(activity: &str) -> Option<u64> {
    activity.strip_prefix("ok:")?.parse().ok()
}

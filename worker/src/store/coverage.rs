//! What Redis knows of many interactions at once, to compare it with Genesys' record. Reads only.

use redis::RedisError;
use shared::domain::ids::InteractionId;

use super::connection::Store;

/// Interactions whose entries one pipeline reads.
const AT_ONCE: usize = 500;

/// What the entry of an interaction says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The activity, once it is written.
    pub activity: Option<u64>,
    /// Whether the entry is there: a worker stored an event of the interaction.
    pub is_seen: bool,
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
            let key = store.key(&format!(
                "interaction:{{{}}}",
                interaction.idempotency_key()
            ));
            pipe.hmget(key, &["activity", "fence"]);
        }
        let found: Vec<[Option<String>; 2]> = pipe.query_async(&mut store.connection()?).await?;
        traces.extend(found.into_iter().map(|[activity, fence]| Trace {
            activity: activity.as_deref().and_then(written),
            is_seen: fence.is_some(),
        }));
    }
    Ok(traces)
}

/// The id in `ok:<id>`.
fn written(activity: &str) -> Option<u64> {
    activity.strip_prefix("ok:")?.parse().ok()
}

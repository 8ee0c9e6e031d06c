//! File descriptors: as many as the system grants, and no more connections than there are descriptors for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Connections of one thread: more than any sender opens. Each may hold a body in memory.
const MAX_CONNECTIONS: usize = 1024;
/// What else is open: the spool, connections to RabbitMQ, the listeners, operators' connections, logs.
const RESERVED: u64 = 128;
/// Fewer would serve no one.
const MIN_CONNECTIONS: usize = 16;

/// Raises the limit of file descriptors as far as the system allows, and returns how many connections each of `threads`
/// may have.
pub(crate) fn connections_of_each(threads: usize) -> usize {
    let limit = match raise() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "Cannot raise the limit of file descriptors: {error}");
            getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
        }
    };
    let each = bounded(limit, threads);
    let all = each * threads;
    if each < MAX_CONNECTIONS {
        tracing::warn!(
            descriptors = limit,
            connections = all,
            "The system grants {limit} file descriptors: at most {all} connections are accepted at once; raise the hard limit \
             (ulimit -Hn) for {}",
            MAX_CONNECTIONS * threads
        );
    } else {
        tracing::info!(
            descriptors = limit,
            connections = all,
            "At most {all} connections are accepted at once, with {limit} file descriptors"
        );
    }
    each
}

fn raise() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// The connections of each thread that `limit` descriptors allow.
fn bounded(limit: u64, threads: usize) -> usize {
    let left = usize::try_from(limit.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    (left / threads.max(1)).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_by_the_descriptors() {
        assert_eq!(bounded(1_048_576, 4), MAX_CONNECTIONS);
        assert_eq!(bounded(1024, 2), 448);
        assert_eq!(bounded(256, 4), 32);
        assert_eq!(bounded(64, 4), MIN_CONNECTIONS);
    }

    #[test]
    fn the_limit_is_raised_to_what_the_system_grants() {
        let limit = raise().unwrap();

        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!((soft, hard), (limit, limit));
    }
}

//! The thread that has the file: what waits for it becomes one transaction.

use std::io;

use tokio::sync::{mpsc, oneshot, watch};

use super::store::Store;
use super::{Record, SpoolError, Status, Stored};

/// Commands that become one transaction at most: a sync serves many, and nobody waits for thousands of others.
const MAX_TOGETHER: usize = 256;
/// Bodies that are read for draining at once.
const READ_MAX_BYTES: usize = 8 * 1024 * 1024;

type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// What the thread is asked.
pub(super) enum Command {
    Append {
        record: Record,
        reply: Reply<()>,
    },
    Oldest {
        after: i64,
        count: usize,
        reply: Reply<Vec<Stored>>,
    },
    Delete {
        ids: Vec<i64>,
        reply: Reply<()>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

/// Starts the thread, which ends when it is told to close or the last sender is gone.
pub(super) fn start(
    store: Store,
    mut commands: mpsc::Receiver<Command>,
    max_bytes: u64,
) -> io::Result<watch::Receiver<Status>> {
    let status = Status {
        depth: store.depth(),
        trouble: None,
    };
    let (status, watched) = watch::channel(status);
    let mut keeper = Keeper {
        store,
        status,
        max_bytes,
    };
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || {
            let mut taken = Vec::with_capacity(MAX_TOGETHER);
            while commands.blocking_recv_many(&mut taken, MAX_TOGETHER) > 0 {
                if let Some(closed) = keeper.serve(&mut taken) {
                    drop(keeper);
                    closed.send(()).ok();
                    return;
                }
            }
        })?;
    Ok(watched)
}

struct Keeper {
    store: Store,
    status: watch::Sender<Status>,
    max_bytes: u64,
}

/// What becomes one transaction.
#[derive(Default)]
struct Changes {
    records: Vec<Record>,
    record_bytes: u64,
    ids: Vec<i64>,
    replies: Vec<Reply<()>>,
}

impl Keeper {
    /// Answers all of `taken`; gives whom to tell when the file is closed, if that was asked.
    fn serve(&mut self, taken: &mut Vec<Command>) -> Option<oneshot::Sender<()>> {
        let mut changes = Changes::default();
        let mut refused = None;
        let mut closing = None;
        for command in taken.drain(..) {
            match command {
                Command::Append { record, reply } => {
                    let bytes = self.store.bytes_with(changes.record_bytes, &record);
                    if bytes > self.max_bytes {
                        let full = SpoolError::Full(self.max_bytes);
                        refused = Some(full.clone());
                        drop(reply.send(Err(full)));
                    } else {
                        changes.record_bytes = bytes - self.store.depth().bytes;
                        changes.records.push(record);
                        changes.replies.push(reply);
                    }
                }
                Command::Delete { ids, reply } => {
                    changes.ids.extend(ids);
                    changes.replies.push(reply);
                }
                Command::Oldest {
                    after,
                    count,
                    reply,
                } => {
                    let found = self.store.oldest(after, count, READ_MAX_BYTES);
                    drop(reply.send(found.map_err(|error| failed(&error))));
                }
                Command::Close { reply } => closing = Some(reply),
            }
        }
        self.change(changes, refused);
        closing
    }

    fn change(&mut self, changes: Changes, refused: Option<SpoolError>) {
        if changes.replies.is_empty() {
            if let Some(full) = refused {
                self.report(Some(full));
            }
            return;
        }
        let was_filled = self.store.depth().messages > 0;
        let applied = self.store.apply(&changes.records, &changes.ids);
        let outcome = applied.map_err(|error| failed(&error));
        // Before the answers, so that whoever got one finds its message counted.
        self.report(outcome.as_ref().err().cloned().or(refused));
        for reply in changes.replies {
            // Whoever asked may have given up waiting.
            drop(reply.send(outcome.clone()));
        }
        if was_filled
            && self.store.depth().messages == 0
            && let Err(error) = self.store.shrink()
        {
            tracing::warn!(error = %error, "The empty spool keeps its space");
        }
    }

    fn report(&self, trouble: Option<SpoolError>) {
        let depth = self.store.depth();
        self.status.send_replace(Status { depth, trouble });
    }
}

fn failed(error: &rusqlite::Error) -> SpoolError {
    SpoolError::Failed(error.to_string())
}

//! The thread that owns the file, and groups waiting commands into transactions.

use std::io;

use futures_util::FutureExt;
use shared::fail_point::{self, FailPoint};
use tokio::sync::{mpsc, oneshot, watch};

use super::record::{Record, SpoolError, Stored};
use super::store::{Depth, Store};

/// Largest number of commands in one transaction: a sync serves many, and none waits for thousands of others.
const MAX_TOGETHER: usize = 256;
/// Largest size of the bodies that are read for draining at once.
const READ_MAX_BYTES: usize = 8 * 1024 * 1024;

type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// The content of the spool, and whether it accepts more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number and size of the messages.
    pub depth: Depth,
    /// The error of the last attempt to store a message.
    pub trouble: Option<SpoolError>,
}

/// A command for the thread.
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

/// Starts the thread, which ends with a close command or when the last sender is dropped.
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
    let mut writer = SpoolWriter {
        store,
        status,
        max_bytes,
    };
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || {
            // No runtime is here to wait on: of the actions, abort and panic are at once.
            let _reached =
                fail_point::reach_with(FailPoint::TaskStarted, "spool writer").now_or_never();
            let mut taken = Vec::with_capacity(MAX_TOGETHER);
            while commands.blocking_recv_many(&mut taken, MAX_TOGETHER) > 0 {
                if let Some(closed) = writer.serve(&mut taken) {
                    drop(writer);
                    closed.send(()).ok();
                    return;
                }
            }
        })?;
    Ok(watched)
}

struct SpoolWriter {
    store: Store,
    status: watch::Sender<Status>,
    max_bytes: u64,
}

/// The changes of one transaction.
#[derive(Default)]
struct Changes {
    records: Vec<Record>,
    record_bytes: u64,
    ids: Vec<i64>,
    replies: Vec<Reply<()>>,
}

impl SpoolWriter {
    /// Executes and answers the commands in `taken`; returns the reply to a close command, due once the file is closed.
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
        // Before the answers, so that a caller with an answer finds its message counted.
        self.report(outcome.as_ref().err().cloned().or(refused));
        for reply in changes.replies {
            // The caller may have given up waiting.
            drop(reply.send(outcome.clone()));
        }
        if was_filled
            && self.store.depth().messages == 0
            && let Err(error) = self.store.shrink()
        {
            tracing::warn!(error = %error, "The file of the empty spool could not be shrunk and keeps its size; the spool works on");
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

//! The file of the spool: SQLite, synced with every transaction, locked for one process.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::record::{Record, Stored};

/// "GPBs" in SQLite's header: the file is one of our spools.
const APPLICATION_ID: i32 = 0x4750_4273;
/// Version of the tables and of the form of the properties. A newer program reads older ones.
const SCHEMA: i32 = 1;
/// Approximate size of a record beside body and properties, in bytes.
const OVERHEAD_BYTES: u64 = 64;

/// The journal first: a write-ahead log needs one sync a transaction. `FULL` makes that sync before a transaction is
/// committed. The exclusive lock is held until the process ends, however it ends, and spares a file of shared memory.
/// Bodies are personal data: what was deleted is overwritten, and nothing is written elsewhere.
const SETTINGS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
";

/// An id is never used again: SQLite would otherwise give that of the last, deleted record to the next.
const TABLES: &str = "
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        received_at_us INTEGER NOT NULL,
        properties TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
";

/// The spool cannot be used. It was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error(
        "setting `ingest.spool.path` (BRIDGE__INGEST__SPOOL__PATH): another process uses {}. Give every ingest a spool of \
         its own, or stop the other one",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file is damaged, or not one of our spools.
    #[error(
        "setting `ingest.spool.path` (BRIDGE__INGEST__SPOOL__PATH): {} is damaged, or no spool: {problem}. Nothing was \
         deleted. Move it aside together with {}-wal, and start again: a new spool is made. What can be saved from the \
         old one: sqlite3 OLD .recover | sqlite3 NEW",
        path.display(), path.display()
    )]
    Damaged {
        /// Path of the spool's file.
        path: PathBuf,
        /// Problem in SQLite's words.
        problem: String,
    },
    /// A newer version wrote it.
    #[error(
        "setting `ingest.spool.path` (BRIDGE__INGEST__SPOOL__PATH): {} was written by a newer version (schema {schema}, \
         this one knows {SCHEMA}). Let the newer one drain it, or give this one another file",
        path.display()
    )]
    Newer {
        /// Path of the spool's file.
        path: PathBuf,
        /// Schema version of the file.
        schema: i32,
    },
    /// It cannot be opened, read or written.
    #[error(
        "setting `ingest.spool.path` (BRIDGE__INGEST__SPOOL__PATH): cannot use {}: {problem}. It must be a file on a \
         local disk that this user may write, in a folder that this user may write",
        path.display()
    )]
    Unusable {
        /// Path of the spool's file.
        path: PathBuf,
        /// What makes the file unusable, in words.
        problem: String,
    },
}

/// Number and size of the messages in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// How many messages wait in the spool.
    pub messages: u64,
    /// Size of their bodies and properties.
    pub bytes: u64,
    /// When the oldest of them was received.
    pub oldest: Option<Timestamp>,
}

/// The spool file, opened and locked for this process.
pub struct Store {
    connection: Connection,
    depth: Depth,
}

impl Store {
    /// Opens the file; creates it and its folder if they are missing.
    ///
    /// # Errors
    ///
    /// When another process has it, it is damaged, or it cannot be used. It is left as it is then.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        make(path).map_err(|error| OpenError::Unusable {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        let opened = Connection::open_with_flags(
            path,
            // No URI, no mutex: one thread owns the connection.
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        );
        let connection = opened.map_err(|error| explain(path, &error))?;
        // Another process holds the spool for as long as it runs: waiting is useless.
        connection
            .busy_timeout(Duration::ZERO)
            .and_then(|()| connection.execute_batch(SETTINGS))
            .map_err(|error| explain(path, &error))?;
        prepare(path, connection)
    }

    /// Number and size of its messages.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Its size with `waiting_bytes` and `record` added.
    #[must_use]
    pub fn bytes_with(&self, waiting_bytes: u64, record: &Record) -> u64 {
        self.depth.bytes + waiting_bytes + size(record.properties.len(), record.body.len())
    }

    /// Appends and deletes in one transaction. On disk when this returns.
    ///
    /// # Errors
    ///
    /// When it is not certain that it is on disk. Then nothing was changed, or the next start shows what was.
    pub fn apply(&mut self, append: &[Record], delete: &[i64]) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut depth = self.depth;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO messages (received_at_us, properties, body) VALUES (?1, ?2, ?3)",
            )?;
            for record in append {
                let received_at = record.received_at.as_microsecond();
                insert.execute(params![received_at, record.properties, &record.body[..]])?;
                depth.messages += 1;
                depth.bytes += size(record.properties.len(), record.body.len());
            }
            let mut remove = transaction.prepare_cached(
                "DELETE FROM messages WHERE id = ?1 RETURNING octet_length(properties), octet_length(body)",
            )?;
            for id in delete {
                let mut removed = remove.query([id])?;
                while let Some(row) = removed.next()? {
                    depth.messages = depth.messages.saturating_sub(1);
                    let freed = size(row.get(0)?, row.get(1)?);
                    depth.bytes = depth.bytes.saturating_sub(freed);
                }
            }
        }
        depth.oldest = oldest(&transaction)?;
        transaction.commit()?;
        self.depth = depth;
        Ok(())
    }

    /// The oldest messages behind the id `after`: at most `count`, and as many as fit `max_bytes`, but one at least.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn oldest(
        &self,
        after: i64,
        count: usize,
        max_bytes: usize,
    ) -> rusqlite::Result<Vec<Stored>> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, properties, body FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = select.query(params![after, count])?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(2)?;
            bytes += body.len();
            if bytes > max_bytes && !found.is_empty() {
                break;
            }
            found.push(Stored {
                id: row.get(0)?,
                properties: row.get(1)?,
                body: Bytes::from(body),
            });
        }
        Ok(found)
    }

    /// Returns the disk space of an empty spool, that of the write-ahead log included.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn shrink(&self) -> rusqlite::Result<()> {
        self.connection
            .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
    }
}

/// Checks that the spool can be opened, and reads its depth, without creating anything: the check may run as another user
/// than the service. `None`: there is no file yet.
///
/// # Errors
///
/// As [`Store::open`].
pub fn inspect(path: &Path) -> Result<Option<Depth>, OpenError> {
    if path.exists() {
        return Store::open(path).map(|store| Some(store.depth()));
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = folder.unwrap_or(Path::new("."));
    let probe = folder.join(format!(".bridge-spool-{}", std::process::id()));
    let written = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
    written.map(|()| None).map_err(|error| OpenError::Unusable {
        path: path.to_owned(),
        problem: format!("{}: {error}", folder.display()),
    })
}

/// Creates the file and its folder, accessible for this user alone.
fn make(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // The folder's own entry must survive a power cut as its content does.
        if let Some(above) = folder
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
        {
            fs::File::open(above)?.sync_all()?;
        }
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Checks the content, and creates the tables in an empty file.
fn prepare(path: &Path, mut connection: Connection) -> Result<Store, OpenError> {
    let explained = |error: rusqlite::Error| explain(path, &error);
    let damaged = |problem: String| OpenError::Damaged {
        path: path.to_owned(),
        problem,
    };
    // A write transaction takes the lock, which is held from then on.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(explained)?;
    let number = |pragma: &str| {
        transaction
            .pragma_query_value(None, pragma, |row| row.get::<_, i32>(0))
            .map_err(explained)
    };
    let (application, schema) = (number("application_id")?, number("user_version")?);
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(explained)?;
    if tables == 0 && application == 0 {
        transaction.execute_batch(TABLES).map_err(explained)?;
        for (pragma, value) in [("application_id", APPLICATION_ID), ("user_version", SCHEMA)] {
            transaction
                .pragma_update(None, pragma, value)
                .map_err(explained)?;
        }
    } else if application != APPLICATION_ID {
        return Err(damaged("another program's database".to_owned()));
    } else if schema > SCHEMA {
        let path = path.to_owned();
        return Err(OpenError::Newer { path, schema });
    }
    let found: String = transaction
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(explained)?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let depth = count(&transaction).map_err(explained)?;
    transaction.commit().map_err(explained)?;
    Ok(Store { connection, depth })
}

fn count(connection: &Connection) -> rusqlite::Result<Depth> {
    let (messages, bytes): (u64, u64) = connection.query_row(
        "SELECT count(*), coalesce(sum(octet_length(properties) + octet_length(body)), 0) FROM messages",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Depth {
        messages,
        bytes: bytes + messages * OVERHEAD_BYTES,
        oldest: oldest(connection)?,
    })
}

fn oldest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut select =
        connection.prepare_cached("SELECT received_at_us FROM messages ORDER BY id LIMIT 1")?;
    let mut rows = select.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Timestamp::from_microsecond(row.get(0)?).ok())
}

fn size(properties: usize, body: usize) -> u64 {
    u64::try_from(properties + body).unwrap_or(u64::MAX) + OVERHEAD_BYTES
}

fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    let problem = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(path),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { path, problem }
        }
        _ => OpenError::Unusable { path, problem },
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

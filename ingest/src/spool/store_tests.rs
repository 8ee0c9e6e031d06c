use std::os::unix::fs::PermissionsExt;

use rusqlite::types::Value;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("bridge-store-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("below/spool.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn record(body: &'static str) -> Record {
    Record {
        received_at: "2026-03-10T14:12:48.5Z".parse().unwrap(),
        properties: r#"{"message_id":"call-1"}"#.to_owned(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn bodies(store: &Store) -> Vec<Bytes> {
    let stored = store.oldest(0, 100, usize::MAX).unwrap();
    stored.into_iter().map(|stored| stored.body).collect()
}

#[test]
fn what_was_appended_is_there_after_opening_anew_and_what_was_deleted_is_not() {
    let folder = Folder::new("anew");
    let mut store = Store::open(&folder.file()).unwrap();
    store
        .apply(&[record("one"), record("two"), record("three")], &[])
        .unwrap();
    let first = store.oldest(0, 1, usize::MAX).unwrap().remove(0);
    store.apply(&[record("four")], &[first.id]).unwrap();
    let depth = store.depth();

    drop(store);
    let store = Store::open(&folder.file()).unwrap();

    assert_eq!(bodies(&store), ["two", "three", "four"]);
    assert_eq!(first.properties, record("").properties);
    assert_eq!(store.depth(), depth);
    assert_eq!(depth.messages, 3);
    assert_eq!(depth.oldest, Some(record("").received_at));
}

#[test]
fn each_transaction_is_synced_and_the_file_is_ours_alone() {
    let folder = Folder::new("settings");
    let mut store = Store::open(&folder.file()).unwrap();
    store.apply(&[record("one")], &[]).unwrap();
    store.shrink().unwrap();

    let setting = |name: &str| {
        let value = store
            .connection
            .pragma_query_value(None, name, |row| row.get::<_, Value>(0));
        value.unwrap()
    };
    // 2 is FULL: a write-ahead log is synced with each commit.
    assert_eq!(setting("synchronous"), Value::Integer(2));
    assert_eq!(setting("journal_mode"), Value::Text("wal".to_owned()));
    assert_eq!(setting("locking_mode"), Value::Text("exclusive".to_owned()));
    assert_eq!(setting("secure_delete"), Value::Integer(1));
    // 2 is MEMORY: no body gets into a temporary file.
    assert_eq!(setting("temp_store"), Value::Integer(2));
}

#[test]
fn a_batch_is_bounded_by_count_and_bytes_but_has_one_at_least() {
    let folder = Folder::new("bounded");
    let mut store = Store::open(&folder.file()).unwrap();
    store
        .apply(&[record("12345"), record("12345"), record("12345")], &[])
        .unwrap();

    let sizes = [(100, 10, 2), (1, 100, 1), (100, 1, 1), (100, 100, 3)];
    for (count, bytes, found) in sizes {
        assert_eq!(store.oldest(0, count, bytes).unwrap().len(), found);
    }
    let first = store.oldest(0, 1, 1).unwrap()[0].id;
    assert_eq!(store.oldest(first, 100, 100).unwrap().len(), 2);
}

#[test]
fn an_empty_spool_takes_next_to_no_space_and_its_bodies_are_gone_from_the_disk() {
    let folder = Folder::new("shrunk");
    let mut store = Store::open(&folder.file()).unwrap();
    let records = vec![record("Casey Customer"); 2000];
    store.apply(&records, &[]).unwrap();
    let ids: Vec<i64> = store
        .oldest(0, 2000, usize::MAX)
        .unwrap()
        .iter()
        .map(|stored| stored.id)
        .collect();

    store.apply(&[], &ids).unwrap();
    store.shrink().unwrap();

    assert_eq!(store.depth(), Depth::default());
    let below = fs::read_dir(folder.file().parent().unwrap()).unwrap();
    for file in below.map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        assert!(
            bytes.len() < 64 * 1024,
            "{}: {}",
            file.display(),
            bytes.len()
        );
        assert!(!bytes.windows(5).any(|text| text == b"Casey"));
    }
}

#[test]
fn nobody_else_may_read_it() {
    let folder = Folder::new("modes");
    let mut store = Store::open(&folder.file()).unwrap();
    store.apply(&[record("one")], &[]).unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let wal = PathBuf::from(format!("{}-wal", folder.file().display()));
    assert_eq!(mode(folder.file().parent().unwrap()), 0o700);
    assert_eq!((mode(&folder.file()), mode(&wal)), (0o600, 0o600));
}

#[test]
fn a_spool_in_use_is_refused_and_free_again_afterwards() {
    let folder = Folder::new("lock");
    let store = Store::open(&folder.file()).unwrap();

    let second = Store::open(&folder.file()).err().unwrap();

    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    drop(store);
    Store::open(&folder.file()).unwrap();
}

#[test]
fn a_damaged_file_is_refused_with_its_remedy_and_left_as_it_is() {
    for (name, damage) in [("head", 0), ("middle", 3 * 4096)] {
        let folder = Folder::new(name);
        let mut store = Store::open(&folder.file()).unwrap();
        store.apply(&vec![record("text"); 500], &[]).unwrap();
        drop(store);
        let mut bytes = fs::read(folder.file()).unwrap();
        bytes[damage..damage + 2000].fill(0x5A);
        fs::write(folder.file(), &bytes).unwrap();

        let error = Store::open(&folder.file()).err().unwrap();

        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        let text = error.to_string();
        for part in ["BRIDGE__INGEST__SPOOL__PATH", "Move it aside", ".recover"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(fs::read(folder.file()).unwrap(), bytes);
    }
}

#[test]
fn the_database_of_another_program_or_of_a_newer_version_is_left_alone() {
    let folder = Folder::new("others");
    drop(Store::open(&folder.file()).unwrap());
    let connection = Connection::open(folder.file()).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let error = Store::open(&folder.file()).err().unwrap();
    assert!(
        matches!(error, OpenError::Newer { schema: 2, .. }),
        "{error}"
    );

    let connection = Connection::open(folder.file()).unwrap();
    connection.pragma_update(None, "application_id", 1).unwrap();
    drop(connection);
    let error = Store::open(&folder.file()).err().unwrap();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let error = Store::open(Path::new("/proc/nowhere/spool.sqlite"))
        .err()
        .unwrap();

    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
}

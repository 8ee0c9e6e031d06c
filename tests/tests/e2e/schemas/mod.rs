//! What an older version left in queues and in Redis is processed by today's; what a newer one left is not misread.

mod messages;
mod numbers;
mod records;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bridge_tests::bridge::TestApp;
use bridge_tests::servers::Publication;
use shared::domain::ids::sha256_hex_of;

/// The interaction of most samples, and the number that called.
const INTERACTION: &str = "e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c";

const CALLER: &str = "+12025550143";

/// Files beside the fixtures that describe them.
const OF_FIXTURES: [&str; 2] = ["README.md", "SHA256SUMS"];

fn fixtures(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(kind)
}

/// All fixtures by their path in the folder, with their digests.
fn digests(folder: &Path, of: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            digests(&path, of);
        } else if !OF_FIXTURES.contains(&path.file_name().and_then(OsStr::to_str).unwrap_or("")) {
            let name = path.strip_prefix(fixtures("")).expect("a path in it");
            let bytes = std::fs::read(&path).expect("a readable file");
            of.insert(name.display().to_string(), sha256_hex_of(&bytes));
        }
    }
}

#[test]
fn no_fixture_was_ever_changed_or_taken_away() {
    let list = std::fs::read_to_string(fixtures("SHA256SUMS")).unwrap();
    let listed = list.lines().map(|line| {
        let (digest, name) = line.split_once("  ").unwrap();
        (name.to_owned(), digest.to_owned())
    });

    let mut found = BTreeMap::new();
    digests(&fixtures(""), &mut found);

    assert_eq!(found, listed.collect());
}

async fn publish(app: &TestApp, message: &Publication) {
    let published = app.management().publish(app.vhost().name(), message).await;
    published.expect("RabbitMQ takes the message");
}

async fn restore(app: &TestApp, key: &str, path: &Path, changes: &[(&str, &str)]) {
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let mut record: BTreeMap<String, String> =
        serde_json::from_str(&text).expect("a fixture is JSON");
    for value in record.values_mut() {
        for (from, to) in changes {
            *value = value.replace(from, to);
        }
    }
    if let Some((_, schema)) = changes.iter().find(|(name, _)| *name == "$schema") {
        record.insert("schema".to_owned(), (*schema).to_owned());
    }
    let key = format!("{}:{key}", app.settings.redis.prefix);
    let restored: redis::RedisResult<()> = redis::pipe()
        .del(&key)
        .hset_multiple(&key, &record.into_iter().collect::<Vec<_>>())
        .query_async(&mut app.redis().await)
        .await;
    restored.expect("Redis takes the record");
}

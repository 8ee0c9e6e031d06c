use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::future::join_all;

use super::*;

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bridge-spool-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    folder.join("spool.sqlite")
}

fn remove(file: &Path) {
    drop(std::fs::remove_dir_all(file.parent().unwrap()));
}

fn record(body: String) -> Record {
    Record {
        received_at: "2026-03-10T14:12:48.5Z".parse().unwrap(),
        properties: "{}".to_owned(),
        body: body.into(),
    }
}

#[tokio::test]
async fn many_at_once_are_all_kept_and_all_found_after_the_close() {
    let file = file("many");
    let spool = Spool::open_at(&file, 1 << 20).unwrap();

    let appends = (0..500).map(|n| spool.append(record(format!("body {n}"))));
    let outcomes = join_all(appends).await;

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(spool.status().depth.messages, 500);
    spool.close().await;
    let late = spool.append(record("late".to_owned())).await;
    assert!(matches!(late, Err(SpoolError::Failed(_))), "{late:?}");
    assert_eq!(spool.status().trouble, late.err());
    let anew = Spool::open_at(&file, 1 << 20).unwrap();
    let kept = anew.oldest(0, 1000).await.unwrap();
    let bodies: BTreeSet<_> = kept.iter().map(|stored| stored.body.clone()).collect();
    let expected = (0..500).map(|n| Bytes::from(format!("body {n}")));
    assert_eq!((kept.len(), bodies), (500, expected.collect()));
    remove(&file);
}

#[tokio::test]
async fn a_full_spool_takes_nothing_more_loses_nothing_and_takes_again_when_there_is_room() {
    let file = file("full");
    let spool = Spool::open_at(&file, 1000).unwrap();

    let appends = (0..100).map(|_| spool.append(record("x".repeat(100))));
    let outcomes = join_all(appends).await;

    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(kept, 1000 / (100 + 2 + 64));
    assert!(outcomes.contains(&Err(SpoolError::Full(1000))));
    assert_eq!(spool.status().trouble, Some(SpoolError::Full(1000)));
    let stored = spool.oldest(0, 100).await.unwrap();
    assert_eq!(stored.len(), kept);
    spool.delete(vec![stored[0].id]).await.unwrap();
    assert_eq!(spool.status().trouble, None);
    spool.append(record("y".to_owned())).await.unwrap();
    remove(&file);
}

//! What fuzzing found worth keeping, replayed without a fuzzer. How it is found: `fuzz/README.md`.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/check.rs"]
mod check;

use shared::domain::phone::Region;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let files = fs::read_dir(folder.join(target)).expect("the corpus is there");
    let mut count = 0;
    for file in files.map(|file| file.expect("a readable folder").path()) {
        // Said before, so that the last one said is the one that failed.
        println!("{}", file.display());
        run(&fs::read(&file).expect("a readable file"));
        count += 1;
    }
    assert!(count > 10, "the corpus of {target} has {count} files only");
}

#[test]
fn every_body_of_the_corpus_is_recognised_or_refused() {
    replay("recognise", check::check);
}

#[test]
fn every_text_of_the_corpus_is_a_number_or_none() {
    replay("number", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for region in [None, Region::parse("US").ok(), Region::parse("MX").ok()] {
            check::check_number(&text, region);
        }
    });
}

//! Replays a corpus, and mutations of it, by the check of its target: what CI runs in place of a fuzzer.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// Mutations for each case that `PROPTEST_CASES` asks for. Default 16, so 4,096 in all: a second or two.
const MUTATIONS_PER_CASE: u32 = 16;
/// Edits of one mutation.
const EDITS_MAX: usize = 4;

/// Tries every file of a corpus, then mutations of them.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is there");
    let mut corpus: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    corpus.sort();
    let corpus: Vec<_> = corpus.iter().map(|path| std::fs::read(path).expect("a file")).collect();
    assert!(corpus.len() >= 10, "only {} files are left", corpus.len());
    for bytes in &corpus {
        check(bytes);
    }
    let words: Vec<_> = corpus.iter().filter(|bytes| !bytes.is_empty()).cloned().collect();
    let edits = vec((any::<Index>(), any::<Index>(), edit(words.clone())), 1..=EDITS_MAX);
    let standard = Config::default();
    let cases = standard.cases.saturating_mul(MUTATIONS_PER_CASE);
    let config = Config { cases, failure_persistence: None, ..standard };
    let mutated = (select(words), edits);
    let ran = TestRunner::new(config).run(&mutated, |(mut bytes, edits)| {
        for (from, to, with) in edits {
            let (from, to) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
            bytes.splice(from.min(to)..from.max(to), with);
        }
        check(&bytes);
        Ok(())
    });
    ran.unwrap_or_else(|why| panic!("{why}"));
}

/// What stands in the place of a piece: nothing, a byte, or a piece of another file.
fn edit(words: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = (select(words), any::<Index>(), any::<Index>()).prop_map(|(word, from, to)| {
        let (from, to) = (from.index(word.len()), to.index(word.len()));
        word[from.min(to)..from.max(to)].to_vec()
    });
    let byte = select(&b"\n\r\0.:,\"\\{}[]=0aA\xEF\xFF"[..]).prop_map(|byte| vec![byte]);
    proptest::prop_oneof![Just(Vec::new()), byte, piece]
}

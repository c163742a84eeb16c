//! Every seed and every crash of the fuzz target `capture_file`, without a fuzzer.

use ingest::{Batch, Captures, NamedReader, Options};
use std::fs;
use std::io::Cursor;
use std::path::Path;

#[test]
fn every_seed_and_every_crash_is_read_without_harm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut read = 0;
    for folder in ["fuzz/seeds/capture_file", "testdata/crashes/capture_file"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let reader = || -> NamedReader { ("replay".to_owned(), Box::new(Cursor::new(bytes.clone()))) };
            let mut captures = Captures::from_readers(vec![reader(), reader()], &Options::default());
            let (mut batch, mut frames) = (Batch::new(), 0);
            while captures.fill(&mut batch) {
                frames += batch.frames().count() as u64;
            }
            let told: u64 = captures.summaries().iter().map(|summary| summary.frames).sum();
            assert_eq!(frames, told, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 0, "no seeds");
}

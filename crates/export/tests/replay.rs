//! Every seed and every crash of the fuzz target `bundle`, without a fuzzer.

use std::fs;
use std::path::Path;

#[test]
fn every_seed_and_every_crash_is_read_without_harm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut read = 0;
    for folder in ["fuzz/seeds/bundle", "testdata/crashes/bundle"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            export::bundle::any_bytes(&fs::read(entry.unwrap().path()).unwrap());
            read += 1;
        }
    }
    assert!(read > 0, "no seeds");
}

//! Every seed and every crash of the fuzz targets of this crate, without a fuzzer.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use enforce::gateway::any;
use std::fs;
use std::path::Path;

/// What `target` makes of all its inputs, together.
fn replayed(target: &str, read: impl Fn(&[u8]) -> usize) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["fuzz/seeds", "testdata/crashes"].map(|folder| root.join(folder).join(target));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries.map(|entry| read(&fs::read(entry.unwrap().path()).unwrap())).sum()
}

#[test]
fn every_seed_and_every_crash_goes_through_the_gateway_without_harm() {
    // The seeds reach what they are for: three cycles of telemetry; an address, a name and the time. One more cycle comes before
    // the damage in a crash.
    assert_eq!((replayed("gateway", any::device), replayed("asked", any::asked)), (4, 3));
}

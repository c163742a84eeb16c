//! The seeds of the fuzz targets of this crate's readers, and what broke them, without a fuzzer.

#![expect(clippy::unwrap_used, reason = "a test: what fails must stop it")]

use evaluate::bidmc::Table;
use evaluate::wfdb::{annotation, header::Header, signal};
use std::path::Path;

/// Contents of the seeds and crashes of `target`.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["fuzz/seeds", "testdata/crashes"].map(|folder| root.join(folder).join(target));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let found: Vec<Vec<u8>> = entries.map(|entry| std::fs::read(entry.path()).unwrap()).collect();
    assert!(!found.is_empty(), "{target} has no seeds");
    found
}

#[test]
fn seeds_of_the_readers_read_and_so_does_every_prefix_of_them() {
    let prefixes = |target: &str| -> Vec<Vec<u8>> {
        let cut =
            |bytes: Vec<u8>| (0..=bytes.len()).map(move |end| bytes[..end].to_vec()).collect::<Vec<_>>();
        inputs(target).into_iter().flat_map(cut).collect()
    };
    for bytes in prefixes("wfdb_header") {
        if let Ok(header) = Header::parse(&bytes) {
            let waves = signal::decode(&bytes, &header.signals, header.samples);
            assert!(waves.is_err() || waves.is_ok_and(|waves| waves.len() == header.signals.len()));
        }
    }
    for bytes in prefixes("wfdb_annotations") {
        match annotation::parse(&bytes) {
            Ok(annotations) => assert!(annotations.len() <= bytes.len() / 2),
            Err(fault) => assert!(fault.0 < bytes.len()),
        }
    }
    for bytes in prefixes("recording_csv") {
        let table = Table::parse(&bytes);
        let length = table.column_at(0).unwrap().len();
        assert!(table.column_at(1).is_none_or(|column| column.len() == length));
    }
    assert!(inputs("wfdb_header").iter().all(|bytes| Header::parse(bytes).is_ok()));
}

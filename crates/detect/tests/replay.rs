//! Every seed and every crash of the fuzz targets that read what people write: site files, profiles, findings.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use detect::Rule;
use inventory::{Profile, Site, Vocabulary};
use std::fs;
use std::path::Path;

/// How many of the kept texts of a target load.
fn loaded(target: &str, loads: impl Fn(&str) -> bool) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["fuzz/seeds", "testdata/crashes"].map(|folder| root.join(folder).join(target));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let texts: Vec<Vec<u8>> = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    texts.iter().filter_map(|text| std::str::from_utf8(text).ok()).filter(|text| loads(text)).count()
}

#[test]
fn every_seed_of_what_people_write_is_read_without_harm() {
    let words = Vocabulary::built_in().unwrap();
    let sites = loaded("site_file", |text| Site::parse(text, "site.toml").is_ok());
    let profiles = loaded("profile_file", |text| Profile::parse(text, "profile.toml", &words).is_ok());
    let findings = loaded("finding_file", |text| Rule::parse(text, "data/findings/a.toml").is_ok());
    // The seeds load, so that fuzzing starts behind the first check.
    assert_eq!((sites, profiles, findings), (1, 2, 2));
}

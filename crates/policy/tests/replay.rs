//! Every seed and every crash of the fuzz targets of this crate.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::fs;
use std::path::Path;

fn loaded(target: &str, mut loads: impl FnMut(&str) -> bool) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["fuzz/seeds", "testdata/crashes"].map(|folder| root.join(folder).join(target));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let texts: Vec<Vec<u8>> = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    texts.iter().filter_map(|text| std::str::from_utf8(text).ok()).filter(|text| loads(text)).count()
}

#[test]
fn every_seed_is_read_without_harm() {
    let mut labels = 0;
    let mud = loaded("mud_file", |text| {
        if let Ok((label, _)) = policy::Label::read(text) {
            labels += 1;
            if let Ok(written) = label.write() {
                assert_eq!(policy::Label::read(&written).unwrap().0, label);
            }
        }
        let Ok(policy) = policy::read_mud(text) else { return false };
        // As the fuzz target does: what is written keeps every rule and every profile.
        assert_eq!(
            policy::read(&policy::write(&policy).unwrap()).unwrap().units[0].allow,
            policy.units[0].allow
        );
        let written =
            policy::write_mud(&policy.units[0], "https://x.example/m", model::CaptureTime::default())
                .unwrap();
        let again = policy::read_mud(&written).unwrap();
        for one in policy.units[0].allow.iter().filter(|one| !one.sessions.is_empty()) {
            assert!(
                again.units[0]
                    .allow
                    .iter()
                    .any(|other| other.rule == one.rule && other.sessions == one.sessions)
            );
        }
        !policy.units[0].allow.is_empty()
    });
    let policies = loaded("policy_file", |text| {
        let Ok(policy) = policy::read(text) else { return false };
        policy::render::TARGETS.iter().for_each(|target| drop(target.render(&policy)));
        policy::read(&policy::write(&policy).unwrap()) == Ok(policy)
    });
    // The seeds load, so that fuzzing starts behind the first check.
    assert_eq!((mud, policies, labels), (4, 2, 2));
}

//! The evidence ring of a watch on a real interface, which is killed at any moment.

use super::{Cable, FASTER, UNCHECKED, frames, run, scan, ward};
use serde_json::Value;
use std::collections::BTreeSet;

const KILLS: usize = 4;

#[test]
fn evidence_of_what_was_told_is_cut_from_the_ring_of_a_watch_that_was_killed() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let count = frames(&scan(&capture, UNCHECKED));
    let [store, ring, passphrase, key, bundle, metrics] =
        ["store", "ring", "passphrase", "site.key", "bundle.tar", "sensor.prom"]
            .map(|name| cable.path(name).display().to_string());
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let lazaret = env!("CARGO_BIN_EXE_lazaret");
    run(&[lazaret, "evidence", "keygen", "--key", &key]);
    let unlocked = ["--ring", &ring, "--ring-key-file", &passphrase];
    let kept = [&["--store", &store, "--metrics", &metrics], &unlocked[..], UNCHECKED].concat();
    let cut = |finding: &str| {
        let from = ["evidence", "export", finding, "--store", &store];
        run(&[&[lazaret], &from[..], &unlocked, &["--key", &key, "--output", &bundle]].concat());
        run(&[lazaret, "evidence", "verify", &bundle]);
    };
    let mut told = BTreeSet::new();
    for kill in 0..KILLS {
        let mut watch = cable.watch(&kept);
        cable.play(&capture, FASTER);
        let lines = 3 + kill * 7;
        watch.until("so many lines", |watch| {
            let sensor = watch.lines().iter().filter(|line| line["type"] == "sensor").count();
            watch.lines().len() >= lines || sensor >= 8
        });
        let lines = watch.kill();
        let open = lines.iter().filter(|line| line["type"] == "finding");
        told.extend(open.map(|line| line["id"].as_str().unwrap().to_owned()));
        told.iter().take(3).for_each(|finding| cut(finding));
    }
    assert!(!told.is_empty(), "no finding was told before a kill");
    let mut watch = cable.watch(&kept);
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == count);
    // While it goes on, too.
    told.iter().take(3).for_each(|finding| cut(finding));
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    let mut lines = watched.all.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = lines.rfind(|line| line["type"] == "sensor").unwrap();
    assert_eq!(
        (&last["evidence_frames"], &last["evidence_frames_lost"]),
        (&count.into(), &0.into()),
        "{last:#}"
    );
    assert!(
        std::fs::read_to_string(metrics)
            .unwrap()
            .contains(&format!("lazaret_evidence_frames_total{{interface=\"eth0\"}} {count}\n"))
    );
    told.iter().for_each(|finding| cut(finding));
    assert_eq!(cable.sent(), 0);
}

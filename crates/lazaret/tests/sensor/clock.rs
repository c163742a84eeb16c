//! A sensor on a real interface whose clock is set while it listens, by a library that stands between the process and the system's
//! clock. Frames whose own times step are tried in `pipeline/sensor.rs`: the kernel's clock is the machine's.

use super::{Cable, FASTER, UNCHECKED, findings, frames, run, scan, ward};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sensor/clock.c");

#[test]
fn a_clock_that_is_set_is_counted_and_told_and_costs_nothing() {
    let Some(cable) = Cable::new() else { return };
    if Command::new("gcc").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "gcc is missing, and CI may not skip this");
        return println!("skipped: gcc is missing");
    }
    let library = cable.path("clock.so").display().to_string();
    run(&["gcc", "-shared", "-fPIC", "-O1", "-o", &library, SOURCE]);
    let capture = ward(&cable, "0.3");
    let scanned = scan(&capture, UNCHECKED);
    let count = frames(&scanned);
    let mut watch = cable.watch_with(&[("LD_PRELOAD", &library)], UNCHECKED);
    for (step, (signal, said)) in
        (1_u64..).zip([("-USR1", "forward by 3600."), ("-USR2", "back by 3600."), ("-USR2", "back by 3600.")])
    {
        cable.play(&capture, FASTER);
        watch.until("all frames came", |watch| watch.sensor()["frames"] == count * step);
        watch.signal(signal);
        watch.until("the step is counted", |watch| watch.sensor()["clock_steps"] == step);
        assert!(watch.errors().contains(&format!("the clock was set {said}")), "{}", watch.errors());
    }
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    let report = &watched.report;
    assert_eq!((frames(report), &report["coverage"]["frames_lost"]), (count * 3, &serde_json::Value::Null));
    assert_eq!(findings(report), findings(&scanned), "{}", watched.all);
    let faults = report["captures"][0]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 3, "{faults:?}");
    let spots = report["coverage"]["blind_spots"].as_array().unwrap();
    let told =
        |spot: &&serde_json::Value| spot.as_str().unwrap().starts_with("3 times the sensor's clock was set");
    assert_eq!(spots.iter().filter(told).count(), 1, "{spots:?}");
    assert_eq!(cable.sent(), 0);
}

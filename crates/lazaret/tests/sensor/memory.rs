//! What a sensor's memory still holds after frames with patients' data have passed through it.

use super::{Cable, UNCHECKED, frames, identifiers, scan, ward};
use regex::bytes::Regex;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

/// Read at a time; what lies across the border of two reads is found too, since they overlap.
const WINDOW_BYTES: usize = 4 << 20;
/// A page of memory on the machines that the tests run on.
const PAGE_BYTES: u64 = 4096;

#[test]
fn no_patient_is_left_in_the_memory_of_a_sensor_that_waits() {
    let Some(cable) = Cable::new() else { return };
    nobody_is_left(&cable, &[]);
}

#[test]
fn nor_in_that_of_one_with_several_workers() {
    let Some(cable) = Cable::new() else { return };
    nobody_is_left(&cable, &["--workers", "2"]);
}

/// What is kept of them is sealed at once.
#[test]
fn nor_where_the_vault_is_on() {
    let Some(cable) = Cable::new() else { return };
    let (store, key) =
        (cable.path("vault-store").display().to_string(), cable.path("vault.key").display().to_string());
    std::fs::write(&key, "a lamp, a door and a tide").unwrap();
    nobody_is_left(&cable, &["--store", &store, "--vault", "--vault-key-file", &key]);
    let status = ["store", "--store", &store, "vault", "status", "--format", "json"];
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret")).args(status).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(told["patients"].as_u64().is_some_and(|patients| patients > 0), "a blind test: {told}");
}

fn nobody_is_left(cable: &Cable, more: &[&str]) {
    let capture = ward(cable, "0.5");
    let patients: Vec<String> = identifiers(&capture).into_iter().collect();
    let count = frames(&scan(&capture, UNCHECKED));
    let mut watch = cable.watch(&[&["--buffer", "192"], more].concat());
    // While the sensor stands still, frames wait in its ring: what is looked for can be found. They come fast, since
    // the kernel fills a block of the ring for no longer than a moment; the ring lasts for ten seconds of them.
    watch.signal("-STOP");
    cable.play(&capture, 1000);
    assert!(held(watch.id(), &patients) > 0, "the frames are not in the ring");
    watch.signal("-CONT");
    watch.until("all frames came", |watch| watch.sensor()["frames"] == count);
    watch.until("nothing of the patients is left", |watch| held(watch.id(), &patients) == 0);
    assert_eq!(watch.end("-TERM").status, 0);
}

/// How often any of `patients` lies in the memory that a process may write to, its ring among it.
fn held(process: u32, patients: &[String]) -> usize {
    let longest = patients.iter().map(String::len).max().unwrap();
    let any = Regex::new(&patients.join("|")).unwrap();
    let mut found = 0;
    for (from, to) in ranges(process) {
        let mut at = from;
        while at < to {
            let bytes = WINDOW_BYTES.min((to - at) as usize);
            let window = read(process, "mem", at, bytes);
            found += any.find_iter(&window).count();
            at += if bytes < WINDOW_BYTES { bytes } else { bytes - longest } as u64;
        }
    }
    found
}

/// Runs of pages that a process may write to and has touched: most of what an allocator sets aside never is.
fn ranges(process: u32) -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for line in maps.lines().filter(|line| line.split_whitespace().nth(1).unwrap().starts_with("rw")) {
        let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        // proc_pid_pagemap(5): eight bytes a page; the two highest bits say that it is in memory or swapped out.
        let entries =
            read(process, "pagemap", from / PAGE_BYTES * 8, ((to - from) / PAGE_BYTES * 8) as usize);
        for (page, entry) in (from..).step_by(PAGE_BYTES as usize).zip(entries.as_chunks().0) {
            if u64::from_ne_bytes(*entry) >> 62 == 0 {
                continue;
            }
            match runs.last_mut() {
                Some((_, end)) if *end == page => *end += PAGE_BYTES,
                _ => runs.push((page, page + PAGE_BYTES)),
            }
        }
    }
    runs
}

/// A piece of a file about a process; what cannot be read is nothing of ours.
fn read(process: u32, name: &str, at: u64, bytes: usize) -> Vec<u8> {
    let mut file = File::open(format!("/proc/{process}/{name}")).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    let mut piece = vec![0; bytes];
    if file.read_exact(&mut piece).is_ok() { piece } else { Vec::new() }
}

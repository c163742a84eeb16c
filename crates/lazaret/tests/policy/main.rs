//! `lazaret policy` from end to end: wards are learnt and checked by the binary, and what is rendered is judged by the
//! engines themselves, packet by packet. nftables runs in network namespaces of the test's own, without a way out; Open
//! vSwitch with a data path that touches no network. Where root, namespaces or programs are missing they say `skipped:`.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test and the engines")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod bridge;
mod chance;
mod enforcing;
mod frames;
mod nftables;
mod openvswitch;
mod sessions;
mod wards;

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
    println!("skipped: {why}");
    None
}

/// Whether all of these programs can be run.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &&&str| {
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        !folders.into_iter().any(|folder| Path::new(&folder).join(name).exists())
    };
    programs.iter().find(installed).map(|name| format!("{name} is not installed"))
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().escape_ascii().to_string().replace("\\n", "\n")
}

/// Runs a program, which must succeed.
pub(crate) fn run(command: &[&str]) -> Output {
    let output = Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    output
}

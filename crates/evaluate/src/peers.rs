//! The programs of others on the same samples: `wfdb-python` and `neurokit2`, through `peers.py` beside this crate.
//!
//! Samples go out and places come back in files of one folder, so that one matcher judges all.

#![expect(clippy::disallowed_methods, reason = "a developer's tool runs the peers")]

use crate::{Fault, bytes};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The script.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py");

/// What a wave is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// ECG: beats are asked for.
    Ecg,
    /// Pleth: pulses.
    Pleth,
    /// Impedance: breaths.
    Respiration,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ecg => "ecg",
            Self::Pleth => "pleth",
            Self::Respiration => "respiration",
        }
    }

    /// The peers' detectors for it.
    pub fn detectors(self) -> &'static [&'static str] {
        match self {
            Self::Ecg => &["xqrs", "nk-neurokit", "nk-pantompkins"],
            Self::Pleth => &["nk-elgendi"],
            Self::Respiration => &["nk-biosppy", "nk-khodadad"],
        }
    }
}

/// What the peers found on a set of waves.
#[derive(Clone, Debug)]
pub struct Peers {
    folder: PathBuf,
    python: PathBuf,
    jobs: String,
}

impl Peers {
    /// Works in `folder` with the interpreter `python`.
    pub fn new(folder: &Path, python: &Path) -> Result<Self, Fault> {
        if !python.exists() {
            let place = python.display();
            return Err(Fault::Peers(format!(
                "no {place}; make it: python3 -m venv /var/tmp/lazaret-peers/venv && \
                 /var/tmp/lazaret-peers/venv/bin/pip install wfdb neurokit2"
            )));
        }
        std::fs::create_dir_all(folder).map_err(|cause| Fault::Read { path: folder.to_owned(), cause })?;
        Ok(Self { folder: folder.to_owned(), python: python.to_owned(), jobs: String::new() })
    }

    /// Adds a wave under `name`.
    pub fn add(&mut self, name: &str, kind: Kind, rate_hz: f64, codes: &[i32]) -> Result<(), Fault> {
        let path = self.folder.join(format!("{name}.i32"));
        let content: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
        std::fs::write(&path, content).map_err(|cause| Fault::Read { path, cause })?;
        for detector in kind.detectors() {
            self.jobs.push_str(&format!("{name}\t{}\t{rate_hz}\t{detector}\n", kind.name()));
        }
        Ok(())
    }

    /// Runs the peers on what was added.
    pub fn run(&self) -> Result<(), Fault> {
        let mut command = std::process::Command::new(&self.python);
        command.arg(SCRIPT).arg(&self.folder).stdin(std::process::Stdio::piped());
        let failed = |why: std::io::Error| Fault::Peers(why.to_string());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(self.jobs.as_bytes()).map_err(failed)?;
        }
        let status = child.wait().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(Fault::Peers(format!("peers.py: {status}"))) }
    }

    /// Places that `detector` found in the wave `name`, and its CPU time in seconds.
    pub fn found(&self, name: &str, detector: &str) -> Result<(Vec<u64>, f64), Fault> {
        let path = self.folder.join(format!("{name}.{detector}.txt"));
        let content = bytes(&path)?;
        let fault = || Fault::Content { path: path.clone(), what: "not a list of places".into() };
        let text = std::str::from_utf8(&content).map_err(|_| fault())?;
        let mut words = text.split_whitespace();
        let cpu_s = words.next().and_then(|word| word.parse().ok()).ok_or_else(fault)?;
        let places: Result<Vec<u64>, Fault> = words.map(|word| word.parse().map_err(|_| fault())).collect();
        Ok((places?, cpu_s))
    }
}

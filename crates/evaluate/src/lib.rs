//! Measures the algorithms of `vitals` on recordings made by others, and the rules of `detect` that need time.
//!
//! A developer's tool, run by `cargo xtask vitals-eval`: it reads WFDB records and the BIDMC set where
//! `LAZARET_CORPUS` points, matches what is found with what people marked, one to one as EC57 and its reference
//! program do, and prints the tables of the book. No part of the product uses it.

pub mod behaviour;
pub mod bidmc;
pub mod ecg;
pub mod folds;
pub mod matching;
pub mod peers;
pub mod pleth;
pub mod resample;
pub mod respiration;
pub mod tamper;
pub mod wfdb;

use std::path::{Path, PathBuf};

/// Why an evaluation stopped.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file of the corpus cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A file of the corpus is not what its name says.
    #[error("`{path}`: {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A ward of the rules that need time could not be judged.
    #[error(transparent)]
    Behaviour(#[from] behaviour::frames::FramesError),
    /// The script of the peers did not do its work.
    #[error("peers: {0}")]
    Peers(String),
}

/// The bytes of the file at `path`.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|cause| Fault::Read { path: path.to_owned(), cause })
}

/// CPU time that this thread has used, in seconds, as the kernel counts it; 0 where it does not.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    nanoseconds.unwrap_or(0) as f64 / 1e9
}

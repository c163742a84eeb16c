//! What can keep an input from being read at all.

use std::io;

/// An input is wholly unreadable, or the inputs make no sense together.
///
/// Damage after a readable beginning is no error: it is a [`model::Fault`] of that capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file or folder could not be opened.
    #[error("cannot open `{path}`; check that it exists and that you may read it")]
    Open {
        /// What was asked for.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Reading failed before the header of the capture was complete.
    #[error("cannot read `{path}`")]
    Read {
        /// What was read.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The content is no capture.
    #[error("`{path}` is not a pcap or pcapng capture, plain or in gzip or zstd: it is {found}")]
    NotACapture {
        /// What was read.
        path: String,
        /// What it looks like, and what to do where that is known.
        found: String,
    },
    /// The file has no bytes.
    #[error("`{path}` is an empty file (0 bytes); was the capture copied whole?")]
    Empty {
        /// What was read.
        path: String,
    },
    /// More captures overlap in time than may be open at once.
    #[error(
        "`{path}` overlaps in time with {open} others, and no more may be open at once; {}",
        "scan fewer files at a time, or join them first with `mergecap -w joined.pcapng FILE...`"
    )]
    TooManyOpen {
        /// The one that could not be opened.
        path: String,
        /// How many are open.
        open: usize,
    },
    /// No input was given.
    #[error("no capture was named; give a file, a folder, or `-` for standard input")]
    NoInput,
    /// Standard input was named twice.
    #[error("standard input (`-`) can be read only once; name it once")]
    StdinTwice,
}

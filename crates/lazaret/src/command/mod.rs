//! The commands: one file each, one line each here.

mod scan;
mod simulate;
mod source;
mod vitals;
mod watch;

pub(crate) use scan::{Reading, ScanOutcome, ScanPlan, Unreadable};

use crate::exit::{Failure, Status};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read captures and report the devices in them, whom they talk to, and what is wrong.
    Scan(Box<scan::Options>),
    /// Show the vital signs in captures, bed by bed, or write them for other programs.
    Vitals(Box<vitals::Options>),
    /// Listen to a network interface and report as things are found, until told to end.
    Watch(Box<watch::Options>),
    /// Make practice captures of invented wards.
    #[command(subcommand)]
    Simulate(simulate::What),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self) -> Result<Status, Failure> {
        match self {
            Self::Scan(options) => options.run(),
            Self::Vitals(options) => options.run(),
            Self::Watch(options) => options.run(),
            Self::Simulate(what) => what.run(),
        }
    }
}

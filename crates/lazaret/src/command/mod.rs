//! The commands: one file each, one line each here.

mod assets;
mod audit;
mod demo;
mod enforce;
mod evidence;
mod findings;
mod gateway;
mod outputs;
mod playbook;
mod policy;
mod report;
mod ring;
mod scan;
mod sensors;
mod serve;
mod simulate;
mod source;
mod trends;
mod upkeep;
mod vault;
mod vitals;
mod watch;

pub(crate) use assets::asset_id;
pub(crate) use audit::noted;
pub(crate) use findings::{finding_card, finding_id};
pub(crate) use report::{Letterhead, PaperFormat, file_name, posture};
pub(crate) use scan::{Reading, ScanOutcome, ScanPlan, Unreadable};
pub(crate) use watch::duration;

use crate::exit::{Failure, Status};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read captures and report the devices in them, whom they talk to, and what is wrong.
    Scan(Box<scan::Options>),
    /// Show the vital signs in captures, bed by bed, or write them for other programs.
    Vitals(Box<vitals::Options>),
    /// Show what a store holds of findings, and decide about them.
    Findings(Box<findings::Options>),
    /// Show what a store holds of devices and hosts, since when, and what changed.
    Assets(Box<assets::Options>),
    /// Show who did what to a store, and check that this log is whole.
    Audit(Box<audit::Options>),
    /// Back up, restore and prune a store, and look into its vault.
    Store(Box<upkeep::Options>),
    /// Learn what devices need, check it against captures, and write it for a firewall.
    Policy(Box<policy::Options>),
    /// Put a policy into this host's nftables: on trial first, with a way back.
    Enforce(Box<enforce::Options>),
    /// Make and check bundles of a finding's frames, for others to check: redacted and signed.
    Evidence(Box<evidence::Options>),
    /// Listen to a network interface and report as things are found, until told to end.
    Watch(Box<watch::Options>),
    /// Serve console and API over a store.
    Serve(Box<serve::Options>),
    /// Send findings to syslog, SIEMs, webhooks and mail, and show what waits.
    Outputs(Box<outputs::Options>),
    /// Show it all on a simulated ward: sensor, store and console in one process, on this machine alone.
    Demo(Box<demo::Options>),
    /// Cut a monitor off and keep its vital signs flowing: a central station that leads nowhere.
    Gateway(Box<gateway::Options>),
    /// Show what people do about a kind of finding: whom to tell, what to unplug first, when to stop using the unit.
    Playbook(playbook::Options),
    /// Write documents for people and authorities out of a store; nothing is sent.
    Report(Box<report::Options>),
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
            Self::Findings(options) => options.run(),
            Self::Assets(options) => options.run(),
            Self::Audit(options) => options.run(),
            Self::Store(options) => options.run(),
            Self::Policy(options) => options.run(),
            Self::Enforce(options) => options.run(),
            Self::Evidence(options) => options.run(),
            Self::Watch(options) => options.run(),
            Self::Serve(options) => options.run(),
            Self::Outputs(options) => options.run(),
            Self::Demo(options) => options.run(),
            Self::Gateway(options) => options.run(),
            Self::Playbook(options) => options.run(),
            Self::Report(options) => options.run(),
            Self::Simulate(what) => what.run(),
        }
    }
}

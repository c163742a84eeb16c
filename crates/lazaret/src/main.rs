//! `lazaret`: the command line.
//!
//! An edge: it reads arguments, opens files, starts threads and writes reports, and judges nothing. Each
//! command is one file under `command/`; [`command::Command`] is the only list of them.

mod bundling;
mod command;
mod confine;
mod containment;
mod cutting;
mod evidence;
mod exit;
mod keeper;
mod live;
mod load;
mod matter;
mod output;
mod outputs;
mod past;
mod pipeline;
mod progress;
mod secret;
mod serve;
mod stored;
mod supervisor;
mod teller;
mod terminal;
mod vault;

use clap::Parser;
use std::process::ExitCode;

/// What stands under `lazaret --help`.
const EXAMPLES: &str = "\
Examples:
  lazaret simulate ward --output ward.pcap --scenario leak   make a practice capture of an invented ward
  lazaret scan ward.pcap                                     is one of these monitors in it? whom does it talk to?
  lazaret scan --format html --output ward.html ward.pcap    the same, to read, print and hand over
  lazaret scan --store ward.store ward.pcap                  the same, kept: what is new since the last scan?
  lazaret findings --store ward.store                        what is open, and what was decided about it
  lazaret evidence --help                                    hand a finding's frames to others, redacted and signed
  sudo lazaret watch --interface eth1                        the same, live, on the mirror port of a switch
  lazaret serve --store ward.store                           console and API over what was kept
  lazaret outputs --help                                     findings to syslog, SIEMs, webhooks and mail

Nothing is ever sent to a watched network. `serve` answers whoever asks it, and asks nobody but the
receivers that --outputs names.";

/// Finds untrusted medical devices in network traffic, by listening only.
#[derive(Debug, Parser)]
#[command(name = "lazaret", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

/// A scan makes and drops millions of small pieces; see ADR 0004.
#[global_allocator]
static ALLOCATOR: ingest::Memory = ingest::Memory;

fn main() -> ExitCode {
    // A parser's panic is caught, counted and reported. Its message could quote bytes of a patient's, so only the
    // place is said.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        eprintln!("lazaret: a fault of ours{place}; please report it with the version");
    }));
    // Usage errors end here with status 2, `--help` and `--version` with 0.
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(status) => status.into(),
        Err(failure) => failure.tell(),
    }
}

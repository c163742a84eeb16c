//! A seeded hospital ward that writes itself as a packet capture, with its truth beside it.
//!
//! The ward feeds tests, benchmarks and a newcomer's first run: patient monitors that stream vital signs,
//! and around them what a hospital network has (workstations, printer, PACS, HL7 engine, DHCP, DNS, NTP).
//! One seed is one capture, byte for byte, on one kind of machine (sines and exponentials come from the
//! platform's mathematics library).
//!
//! # Why a crate of its own
//! It must not depend on `wire`: simulator and parser are written from the same description by different
//! hands, so a misreading on one side shows as a failing test instead of agreeing with itself.
//!
//! ```text
//! actors ──frames──► cable (ordered by time) ──► mirror (loses, swaps, doubles) ──► the caller's writer
//!    └───────────────────────── what really happened ──► truth (`lazaret.truth/1`)
//! ```
//! Memory is bounded by the number of actors plus what they say within one step, whatever the length: a
//! gigabyte of a thousand monitors is written as a stream.
//!
//! # Limits
//! Everybody and everything is invented: people, addresses (but for those the maker is publicly known to
//! have hard-coded), programs. Nothing here is ever put on a real network by this crate: it opens nothing.

mod actor;
mod background;
mod cable;
mod clock;
pub mod encode;
mod heart;
mod impair;
mod intruder;
mod packet;
mod patient;
mod random;
mod rpc;
mod scenario;
mod site;
mod tamper;
mod tcp;
mod telemetry;
mod truth;
mod unit;
mod update;
mod ward;

pub use patient::Identity;
pub use scenario::{Scenario, UnknownScenario};
pub use truth::{
    BEATS_LISTED_MAX, Beats, Bed, Event, Expectation, FileTruth, HostTruth, Numeric, ServerTruth, Truth,
    Written,
};
pub use ward::{Cue, MONITORS_MAX, Progress, Ward, WardError};

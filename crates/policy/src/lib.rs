//! Allowed communication: what each device needs, nothing else, in words that no firewall owns.
//!
//! ```text
//! assets, findings ── learn ──► Policy ── lines ──► first match decides ── render ──► text for one target
//!                       file, mud ──┘ └── decide: one packet        check: a recorded ward against it
//! ```
//!
//! # What a policy says
//! A [`Policy`] has units (devices or zones). A packet concerns a unit when it comes from or goes to one of the unit's
//! addresses. A packet that concerns a unit passes if a rule of a unit it concerns allows it, and is dropped if none
//! does: default deny, for IPv4 and IPv6 alike. Packets that concern no unit are none of the policy's business, or
//! dropped where the [`Scope`] says that the units have the segment for themselves.
//!
//! [`Policy::decide`] says this packet by packet. [`lines`] says the same as a list in which the first match decides;
//! every target is written from that list, and tests read each target's text back and compare.
//!
//! No I/O, no clock, no protocol is named here: roles of protocols are data (`data/vocab/roles.toml`).

mod check;
mod file;
mod label;
mod learn;
mod line;
mod mud;
mod packet;
pub mod render;
mod rule;
mod session;

pub use check::{Checked, Cut, Passing, Unproven, check};
pub use file::{PolicyError, TEXT_BYTES_MAX, read, write};
pub use label::{LABEL_BYTES_MAX, Label, LabelError};
pub use learn::{Asked, Grouping, Learnt, Occasion, SeenDevice, Talk, Trouble, learn};
pub use line::{LINES_MAX, Line, Replies, Shape, Unsettled, first_match, lines};
pub use mud::{MudError, MudNames, mud_names, read_mud, write_mud};
pub use packet::{Packet, Tracker, Verdict};
pub use rule::{
    Allowed, Coverage, Noted, Observed, Opener, Peer, Policy, Ports, Rule, Scope, Unit, UnitKind,
};
pub use session::{PROFILES_MAX, SessionProfile};

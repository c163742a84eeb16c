//! Bytes to messages and facts.
//!
//! One file per protocol under [`proto`], one line each in its registry. A parser reads units of its
//! protocol and reports two things: the unit's declared fields (a [`model::Message`]) and what it means (a
//! [`model::Fact`]), which names no protocol. It keeps what state its protocol needs, opens nothing, and
//! judges nothing.
//!
//! # Writing a parser
//! 1. A file `proto/x.rs` with a module header (wire format, limits, source), a `PROTOCOL` row, a schema, a
//!    `probe`, a parser, and tests that go through `testing::check`.
//! 2. A line in `proto/mod.rs`.
//!
//! Nothing else changes: probing, reassembly, redaction, rules and the manual work from the row.

mod cursor;
mod parser;
pub mod proto;
mod sink;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use cursor::Cursor;
pub use parser::{Gap, Parser, Probe, Protocol, Start, Step, Verdict};
pub use sink::{ContentId, ContentPart, Expectation, Login, PatientFields, Scope, Sink, UNIT_BYTES_MAX};

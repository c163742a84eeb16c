//! Whose data a value is.

use std::fmt;

/// Whose data a field holds, and so what may leave the pipeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Privacy {
    /// About the device or the network; may be shown.
    Device,
    /// About a patient: leaves the pipeline only as a [`PatientToken`], unless the operator broke the glass.
    Patient,
    /// A password or key: never leaves the parser.
    Secret,
}

/// A keyed hash of a patient identifier: equal for equal identifiers under one key, shown as `p:` and 16
/// hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pseudonym(pub u64);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p:{:016x}", self.0)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is left of a patient identifier after the sink.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PatientToken {
    /// There was one; it was left out.
    Withheld,
    /// There was one; this is its keyed hash.
    Pseudonym(Pseudonym),
    /// In clear: the operator gave a reason, which the report repeats.
    Clear(crate::Text),
}

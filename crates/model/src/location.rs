//! Where a peer is.

use std::fmt;

/// Where a peer is, derived from who answered for its address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Location {
    /// Answered on the same segment by the owner of that address.
    OnLink,
    /// Routed, inside the site's networks.
    Onsite,
    /// Routed out of the site's networks.
    Offsite,
    /// Nobody answered.
    Unanswered,
    /// The capture does not tell.
    Unknown,
}

impl Location {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnLink => "on-link",
            Self::Onsite => "onsite",
            Self::Offsite => "offsite",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Findings: judgements for a person.

use crate::{AssetId, CaptureTime, Endpoint, Evidence, Location, Transport};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// To know.
    Low,
    /// To fix in the ordinary course.
    Medium,
    /// To fix soon.
    High,
    /// To act on now.
    Critical,
}

impl Severity {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// All, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure we are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Certainty {
    /// Asked for, not answered.
    Attempted,
    /// Fits, with a doubt that `why` names.
    Likely,
    /// The frames show it.
    Confirmed,
}

impl Certainty {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// Names a finding: the same for the same rule, asset and peer.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FindingId(pub u64);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f-{:016x}", self.0)
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The peer of a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Peer {
    /// Its endpoint; port 0 where the finding is not about one port.
    pub endpoint: Endpoint,
    /// What carried it.
    pub transport: Transport,
    /// Where it is.
    pub location: Location,
}

/// One judgement, for one matter: not one per frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its id.
    pub id: FindingId,
    /// Id of the rule, as in `data/findings/`.
    pub rule: &'static str,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// Whom it is about.
    pub asset: AssetId,
    /// With whom.
    pub peer: Option<Peer>,
    /// With whom, where it is about many at once as a search for hosts is; then `peer` is none. At most
    /// [`Finding::PEERS_MAX`].
    pub peers: Vec<Peer>,
    /// First time.
    pub first: CaptureTime,
    /// Last time.
    pub last: CaptureTime,
    /// How often.
    pub count: u64,
    /// Frames that show it: the first ones and the last, at most [`Finding::EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
    /// Numbers and names of the matter, by key.
    pub details: BTreeMap<&'static str, Detail>,
    /// MITRE ATT&CK techniques; of the rule, so that all its findings share them.
    pub attack: Arc<[String]>,
    /// Notices.
    pub advisories: Vec<String>,
    /// Vulnerabilities.
    pub cves: Vec<String>,
    /// Why it matters, here.
    pub why: String,
    /// What to do; of the rule, too.
    pub fix: Arc<str>,
}

impl Finding {
    /// Most frames listed with one finding. Our limit; `count` tells how many there were.
    pub const EVIDENCE_MAX: usize = 32;
    /// Most peers of a finding about many. Our limit.
    pub const PEERS_MAX: usize = 1024;

    /// Everyone it is about beside its asset.
    pub fn all_peers(&self) -> impl Iterator<Item = &Peer> {
        self.peer.iter().chain(&self.peers)
    }
}

/// A detail of a finding.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Detail {
    /// Text, printable.
    Text(String),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
}

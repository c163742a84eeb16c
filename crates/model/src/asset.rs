//! Assets: what the hospital owns, as far as the wire shows.

use crate::{Conversation, Evidence, Mac, Text, VlanStack};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// Names an asset: stable for the same link address (or network address, where no link address is its own).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AssetId(pub u64);

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a-{:016x}", self.0)
    }
}

impl fmt::Debug for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Kind of device: an id of the vocabulary `data/vocab/device_class.toml`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceClass {
    /// The id, e.g. `patient-monitor`.
    pub id: String,
    /// Whether rules that speak of a medical device apply.
    pub medical: bool,
}

/// A trait that suggested what the asset is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SignSeen {
    /// Name of the trait.
    pub sign: String,
    /// What it was.
    pub value: String,
    /// How much it counts; 100 identifies.
    pub weight: u32,
    /// The frame that shows it.
    pub evidence: Evidence,
}

/// Whether an advisory hits an asset.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ExposureStatus {
    /// It does.
    Affected,
    /// It may: the version is not known.
    Possible,
    /// It does not.
    NotAffected,
}

impl ExposureStatus {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Possible => "possible",
            Self::NotAffected => "not-affected",
        }
    }
}

/// An advisory that hits an asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// Id of the notice.
    pub advisory: String,
    /// Id of the vulnerability.
    pub cve: String,
    /// CVSS v3.1 base score.
    pub cvss: f32,
    /// Known to be exploited (CISA KEV).
    pub kev: bool,
    /// Whether it hits.
    pub status: ExposureStatus,
    /// Why we say so.
    pub why: String,
}

/// A thing the hospital owns.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// Its link addresses.
    pub macs: BTreeSet<Mac>,
    /// Its network addresses.
    pub ips: BTreeSet<IpAddr>,
    /// VLAN stacks it was seen in.
    pub vlans: BTreeSet<VlanStack>,
    /// Names it gave itself.
    pub names: BTreeSet<Text>,
    /// What kind of device it is.
    pub class: Option<DeviceClass>,
    /// Maker of the platform.
    pub maker: Option<String>,
    /// Platform.
    pub model: Option<String>,
    /// Other labels of the platform.
    pub aliases: Vec<String>,
    /// Firmware, where it says.
    pub firmware: Option<Text>,
    /// Serial number, where it says.
    pub serial: Option<Text>,
    /// How sure we are of class and model, 0 to 1.
    pub confidence: f32,
    /// Why.
    pub signs: Vec<SignSeen>,
    /// Whom it talks to.
    pub conversations: Vec<Conversation>,
    /// Which advisories hit it.
    pub exposures: Vec<Exposure>,
    /// Profile that recognised it.
    pub profile: Option<String>,
}

impl Asset {
    /// An asset of which nothing is known but its id.
    #[must_use]
    pub fn unknown(id: AssetId) -> Self {
        Self {
            id,
            macs: BTreeSet::new(),
            ips: BTreeSet::new(),
            vlans: BTreeSet::new(),
            names: BTreeSet::new(),
            class: None,
            maker: None,
            model: None,
            aliases: Vec::new(),
            firmware: None,
            serial: None,
            confidence: 0.0,
            signs: Vec::new(),
            conversations: Vec::new(),
            exposures: Vec::new(),
            profile: None,
        }
    }

    /// Whether rules that speak of a medical device apply.
    #[must_use]
    pub fn is_medical(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.medical)
    }
}

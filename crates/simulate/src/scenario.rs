//! What may happen on the ward, by name.

use std::fmt;
use std::str::FromStr;

/// Something that happens on the ward, or to its capture.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scenario {
    /// Monitors send to a central station of the site.
    Benign,
    /// Monitors send to the hard-coded address outside, and are answered.
    Leak,
    /// Monitors try the hard-coded address outside; nobody answers.
    LeakUnanswered,
    /// A central station of the ward owns the hard-coded address.
    LocalCentral,
    /// Monitors inside the hard-coded network ask for the address on their own segment only.
    ArpOnly,
    /// A unit under another maker's name, with a server address and port of its own.
    Relabel,
    /// An operator's menu update over NFSv2 on UDP.
    UpdateUdp,
    /// An operator's menu update over NFSv3 on TCP.
    UpdateTcp,
    /// More print jobs, all real ones.
    Printing,
    /// A monitor of another maker that shares the default address.
    OtherMaker,
    /// A second station claims the central station's address.
    RogueCentral,
    /// The capture misses about one frame in a hundred.
    Loss,
    /// The capture swaps neighbouring frames.
    Reorder,
    /// The capture holds about two frames in a hundred twice.
    Duplicate,
    /// The mirror copies only what the monitors send.
    OneWay,
    /// The waveforms of one monitor stand still while its numbers go on.
    TamperFreeze,
    /// Ten seconds of one monitor's waveforms come a second time.
    TamperReplay,
    /// The heart rate that one monitor shows is raised.
    TamperNumber,
    /// The heart rate alarm of one monitor is switched off.
    AlarmOff,
    /// The heart rate limits of one monitor are widened.
    LimitsWidened,
    /// A program on one monitor calls an address outside by the clock.
    Beacon,
    /// A program on one monitor looks for other hosts and opens a terminal.
    LateralScan,
}

/// A name that is no scenario.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no scenario is called `{0}`")]
pub struct UnknownScenario(pub String);

impl Scenario {
    /// Every scenario, in the order of the help text.
    pub const ALL: &'static [Self] = &[
        Self::Benign,
        Self::Leak,
        Self::LeakUnanswered,
        Self::LocalCentral,
        Self::ArpOnly,
        Self::Relabel,
        Self::UpdateUdp,
        Self::UpdateTcp,
        Self::Printing,
        Self::OtherMaker,
        Self::RogueCentral,
        Self::Loss,
        Self::Reorder,
        Self::Duplicate,
        Self::OneWay,
        Self::TamperFreeze,
        Self::TamperReplay,
        Self::TamperNumber,
        Self::AlarmOff,
        Self::LimitsWidened,
        Self::Beacon,
        Self::LateralScan,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::Leak => "leak",
            Self::LeakUnanswered => "leak-unanswered",
            Self::LocalCentral => "local-central",
            Self::ArpOnly => "arp-only",
            Self::Relabel => "relabel",
            Self::UpdateUdp => "update-udp",
            Self::UpdateTcp => "update-tcp",
            Self::Printing => "printing",
            Self::OtherMaker => "other-maker",
            Self::RogueCentral => "rogue-central",
            Self::Loss => "loss",
            Self::Reorder => "reorder",
            Self::Duplicate => "duplicate",
            Self::OneWay => "one-way",
            Self::TamperFreeze => "tamper-freeze",
            Self::TamperReplay => "tamper-replay",
            Self::TamperNumber => "tamper-number",
            Self::AlarmOff => "alarm-off",
            Self::LimitsWidened => "limits-widened",
            Self::Beacon => "beacon",
            Self::LateralScan => "lateral-scan",
        }
    }

    /// One sentence for the help text.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Benign => "Monitors send to a central station at an ordinary address of the site.",
            Self::Leak => "Monitors send patient data to the hard-coded address outside and are answered.",
            Self::LeakUnanswered => "Monitors try the hard-coded address outside; nobody answers.",
            Self::LocalCentral => "A central station on the ward owns the hard-coded address.",
            Self::ArpOnly => "Monitors ask for the hard-coded address by ARP only; nobody answers.",
            Self::Relabel => "One unit in eight, sold under another name, has a server and port of its own.",
            Self::UpdateUdp => "A menu update mounts the hard-coded NFS export (v2, UDP) and reads programs.",
            Self::UpdateTcp => "A menu update mounts the hard-coded NFS export (v3, TCP) and reads programs.",
            Self::Printing => "Many real print jobs (LPD, IPP), none of them a finding.",
            Self::OtherMaker => "A monitor of another maker uses the same default address; it is no CMS8000.",
            Self::RogueCentral => "A second station answers for the central station's address.",
            Self::Loss => "The capture misses about 1 % of the frames.",
            Self::Reorder => "The capture swaps about 2 % of neighbouring frames.",
            Self::Duplicate => "The capture holds about 2 % of the frames twice, as mirror ports do.",
            Self::OneWay => "The mirror copies only one direction of the monitors' streams.",
            Self::TamperFreeze => "Half way through, one monitor's waveforms stand still; its numbers go on.",
            Self::TamperReplay => {
                "Half way through, ten seconds of one monitor's waveforms come a second time."
            }
            Self::TamperNumber => "Half way through, one monitor's heart rate is shown 20/min too high.",
            Self::AlarmOff => "Half way through, one monitor's heart rate alarm is switched off.",
            Self::LimitsWidened => "Half way through, one monitor's heart rate limits are widened.",
            Self::Beacon => {
                "A program on one monitor calls an address outside again and again, by the clock."
            }
            Self::LateralScan => {
                "A program on one monitor looks for other hosts and opens a terminal of one."
            }
        }
    }

    /// Whether it decides where monitors send; several of these share the monitors among them.
    pub(crate) const fn steers_telemetry(self) -> bool {
        matches!(self, Self::Benign | Self::Leak | Self::LeakUnanswered | Self::LocalCentral | Self::ArpOnly)
    }

    /// Whether a monitor fetches an update.
    pub(crate) const fn updates(self) -> bool {
        matches!(self, Self::UpdateUdp | Self::UpdateTcp)
    }

    /// Whether somebody changes what a monitor sends.
    pub(crate) const fn tampers(self) -> bool {
        matches!(
            self,
            Self::TamperFreeze
                | Self::TamperReplay
                | Self::TamperNumber
                | Self::AlarmOff
                | Self::LimitsWidened
        )
    }

    /// The rule that finds what it does.
    pub(crate) const fn found_by(self) -> &'static str {
        match self {
            Self::AlarmOff => "alarm-disabled",
            Self::LimitsWidened => "alarm-limits-widened",
            _ => "vitals-untrusted",
        }
    }

    /// Why two scenarios cannot stand on one ward: they disagree about who owns the address.
    pub(crate) const fn contradicts(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Leak, Self::LeakUnanswered | Self::LocalCentral | Self::ArpOnly | Self::RogueCentral)
                | (Self::LeakUnanswered, Self::LocalCentral | Self::ArpOnly | Self::RogueCentral)
                | (Self::LocalCentral | Self::RogueCentral, Self::ArpOnly)
        )
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|scenario| scenario.name() == text);
        found.ok_or_else(|| UnknownScenario(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_is_described_in_a_sentence() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse(), Ok(*scenario));
            assert!(scenario.description().ends_with('.'), "{scenario}");
        }
        assert_eq!("leaks".parse::<Scenario>(), Err(UnknownScenario("leaks".to_owned())));
    }
}

//! A recorded ward against a policy: what would be cut, what bad traffic would still pass, what nobody has proven.
//!
//! A conversation is taken as the packet that opens it, once for each address of the device that it may have come
//! from. Where these disagree, what is told is what is worse: a clinical conversation counts as cut when one of them
//! is dropped, a bad one as passing when one of them passes.

use crate::learn::{Occasion, Talk, Trouble, frame_of, talk_of};
use crate::packet::{Packet, Verdict};
use crate::rule::{Policy, Rule};
use inventory::Vocabulary;
use model::{Asset, AssetId, CaptureTime, Direction, Finding, Report, Severity, Transport};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A port that no rule names as a server's: the client's end of a conversation.
const CLIENT_PORT: u16 = 61_000;
/// Type of an ICMP echo request, which stands for a conversation over ICMP (RFC 792, RFC 4443).
const ECHO: (u16, u16) = (8, 128);

/// A conversation that the policy would cut.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The device.
    pub asset: AssetId,
    /// Its name.
    pub device: String,
    /// Unit of the policy that denies it; absent where the device is none of the policy's.
    pub unit: Option<String>,
    /// The conversation.
    pub talk: Talk,
    /// What it is for; absent where nobody knows.
    pub role: Option<String>,
    /// Patients' care depends on it.
    pub clinical: bool,
    /// Findings that condemn it: it is cut on purpose.
    pub findings: Vec<String>,
}

/// A conversation that a finding condemns and that would still pass.
#[derive(Clone, Debug)]
pub struct Passing {
    /// The device.
    pub asset: AssetId,
    /// Its name.
    pub device: String,
    /// The finding's rule.
    pub rule: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The conversation.
    pub talk: Talk,
    /// The policy's rule that lets it pass; absent where the device is none of the policy's.
    pub by: Option<Rule>,
    /// Frames of the finding, as `capture:frame`.
    pub frames: Vec<String>,
}

/// Something that the captures neither prove nor refute.
#[derive(Clone, Debug)]
pub enum Unproven {
    /// A rule that no conversation used.
    Rule {
        /// Its unit.
        unit: String,
        /// The rule.
        rule: Rule,
    },
    /// A unit of which nothing was seen.
    Unit {
        /// Its name.
        unit: String,
    },
    /// A medical device that the policy does not cover.
    Device {
        /// The device.
        device: String,
    },
    /// A finding that is about no conversation over IP, so that no policy decides it.
    Finding {
        /// Its rule.
        rule: &'static str,
        /// The device.
        device: String,
    },
}

/// What a check says.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Conversations that were judged.
    pub conversations: u64,
    /// Those that pass.
    pub pass: u64,
    /// Those that concern no unit.
    pub outside: u64,
    /// What would be cut: clinical first, then by device and time.
    pub cut: Vec<Cut>,
    /// Bad traffic that would pass.
    pub passing: Vec<Passing>,
    /// What is unproven.
    pub unproven: Vec<Unproven>,
}

impl Checked {
    /// Clinical conversations that would be cut although no finding condemns them.
    pub fn clinical_cuts(&self) -> impl Iterator<Item = &Cut> {
        self.cut.iter().filter(|cut| cut.clinical && cut.findings.is_empty())
    }
}

/// Holds a report against a policy.
#[must_use]
pub fn check(policy: &Policy, report: &Report, words: &Vocabulary) -> Checked {
    let mut checked = Checked::default();
    let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut met: BTreeSet<usize> = BTreeSet::new();
    let occasion = Occasion::of(report);
    for (asset, device) in report.assets.iter().zip(&occasion.devices) {
        let own = units_of(policy, asset);
        met.extend(&own);
        if own.is_empty() && device.medical {
            checked.unproven.push(Unproven::Device { device: device.name.clone() });
        }
        for talk in device.talks.iter().filter(|talk| talk.transport != Transport::Link) {
            let packets = packets(asset, talk);
            used.extend(packets.iter().flat_map(|packet| policy.allowing(packet)));
            let verdicts: Vec<Verdict> = packets.iter().map(|packet| policy.decide(packet)).collect();
            let denied = verdicts.iter().find(|verdict| !verdict.passes());
            let condemning = condemning(&occasion, words, asset.id, talk);
            // The device at the other end tells of the same conversation.
            let theirs =
                own.is_empty() && denied.is_some_and(|verdict| !matches!(verdict, Verdict::Stranger));
            if theirs {
                continue;
            }
            checked.conversations += 1;
            let Some(denied) = denied else {
                let outside = verdicts.iter().all(|verdict| *verdict == Verdict::Outside);
                if outside {
                    checked.outside += 1;
                } else {
                    checked.pass += 1;
                }
                continue;
            };
            let role = talk.protocol.as_deref().and_then(|protocol| words.role(protocol));
            let unit = match denied {
                Verdict::Denied(at) => policy.units.get(*at).map(|unit| unit.name.clone()),
                _ => None,
            };
            checked.cut.push(Cut {
                asset: asset.id,
                device: device.name.clone(),
                unit,
                talk: talk.clone(),
                role: role.map(|role| role.role.clone()),
                clinical: role.is_some_and(|role| role.clinical),
                findings: condemning,
            });
        }
    }
    checked.cut.sort_by_key(|cut| {
        (
            !(cut.clinical && cut.findings.is_empty()),
            cut.device.clone(),
            cut.talk.first,
            cut.talk.ip,
            cut.talk.port,
        )
    });
    for finding in report.findings.iter().filter(|finding| words.condemns(finding.rule, finding.severity)) {
        still_passing(policy, report, finding, &mut checked);
    }
    unproven(policy, &used, &met, &mut checked);
    checked
}

fn unproven(policy: &Policy, used: &BTreeSet<(usize, usize)>, met: &BTreeSet<usize>, checked: &mut Checked) {
    for (at, unit) in policy.units.iter().enumerate() {
        if !met.contains(&at) {
            checked.unproven.push(Unproven::Unit { unit: unit.name.clone() });
            continue;
        }
        for (number, allowed) in unit.allow.iter().enumerate() {
            if !used.contains(&(at, number)) {
                let (unit, rule) = (unit.name.clone(), allowed.rule.clone());
                checked.unproven.push(Unproven::Rule { unit, rule });
            }
        }
    }
}

/// Rules of the findings that say that a conversation must not be, each once.
fn condemning(occasion: &Occasion, words: &Vocabulary, asset: AssetId, talk: &Talk) -> Vec<String> {
    let about = occasion.troubles.iter().filter(|trouble| trouble.is_about(asset, talk));
    let bad = about.filter(|trouble| words.condemns(&trouble.rule, trouble.severity));
    let rules: BTreeSet<&String> = bad.map(|trouble| &trouble.rule).collect();
    rules.into_iter().cloned().collect()
}

/// Units that have an address of the asset.
fn units_of(policy: &Policy, asset: &Asset) -> Vec<usize> {
    let has = |unit: &crate::rule::Unit| {
        unit.macs.iter().any(|mac| asset.macs.contains(mac))
            || unit.networks.iter().any(|network| asset.ips.iter().any(|ip| network.contains(*ip)))
    };
    policy.units.iter().enumerate().filter(|(_, unit)| has(unit)).map(|(at, _)| at).collect()
}

/// The packets that may have opened a conversation of `asset`, for each address that it may have used.
fn packets(asset: &Asset, talk: &Talk) -> Vec<Packet> {
    let family = |ip: &&IpAddr| ip.is_ipv4() == talk.ip.is_ipv4();
    let mut own: Vec<IpAddr> = asset.ips.iter().filter(family).copied().collect();
    if own.is_empty() {
        own.push(if talk.ip.is_ipv4() {
            [0, 0, 0, 0].into()
        } else {
            IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
        });
    }
    let with_ports = matches!(talk.transport, Transport::Tcp | Transport::Udp);
    let mut packets = Vec::new();
    for own in own {
        for out in [true, false] {
            let wanted = match talk.direction {
                Direction::Out => out,
                Direction::In => !out,
                Direction::Both => true,
            };
            if !wanted {
                continue;
            }
            let (source, target) = if out { (own, talk.ip) } else { (talk.ip, own) };
            let mac = asset.macs.first().copied();
            let echo = if talk.ip.is_ipv4() { ECHO.0 } else { ECHO.1 };
            let (source_port, target_port) = match talk.transport {
                Transport::Icmp => (echo, echo),
                _ if with_ports => (CLIENT_PORT, talk.port),
                _ => (0, 0),
            };
            packets.push(Packet {
                source,
                target,
                source_mac: mac.filter(|_| out),
                target_mac: mac.filter(|_| !out),
                transport: talk.transport,
                source_port,
                target_port,
                acknowledges: false,
            });
        }
    }
    packets
}

fn still_passing(policy: &Policy, report: &Report, finding: &Finding, checked: &mut Checked) {
    let Some(asset) = report.assets.iter().find(|asset| asset.id == finding.asset) else { return };
    let occasion = Occasion::of(&Report { assets: vec![asset.clone()], ..Report::default() });
    let device = occasion.devices.into_iter().next().map(|device| device.name).unwrap_or_default();
    let trouble = Trouble::of(finding);
    let mut about = false;
    for conversation in &asset.conversations {
        let talk = talk_of(report, conversation);
        if !trouble.is_about(asset.id, &talk) || talk.transport == Transport::Link {
            continue;
        }
        about = true;
        let verdicts = packets(asset, &talk).into_iter().map(|packet| policy.decide(&packet));
        let verdicts: Vec<Verdict> = verdicts.collect();
        let Some(passes) = verdicts.iter().find(|verdict| verdict.passes()) else { continue };
        let by = match passes {
            Verdict::Allowed(unit, rule) => {
                policy.units.get(*unit).and_then(|unit| unit.allow.get(*rule)).map(|one| one.rule.clone())
            }
            _ => None,
        };
        checked.passing.push(Passing {
            asset: asset.id,
            device: device.clone(),
            rule: finding.rule,
            severity: finding.severity,
            talk,
            by,
            frames: finding.evidence.iter().map(|evidence| frame_of(report, *evidence)).collect(),
        });
    }
    if !about {
        checked.unproven.push(Unproven::Finding { rule: finding.rule, device });
    }
}

impl Cut {
    /// First and last frame of the conversation.
    #[must_use]
    pub const fn when(&self) -> (CaptureTime, CaptureTime) {
        (self.talk.first, self.talk.last)
    }
}

//! A report as the rows that are kept of it.
//!
//! What is left out on purpose: patients' identifiers in clear (a report may hold them where an operator gave a
//! reason; the store never does), waveforms, and limits and notices of devices, which the captures keep.
//!
//! The rows are put in one order and hashed, so that the same results are known again.

use crate::audit::hex;
use crate::error::StoreError;
use model::{
    Asset, BedVitals, CaptureSummary, CaptureTime, Certainty, Conversation, Detail, Direction, Finding,
    IntegrityRow, NumericRange, PatientToken, Peer, Report, Severity, Trend,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// An id of 64 bits as SQLite holds it.
pub(crate) const fn signed(id: u64) -> i64 {
    id.cast_signed()
}

/// A count as SQLite holds it; what is beyond 2^63 stays there.
pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// All that is kept of one report.
#[derive(Debug, Serialize)]
pub(crate) struct Rows {
    pub(crate) captures: Vec<CaptureRow>,
    pub(crate) assets: Vec<AssetRow>,
    pub(crate) findings: Vec<FindingRow>,
    pub(crate) conversations: Vec<ConversationRow>,
    pub(crate) vitals: Vec<VitalsRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CaptureRow {
    pub(crate) sha256: String,
    /// Not hashed: a file that was given another name is the same capture.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) frames: i64,
    pub(crate) bytes: i64,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) faults: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct AssetRow {
    pub(crate) id: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) medical: bool,
    pub(crate) class: Option<String>,
    pub(crate) maker: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) firmware: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) confidence: f64,
    pub(crate) profile: Option<String>,
    pub(crate) body: AssetBody,
    /// What it was seen to have: kind and value.
    pub(crate) traits: BTreeSet<(&'static str, String)>,
}

/// The part of an asset that nothing is searched by.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct AssetBody {
    /// Other labels of the platform.
    pub aliases: Vec<String>,
    /// Why it was taken for what it is.
    pub signs: Vec<Sign>,
    /// Which advisories hit it.
    pub exposures: Vec<Exposed>,
}

/// A trait that suggested what an asset is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sign {
    /// Its name.
    pub sign: String,
    /// What it was.
    pub value: String,
    /// How much it counts; 100 identifies.
    pub weight: u32,
}

/// An advisory that hits an asset.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Exposed {
    /// Id of the notice.
    pub advisory: String,
    /// Id of the vulnerability.
    pub cve: String,
    /// CVSS v3.1 base score.
    pub cvss: f64,
    /// Known to be exploited (CISA KEV).
    pub kev: bool,
    /// `affected`, `possible`, `not-affected`.
    pub status: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct FindingRow {
    pub(crate) id: i64,
    pub(crate) rule: &'static str,
    pub(crate) asset: i64,
    pub(crate) severity: i64,
    pub(crate) certainty: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: i64,
    pub(crate) title: String,
    pub(crate) body: FindingBody,
}

/// The part of a finding that nothing is searched by.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FindingBody {
    /// With whom.
    pub peer: Option<StoredPeer>,
    /// With whom, where it is about many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<StoredPeer>,
    /// Numbers and names of the matter, by key.
    pub details: BTreeMap<String, StoredDetail>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// Notices.
    pub advisories: Vec<String>,
    /// Vulnerabilities.
    pub cves: Vec<String>,
    /// Why it matters, here.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Frames that show it: position of the capture in its import, number of the frame.
    pub(crate) evidence: Vec<(u32, u64)>,
}

/// The peer of a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoredPeer {
    /// Network address.
    pub ip: String,
    /// Port; 0 where the finding is not about one.
    pub port: u16,
    /// What carried it.
    pub transport: String,
    /// Where it is, as the report writes it.
    pub location: String,
}

impl From<&Peer> for StoredPeer {
    fn from(peer: &Peer) -> Self {
        Self {
            ip: peer.endpoint.ip.to_string(),
            port: peer.endpoint.port,
            transport: peer.transport.to_string(),
            location: peer.location.as_str().to_owned(),
        }
    }
}

/// A detail of a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StoredDetail {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl From<&Detail> for StoredDetail {
    fn from(detail: &Detail) -> Self {
        match detail {
            Detail::Text(text) => Self::Text(text.clone()),
            Detail::Number(number) => Self::Number(*number),
            Detail::Flag(flag) => Self::Flag(*flag),
            Detail::List(list) => Self::List(list.clone()),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ConversationRow {
    pub(crate) asset: i64,
    pub(crate) ip: String,
    pub(crate) port: u16,
    pub(crate) transport: String,
    pub(crate) location: &'static str,
    pub(crate) protocol: Option<&'static str>,
    pub(crate) direction: &'static str,
    pub(crate) flows: i64,
    pub(crate) frames: i64,
    pub(crate) bytes_out: i64,
    pub(crate) bytes_in: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct VitalsRow {
    pub(crate) asset: i64,
    pub(crate) bed: Option<u16>,
    pub(crate) patient: Option<String>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) cycles: i64,
    pub(crate) numerics: Vec<NumericRow>,
    pub(crate) integrity: Vec<CheckRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CheckRow {
    pub(crate) asked: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) channel: Option<&'static str>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) seconds: i64,
    pub(crate) why: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct NumericRow {
    pub(crate) vital: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) latest: f64,
    pub(crate) samples: i64,
}

/// Position of a severity, least first.
pub(crate) const fn severity_rank(severity: Severity) -> i64 {
    match severity {
        Severity::Low => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    }
}

/// Position of a certainty, least first.
pub(crate) const fn certainty_rank(certainty: Certainty) -> i64 {
    match certainty {
        Certainty::Attempted => 0,
        Certainty::Likely => 1,
        Certainty::Confirmed => 2,
    }
}

impl Rows {
    /// # Errors
    /// [`StoreError::NoHash`] where a capture was read without its hash.
    pub(crate) fn of(report: &Report) -> Result<Self, StoreError> {
        Self::named(report, |capture| {
            let hash = capture.sha256.ok_or_else(|| StoreError::NoHash(capture.name.clone()))?;
            Ok(hash.to_string())
        })
    }

    /// Of a watch that goes on: its capture has no hash, and is known by the name of the period.
    pub(crate) fn of_watch(report: &Report, period: &str) -> Result<Self, StoreError> {
        Self::named(report, |_| Ok(period.to_owned()))
    }

    fn named(
        report: &Report,
        name: impl Fn(&CaptureSummary) -> Result<String, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut captures = Vec::with_capacity(report.captures.len());
        for capture in &report.captures {
            captures.push(CaptureRow {
                sha256: name(capture)?,
                name: capture.name.clone(),
                frames: count(capture.frames),
                bytes: count(capture.bytes),
                first: capture.first.map(CaptureTime::nanos),
                last: capture.last.map(CaptureTime::nanos),
                faults: count(capture.faults.len() as u64),
            });
        }
        let span = Span::of_captures(&captures);
        let conversations = report.assets.iter().flat_map(|asset| {
            asset.conversations.iter().map(|conversation| ConversationRow::of(asset, conversation))
        });
        let mut rows = Self {
            assets: report.assets.iter().filter_map(|asset| AssetRow::of(asset, span)).collect(),
            findings: report.findings.iter().map(FindingRow::of).collect(),
            conversations: conversations.collect(),
            vitals: report.vitals.iter().map(VitalsRow::of).collect(),
            captures,
        };
        rows.assets.sort_by_key(|row| row.id);
        rows.findings.sort_by_key(|row| row.id);
        Ok(rows)
    }

    /// A hash of everything that is kept: equal for equal results of equal captures.
    pub(crate) fn digest(&self) -> Result<String, StoreError> {
        let mut digest = Hashing(Sha256::new());
        serde_json::to_writer(&mut digest, self).map_err(|cause| StoreError::form("results", cause))?;
        Ok(hex(&digest.0.finalize()))
    }
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stretch of capture time.
#[derive(Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
}

impl Span {
    /// None where not one frame was captured.
    fn of_captures(captures: &[CaptureRow]) -> Option<Self> {
        let first = captures.iter().filter_map(|row| row.first).min()?;
        Some(Self { first, last: captures.iter().filter_map(|row| row.last).max().unwrap_or(first) })
    }

    /// When an asset was seen: while it talked, and where it was not heard talking, while it was captured at all.
    fn of_asset(asset: &Asset, captures: Option<Self>) -> Option<Self> {
        let talks = || asset.conversations.iter();
        match (talks().map(|talk| talk.first).min(), talks().map(|talk| talk.last).max()) {
            (Some(first), Some(last)) => Some(Self { first: first.nanos(), last: last.nanos() }),
            _ => captures,
        }
    }
}

impl AssetRow {
    /// None for what is only known from before: a period of a watch in which no frame came has not seen it.
    fn of(asset: &Asset, captures: Option<Span>) -> Option<Self> {
        let Span { first, last } = Span::of_asset(asset, captures)?;
        let body = AssetBody {
            aliases: asset.aliases.clone(),
            signs: asset.signs.iter().map(Sign::of).collect(),
            exposures: asset.exposures.iter().map(Exposed::of).collect(),
        };
        let word = |text: &Option<model::Text>| text.as_ref().map(|text| text.as_str().to_owned());
        Some(Self {
            id: signed(asset.id.0),
            first,
            last,
            medical: asset.is_medical(),
            class: asset.class.as_ref().map(|class| class.id.clone()),
            maker: asset.maker.clone(),
            model: asset.model.clone(),
            firmware: word(&asset.firmware),
            serial: word(&asset.serial),
            confidence: f64::from(asset.confidence),
            profile: asset.profile.clone(),
            traits: traits(asset),
            body,
        })
    }
}

/// What an asset has, each by a name that the report uses too.
fn traits(asset: &Asset) -> BTreeSet<(&'static str, String)> {
    let mut traits = BTreeSet::new();
    traits.extend(asset.macs.iter().map(|mac| ("mac", mac.to_string())));
    traits.extend(asset.ips.iter().map(|ip| ("ip", ip.to_string())));
    traits.extend(asset.names.iter().map(|name| ("name", name.as_str().to_owned())));
    traits.extend(asset.vlans.iter().filter(|vlans| !vlans.ids().is_empty()).map(|vlans| {
        let ids: Vec<String> = vlans.ids().iter().map(ToString::to_string).collect();
        ("vlan", ids.join("."))
    }));
    traits.extend(asset.class.iter().map(|class| ("class", class.id.clone())));
    traits.extend(asset.maker.iter().map(|maker| ("maker", maker.clone())));
    traits.extend(asset.model.iter().map(|model| ("model", model.clone())));
    traits.extend(asset.firmware.iter().map(|version| ("firmware", version.as_str().to_owned())));
    traits.extend(asset.serial.iter().map(|serial| ("serial", serial.as_str().to_owned())));
    traits.extend(
        asset.exposures.iter().map(|one| ("exposure", format!("{} {}", one.cve, one.status.as_str()))),
    );
    traits
}

impl Sign {
    fn of(sign: &model::SignSeen) -> Self {
        Self { sign: sign.sign.clone(), value: sign.value.clone(), weight: sign.weight }
    }
}

impl Exposed {
    fn of(exposure: &model::Exposure) -> Self {
        Self {
            advisory: exposure.advisory.clone(),
            cve: exposure.cve.clone(),
            // To the tenth, as scores are published: 9.8, not 9.800000190734863.
            cvss: (f64::from(exposure.cvss) * 10.0).round() / 10.0,
            kev: exposure.kev,
            status: exposure.status.as_str().to_owned(),
        }
    }
}

impl FindingRow {
    fn of(finding: &Finding) -> Self {
        let body = FindingBody {
            peer: finding.peer.as_ref().map(StoredPeer::from),
            peers: finding.peers.iter().map(StoredPeer::from).collect(),
            details: finding.details.iter().map(|(key, value)| ((*key).to_owned(), value.into())).collect(),
            attack: finding.attack.to_vec(),
            advisories: finding.advisories.clone(),
            cves: finding.cves.clone(),
            why: finding.why.clone(),
            fix: finding.fix.to_string(),
            evidence: finding.evidence.iter().map(|shown| (shown.capture, shown.frame)).collect(),
        };
        Self {
            id: signed(finding.id.0),
            rule: finding.rule,
            asset: signed(finding.asset.0),
            severity: severity_rank(finding.severity),
            certainty: certainty_rank(finding.certainty),
            first: finding.first.nanos(),
            last: finding.last.nanos(),
            count: count(finding.count),
            title: finding.title.clone(),
            body,
        }
    }
}

impl ConversationRow {
    fn of(asset: &Asset, conversation: &Conversation) -> Self {
        Self {
            asset: signed(asset.id.0),
            ip: conversation.peer.ip.to_string(),
            port: conversation.peer.port,
            transport: conversation.transport.to_string(),
            location: conversation.location.as_str(),
            protocol: conversation.protocol,
            direction: match conversation.direction {
                Direction::Out => "out",
                Direction::In => "in",
                Direction::Both => "both",
            },
            flows: count(conversation.flows),
            frames: count(conversation.frames),
            bytes_out: count(conversation.bytes_out),
            bytes_in: count(conversation.bytes_in),
            first: conversation.first.nanos(),
            last: conversation.last.nanos(),
        }
    }
}

impl VitalsRow {
    fn of(vitals: &BedVitals) -> Self {
        // A column of numbers has no place for what is none.
        let finite =
            |range: &NumericRange| [range.min, range.max, range.last].iter().all(|value| value.is_finite());
        let numerics =
            vitals.numerics.iter().filter(|(_, range)| finite(range)).map(|(vital, range)| NumericRow {
                vital: vital.as_str(),
                unit: vital.unit(),
                least: f64::from(range.min),
                most: f64::from(range.max),
                latest: f64::from(range.last),
                samples: count(range.samples),
            });
        Self {
            asset: signed(vitals.asset.0),
            bed: vitals.bed,
            patient: kept(vitals.patient.as_ref()),
            first: vitals.first.nanos(),
            last: vitals.last.nanos(),
            cycles: count(vitals.cycles),
            numerics: numerics.collect(),
            integrity: vitals.integrity.iter().map(CheckRow::of).collect(),
        }
    }
}

/// A few minutes of one parameter of one bed.
#[derive(Debug)]
pub(crate) struct TrendRow {
    pub(crate) asset: i64,
    pub(crate) bed: Option<u16>,
    pub(crate) patient: Option<String>,
    pub(crate) vital: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) latest: f64,
    pub(crate) samples: i64,
}

impl TrendRow {
    pub(crate) fn of(trend: &Trend) -> impl Iterator<Item = Self> {
        let finite =
            |range: &NumericRange| [range.min, range.max, range.last].iter().all(|value| value.is_finite());
        let numerics = trend.numerics.iter().filter(move |(_, range)| finite(range));
        numerics.map(|(vital, range)| Self {
            asset: signed(trend.asset.0),
            bed: trend.bed,
            patient: kept(trend.patient.as_ref()),
            vital: vital.as_str(),
            unit: vital.unit(),
            first: trend.first.nanos(),
            last: trend.last.nanos(),
            least: f64::from(range.min),
            most: f64::from(range.max),
            latest: f64::from(range.last),
            samples: count(range.samples),
        })
    }
}

impl CheckRow {
    fn of(row: &IntegrityRow) -> Self {
        Self {
            asked: row.check.as_str(),
            verdict: row.verdict.as_str(),
            channel: row.channel.map(model::Channel::as_str),
            first: row.first.nanos(),
            last: row.last.nanos(),
            seconds: count(row.seconds),
            why: row.why.clone(),
        }
    }
}

/// What is kept of a patient: a keyed hash, or nothing. Never what the operator was shown in clear.
fn kept(patient: Option<&PatientToken>) -> Option<String> {
    match patient {
        Some(PatientToken::Pseudonym(pseudonym)) => Some(pseudonym.to_string()),
        Some(PatientToken::Clear(_) | PatientToken::Withheld) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Pseudonym, Text};

    #[test]
    fn a_patient_in_clear_is_not_kept() {
        assert_eq!(kept(Some(&PatientToken::Clear(Text::from("Orvela Ashdale")))), None);
        assert_eq!(kept(Some(&PatientToken::Withheld)), None);
        let hashed = PatientToken::Pseudonym(Pseudonym(0xAB));
        assert_eq!(kept(Some(&hashed)).as_deref(), Some("p:00000000000000ab"));
    }
}

//! What a ward manager needs from the report: how many devices, how many monitors under which label, the
//! worst thing, what to do first.

use crate::printable::printable;
use crate::report1::sorted_findings;
use crate::time::{bytes, counted, span, time_of_day, to_second};
use model::{
    Asset, AssetId, CaptureTime, Conversation, Finding, Location, Peer, Report, Severity, Transport,
};
use std::collections::{BTreeMap, BTreeSet};

/// Id of the device class of patient monitors in `data/vocab/device_class.toml`.
const MONITOR_CLASS: &str = "patient-monitor";
/// Most labels of monitors that the summary lists; the devices list has them all.
const LABELS_MAX: usize = 6;

/// The report at a glance.
pub(crate) struct Summary {
    /// One line: the verdict.
    pub(crate) verdict: String,
    /// What was looked at, what was found, in sentences.
    pub(crate) sentences: Vec<String>,
    /// What to do first; absent where nothing was found.
    pub(crate) first_step: Option<String>,
    /// Severity of the worst finding.
    pub(crate) worst: Option<Severity>,
    /// How many findings of each severity, worst first.
    pub(crate) counts: Vec<(Severity, u64)>,
}

impl Summary {
    pub(crate) fn of(report: &Report) -> Self {
        let findings = sorted_findings(report);
        let worst = findings.first().copied();
        let counts = severity_counts(&findings);
        let mut sentences = vec![looked_at(report), devices(report)];
        sentences.extend(monitors(report));
        sentences.extend(worst.map(|finding| worst_sentence(report, finding, &counts)));
        if worst.is_none() {
            sentences.push(nothing_found(report));
        }
        Self {
            verdict: verdict(report, worst),
            sentences,
            first_step: worst.map(|finding| printable(&finding.fix).into_owned()),
            worst: worst.map(|finding| finding.severity),
            counts,
        }
    }
}

fn verdict(report: &Report, worst: Option<&Finding>) -> String {
    match worst.map(|finding| finding.severity) {
        _ if report.coverage.frames == 0 => "Nothing could be looked at: no frame was read.".to_owned(),
        None => "Nothing was found.".to_owned(),
        Some(Severity::Critical) => "Act now.".to_owned(),
        Some(Severity::High) => "To fix soon.".to_owned(),
        Some(Severity::Medium) => "To fix in the ordinary course.".to_owned(),
        Some(Severity::Low) => "Nothing urgent.".to_owned(),
    }
}

fn severity_counts(findings: &[&Finding]) -> Vec<(Severity, u64)> {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
    Severity::ALL.into_iter().rev().map(|severity| (severity, count(severity))).collect()
}

/// Findings of one rule that say the same and want the same done, on however many devices.
pub(crate) struct Group<'a> {
    /// The findings, surest first; never empty.
    pub(crate) findings: Vec<&'a Finding>,
    /// The first of them, which speaks for all.
    pub(crate) first: &'a Finding,
    /// Devices they are about.
    pub(crate) devices: usize,
}

impl<'a> Group<'a> {
    /// Nothing where there is no finding.
    fn of(findings: Vec<&'a Finding>) -> Option<Self> {
        let devices: BTreeSet<_> = findings.iter().map(|finding| finding.asset).collect();
        let first = findings.first().copied()?;
        Some(Self { devices: devices.len(), first, findings })
    }

    /// `12 findings on 6 devices`; nothing where it is one finding.
    pub(crate) fn extent(&self) -> Option<String> {
        let findings = self.findings.len() as u64;
        (findings > 1).then(|| {
            let findings = counted(findings, "finding", "findings");
            format!("{findings} on {}", counted(self.devices as u64, "device", "devices"))
        })
    }
}

/// Findings put together by severity, rule and what to do, worst first: a ward of forty leaking monitors is
/// one matter to act on, not forty.
pub(crate) fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut at: BTreeMap<(Severity, &str, &str), usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in sorted_findings(report) {
        let next = groups.len();
        let place = *at.entry((finding.severity, finding.rule, &finding.fix)).or_insert(next);
        match groups.get_mut(place) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.into_iter().filter_map(Group::of).collect()
}

/// `2 critical, 1 high`; severities without a finding are left out.
pub(crate) fn counts_line(counts: &[(Severity, u64)]) -> String {
    let parts: Vec<_> =
        counts.iter().filter(|(_, count)| *count != 0).map(|(s, count)| format!("{count} {s}")).collect();
    parts.join(", ")
}

/// First and last frame of all captures.
pub(crate) fn extent(report: &Report) -> Option<(CaptureTime, CaptureTime)> {
    let first = report.captures.iter().filter_map(|capture| capture.first).min()?;
    let last = report.captures.iter().filter_map(|capture| capture.last).max()?;
    Some((first, last))
}

/// `2026-03-02 07:14:09 to 07:18:39`: the day of the end only where it differs.
pub(crate) fn from_to(first: CaptureTime, last: CaptureTime) -> String {
    let end =
        if crate::time::day(first) == crate::time::day(last) { time_of_day(last) } else { to_second(last) };
    format!("{} to {end}", to_second(first))
}

fn looked_at(report: &Report) -> String {
    let captures = counted(report.captures.len() as u64, "capture", "captures");
    let frames = counted(report.coverage.frames, "frame", "frames");
    match extent(report) {
        Some((first, last)) => format!(
            "Looked at {frames} in {captures}, {} UTC ({}).",
            from_to(first, last),
            span(last.since(first))
        ),
        None => format!("Looked at {frames} in {captures}."),
    }
}

fn devices(report: &Report) -> String {
    let medical = report.assets.iter().filter(|asset| asset.is_medical()).count() as u64;
    let all = counted(report.assets.len() as u64, "device was", "devices were");
    match medical {
        0 => format!("{all} seen, none recognised as a medical device."),
        _ => format!("{all} seen, {medical} of them medical."),
    }
}

fn monitors(report: &Report) -> Option<String> {
    let mut labels: BTreeMap<String, u64> = BTreeMap::new();
    for asset in report.assets.iter().filter(|asset| is_monitor(asset)) {
        *labels.entry(label_with_aliases(asset)).or_default() += 1;
    }
    let total: u64 = labels.values().sum();
    if total == 0 {
        return None;
    }
    let mut ranked: Vec<_> = labels.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let kinds = ranked.len();
    let mut listed: Vec<_> =
        ranked.into_iter().take(LABELS_MAX).map(|(label, count)| format!("{count} {label}")).collect();
    if kinds > LABELS_MAX {
        listed.push(format!("{} more kinds", kinds - LABELS_MAX));
    }
    Some(format!("{}: {}.", counted(total, "patient monitor", "patient monitors"), listed.join("; ")))
}

fn is_monitor(asset: &Asset) -> bool {
    asset.class.as_ref().is_some_and(|class| class.id == MONITOR_CLASS)
}

fn label_with_aliases(asset: &Asset) -> String {
    let platform = platform(asset).unwrap_or_else(|| "of unknown maker".to_owned());
    if asset.aliases.is_empty() {
        return platform;
    }
    format!("{platform} (also sold as {})", printable(&asset.aliases.join(", ")))
}

fn worst_sentence(report: &Report, finding: &Finding, counts: &[(Severity, u64)]) -> String {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let whom = asset_by_id(report, finding.asset).map_or_else(|| finding.asset.to_string(), label);
    let peer = finding.peer.map_or_else(String::new, |peer| format!(", with {}", peer_words(&peer)));
    format!(
        "{} of {} ({}). The worst: {} ({whom}{peer}).",
        counted(total, "finding", "findings"),
        counted(groups(report).len() as u64, "kind", "kinds"),
        counts_line(counts),
        printable(&finding.title),
    )
}

fn nothing_found(report: &Report) -> String {
    let coverage = &report.coverage;
    let read = coverage.flows_parsed;
    let mut said = format!(
        "Nothing was found in {} ({read} of a recognised protocol, {} of these encrypted; {} not understood).",
        counted(coverage.flows, "flow", "flows"),
        coverage.flows_encrypted,
        coverage.flows_unparsed,
    );
    said.push_str(
        " That holds for what this capture shows: a device that was silent or on another segment is not in it.",
    );
    said
}

/// The asset of that id.
pub(crate) fn asset_by_id(report: &Report, id: AssetId) -> Option<&Asset> {
    report.assets.iter().find(|asset| asset.id == id)
}

/// `Contec CMS8000`; none where neither maker nor model is known.
pub(crate) fn platform(asset: &Asset) -> Option<String> {
    let words: Vec<&str> = [asset.maker.as_deref(), asset.model.as_deref()].into_iter().flatten().collect();
    if words.is_empty() { None } else { Some(printable(&words.join(" ")).into_owned()) }
}

/// What to call a device in one short piece: platform or kind, with its address.
pub(crate) fn label(asset: &Asset) -> String {
    let what = kind(asset);
    match (asset.ips.first(), asset.macs.first()) {
        (Some(ip), _) => format!("{what}, {ip}"),
        (None, Some(mac)) => format!("{what}, {mac}"),
        (None, None) => what,
    }
}

/// Platform, else device class, else the name it gave itself, else `unknown device`.
pub(crate) fn kind(asset: &Asset) -> String {
    let class = || asset.class.as_ref().map(|class| printable(&class.id.replace('-', " ")).into_owned());
    let name = || asset.names.first().map(|name| printable(name.as_str()).into_owned());
    platform(asset).or_else(class).or_else(name).unwrap_or_else(|| "unknown device".to_owned())
}

/// `202.114.4.119:515/tcp, outside the site`.
pub(crate) fn peer_words(peer: &Peer) -> String {
    let address = endpoint_words(peer.endpoint.ip, peer.endpoint.port, peer.transport);
    match place_words(peer.location) {
        Some(place) => format!("{address}, {place}"),
        None => address,
    }
}

/// `202.114.4.119:515/tcp`, `[fd00::7]:53/udp`; the port is left out where there is none.
pub(crate) fn endpoint_words(ip: std::net::IpAddr, port: u16, transport: Transport) -> String {
    match (port, ip) {
        (0, _) if transport == Transport::Link => ip.to_string(),
        (0, _) => format!("{ip}/{transport}"),
        (port, _) => format!("{}/{transport}", std::net::SocketAddr::new(ip, port)),
    }
}

/// Where a peer is, in words; none where that is not known.
pub(crate) const fn place_words(location: Location) -> Option<&'static str> {
    match location {
        Location::OnLink => Some("on the same segment"),
        Location::Onsite => Some("inside the site"),
        Location::Offsite => Some("outside the site"),
        Location::Unanswered => Some("which never answered"),
        Location::Unknown => None,
    }
}

/// `cms8000 → 202.114.4.119:515/tcp (outside the site), 77.2 kB sent`; bytes are payload.
pub(crate) fn conversation_words(conversation: &Conversation) -> String {
    let arrow = match conversation.direction {
        model::Direction::Out => "→",
        model::Direction::In => "←",
        model::Direction::Both => "↔",
    };
    let peer = endpoint_words(conversation.peer.ip, conversation.peer.port, conversation.transport);
    let place = place_words(conversation.location).map_or_else(String::new, |place| format!(" ({place})"));
    let amounts = match (conversation.bytes_out, conversation.bytes_in) {
        (0, 0) => "no content".to_owned(),
        (sent, 0) => format!("{} sent", bytes(sent)),
        (0, received) => format!("{} received", bytes(received)),
        (sent, received) => format!("{} sent, {} received", bytes(sent), bytes(received)),
    };
    format!("{} {arrow} {peer}{place}, {amounts}", conversation.protocol.unwrap_or("not recognised"))
}

/// Worst severity and number of findings, by asset.
pub(crate) fn findings_by_asset(report: &Report) -> BTreeMap<AssetId, (Severity, u64)> {
    let mut by_asset = BTreeMap::new();
    for finding in &report.findings {
        let entry = by_asset.entry(finding.asset).or_insert((finding.severity, 0));
        entry.0 = entry.0.max(finding.severity);
        entry.1 += 1;
    }
    by_asset
}

/// Assets in the order people want: worst finding first, then medical ones, then by id.
pub(crate) fn assets_by_concern(report: &Report) -> Vec<(&Asset, Option<(Severity, u64)>)> {
    let by_asset = findings_by_asset(report);
    let mut assets: Vec<_> =
        report.assets.iter().map(|asset| (asset, by_asset.get(&asset.id).copied())).collect();
    assets.sort_by_key(|(asset, concern)| {
        (std::cmp::Reverse(*concern), std::cmp::Reverse(asset.is_medical()), asset.id)
    });
    assets
}

/// Name of a capture by index, printable.
pub(crate) fn capture_name(report: &Report, capture: u32) -> String {
    match report.captures.get(capture as usize) {
        Some(summary) => printable(&summary.name).into_owned(),
        None => format!("capture {capture}"),
    }
}

/// `ward.pcap 7, 9, 12; other.pcap 3`: the frames that show it, at most `frames_max` of a capture, of which
/// one is the last.
pub(crate) fn evidence_words(report: &Report, finding: &Finding, frames_max: usize) -> String {
    let mut by_capture: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for evidence in &finding.evidence {
        by_capture.entry(evidence.capture).or_default().insert(evidence.frame);
    }
    let words = |(capture, frames): (u32, BTreeSet<u64>)| {
        let shown = if frames.len() > frames_max { frames_max.saturating_sub(1) } else { frames.len() };
        let mut listed: Vec<_> = frames.iter().take(shown).map(ToString::to_string).collect();
        if let Some(last) = frames.last().filter(|_| shown < frames.len()) {
            listed.push(format!("… {last}"));
        }
        format!("{} {}", capture_name(report, capture), listed.join(", "))
    };
    let parts: Vec<_> = by_capture.into_iter().map(words).collect();
    parts.join("; ")
}

/// `60 times, 2026-03-02 07:14:02 to 07:18:28 UTC`.
pub(crate) fn when_words(finding: &Finding) -> String {
    let times = counted(finding.count, "time", "times");
    if finding.first == finding.last {
        return format!("{times}, {} UTC", to_second(finding.first));
    }
    format!("{times}, {} UTC", from_to(finding.first, finding.last))
}

/// `Contec CMS8000, 192.168.10.20, with 202.114.4.119:515/tcp, outside the site`.
pub(crate) fn whom_words(report: &Report, finding: &Finding) -> String {
    let whom = asset_by_id(report, finding.asset).map_or_else(|| finding.asset.to_string(), label);
    let with = finding.peer.map_or_else(String::new, |peer| format!(", with {}", peer_words(&peer)));
    format!("{whom}{with}")
}

/// What could not be seen, as sentences: the run's own blind spots, then faults of captures.
pub(crate) fn unseen(report: &Report) -> Vec<String> {
    let mut said: Vec<String> = report.blind_spots.iter().map(|s| printable(s).into_owned()).collect();
    for capture in &report.captures {
        for fault in &capture.faults {
            let name = printable(&capture.name);
            let what = printable(&fault.what);
            said.push(format!("{name}: {what} (at frame {}, byte {}).", fault.frame, fault.offset));
        }
    }
    said
}

/// The counters behind `unseen`, as label and amount.
pub(crate) fn coverage_lines(report: &Report) -> Vec<(&'static str, String)> {
    let c = &report.coverage;
    let n = crate::time::grouped;
    let mut lines = vec![
        (
            "Frames",
            format!(
                "{}: {} decoded, {} of types not decoded, {} damaged; {} delivered twice",
                n(c.frames),
                n(c.frames_decoded),
                n(c.frames_undecoded),
                n(c.frames_fault),
                n(c.frames_duplicate)
            ),
        ),
        (
            "Flows",
            format!(
                "{}: {} read ({} of them encrypted), {} not understood, {} empty; {} one-sided, {} dropped early",
                n(c.flows),
                n(c.flows_parsed),
                n(c.flows_encrypted),
                n(c.flows_unparsed),
                n(c.flows_empty),
                n(c.flows_one_sided),
                n(c.flows_evicted)
            ),
        ),
        (
            "Missing",
            format!(
                "{} of TCP streams not captured, {} cut off frames, {} datagrams never whole",
                bytes(c.gap_bytes),
                bytes(c.cut_bytes),
                n(c.datagrams_incomplete)
            ),
        ),
    ];
    if !c.unparsed_reasons.is_empty() {
        let reasons: Vec<_> =
            c.unparsed_reasons.iter().map(|(why, count)| format!("{why}: {count}")).collect();
        lines.push(("Not understood because", reasons.join("; ")));
    }
    if c.parser_panics != 0 {
        lines.push(("Faults of Lazaret", format!("{} flows lost; please report this", n(c.parser_panics))));
    }
    lines
}

/// Detail of a finding in words: `path: /pm/monitor`.
pub(crate) fn detail_words(key: &str, detail: &model::Detail) -> (String, String) {
    let value = match detail {
        model::Detail::Text(text) => printable(text).into_owned(),
        model::Detail::Number(number) if key == "bytes" => bytes(*number),
        model::Detail::Number(number) => number.to_string(),
        model::Detail::Flag(true) => "yes".to_owned(),
        model::Detail::Flag(false) => "no".to_owned(),
        model::Detail::List(list) => printable(&list.join(", ")).into_owned(),
    };
    (key.replace('_', " "), value)
}

/// `CVE-2025-0683, ICSMA-25-030-01, ATT&CK T1041`.
pub(crate) fn references(finding: &Finding) -> String {
    let attack = finding.attack.iter().map(|technique| format!("ATT&CK {technique}"));
    let all: Vec<_> = finding.cves.iter().chain(&finding.advisories).cloned().chain(attack).collect();
    printable(&all.join(", ")).into_owned()
}

/// A measured number as people write it: `36.6`, `78`, `0.7`.
pub(crate) fn number(value: f32) -> String {
    crate::report1::Number::Single(value).rounded().to_string()
}

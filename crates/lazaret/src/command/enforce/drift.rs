//! What `enforce status` or `gateway status` found, into a store: a receipt, and where the table drifted a finding about each device.
//!
//! The finding comes as any other: in a report, whose "capture" is the difference between the kernel's table and what was
//! loaded, known by its hash. No frame shows it.

use crate::exit::Failure;
use crate::stored::{every_asset, shown};
use enforce::host::Kept;
use model::{Asset, AssetId, CaptureSummary, CaptureTime, Digest256, Prefix, Report, stable_hash};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use store::{Actor, AssetQuery, IfMissing, Writer, Writing as _};

/// Lines of a difference in a receipt. Our limit.
const LINES_MAX: usize = 50;

/// What was looked at.
pub(in super::super) struct Held<'a> {
    /// The receipt's name.
    pub(in super::super) action: &'a str,
    /// Whose receipt it is: a policy's, or an interface's.
    pub(in super::super) subject: &'a str,
    /// Id of the policy.
    pub(in super::super) policy: &'a str,
    /// Its name.
    pub(in super::super) name: &'a str,
    /// Addresses and networks that it decides about.
    pub(in super::super) devices: &'a [String],
}

impl<'a> Held<'a> {
    /// A policy of this host.
    pub(super) fn of(kept: &'a Kept) -> Self {
        let Kept { id, name, devices, .. } = kept;
        Self { action: "enforce-status", subject: id, policy: id, name, devices }
    }
}

/// Keeps what was found of the policy.
pub(in super::super) fn keep(
    folder: &Path,
    kept: &Held<'_>,
    drift: &[String],
    actor: &Actor,
) -> Result<(), Failure> {
    let mut store = Writer::open(folder, IfMissing::Make)?;
    let step = if drift.is_empty() { "unchanged" } else { "drift" };
    let lines: Vec<String> = drift.iter().take(LINES_MAX).map(|line| shown(line)).collect();
    let more = json!({ "policy": shown(kept.name), "policy_id": kept.policy, "devices": kept.devices, "lines": drift.len(), "changed": lines });
    store.note(kept.action, kept.subject, &json!({ "step": step, "more": more }), actor)?;
    if drift.is_empty() {
        return Ok(());
    }
    let time = CaptureTime::from_nanos(actor.at);
    let (known, unknown) = devices(&store, kept, actor.at)?;
    let all = [known, unknown.clone()].concat();
    let findings = detect::drifted(&all, &shown(kept.name), &lines, time)?;
    let mut hash = Sha256::new_with_prefix(format!("lazaret.drift/1\n{}\n{}\n", kept.subject, actor.at));
    drift.iter().for_each(|line| hash.update(format!("{line}\n")));
    let capture = CaptureSummary {
        name: format!("{} of policy {}", kept.action.replace('-', " "), kept.policy),
        sha256: Some(Digest256(hash.finalize().into())),
        format: "nftables",
        compression: None,
        frames: 0,
        bytes: drift.iter().map(|line| line.len() as u64 + 1).sum(),
        first: Some(time),
        last: Some(time),
        links: Vec::new(),
        faults: Vec::new(),
    };
    // What the store knows of a device it knows from traffic; only those it never saw come with the report.
    let report = Report { captures: vec![capture], assets: unknown, findings, ..Report::default() };
    store.import(&report, env!("CARGO_PKG_VERSION"), actor)?;
    Ok(())
}

/// Devices of the policy: those that the store knows, and those that it does not, by their address.
fn devices(store: &Writer, kept: &Held<'_>, now: i64) -> Result<(Vec<Asset>, Vec<Asset>), Failure> {
    let networks: Vec<Prefix> = kept.devices.iter().filter_map(|text| text.parse().ok()).collect();
    let mut known = Vec::new();
    let mut seen: BTreeSet<IpAddr> = BTreeSet::new();
    for asset in every_asset(store, AssetQuery { now, ..AssetQuery::default() })? {
        let ips: BTreeSet<IpAddr> = asset.addresses.iter().filter_map(|text| text.parse().ok()).collect();
        let mine = ips.iter().copied().filter(|ip| networks.iter().any(|network| network.contains(*ip)));
        let mine: BTreeSet<IpAddr> = mine.collect();
        if !mine.is_empty() {
            known.push(Asset {
                maker: asset.maker.clone(),
                model: asset.model.clone(),
                ips: mine.clone(),
                ..Asset::unknown(asset.id)
            });
            seen.extend(mine);
        }
    }
    // A network without a device that was seen has none to speak of.
    let single = networks.iter().filter(|network| network.bits() == if network.is_ipv4() { 32 } else { 128 });
    let unknown = single.map(Prefix::ip).filter(|ip| !seen.contains(ip)).map(|ip| {
        let id = AssetId(stable_hash(&[b"asset-ip", ip.to_string().as_bytes()]));
        Asset { ips: [ip].into(), ..Asset::unknown(id) }
    });
    Ok((known, unknown.collect()))
}

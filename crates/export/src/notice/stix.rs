//! Findings as a STIX 2.1 bundle of indicators.
//!
//! What can be recognised elsewhere becomes an indicator: the address of a peer that is not the site's, the SHA-256 of a file that was carried. A
//! finding about what a device is has nothing of that kind and is not in the bundle; the caller counts those. Ids are made
//! from the content (UUID version 5), so that the same finding is the same object in every bundle.
//!
//! ```text
//! identity ◄─ created_by ─ indicator ─ indicates ─► attack-pattern
//!                              │ ▲  └─ related-to ─► vulnerability
//!                              │ └─ sighting: how often, first and last
//! ```
//!
//! # Source
//! STIX Version 2.1, OASIS Standard, 10 June 2021: 2.9 (identifiers), 4 (objects), 5 (relationships), 9 (patterns: in a
//! string `'` and `\` are escaped).

use super::{Notice, time};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The name space of our ids: made once, at random.
const SPACE: [u8; 16] =
    [0x6f, 0x0d, 0x2f, 0x9c, 0x1b, 0x7e, 0x4c, 0x35, 0x9a, 0x46, 0x2c, 0x51, 0x8e, 0xd0, 0x73, 0xb4];
/// Since when the objects that do not depend on a finding are as they are.
const SINCE: &str = "2026-01-01T00:00:00.000Z";

/// The bundle of these notices, each of which tells of one finding as it stands.
#[must_use]
pub fn bundle(notices: &[Notice]) -> Value {
    let identity = id("identity", "lazaret");
    let mut objects = BTreeMap::new();
    let mut put = |object: Value| {
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        objects.insert(id, object);
    };
    put(json!({
        "type": "identity", "spec_version": "2.1", "id": identity, "created": SINCE, "modified": SINCE,
        "name": "Lazaret", "identity_class": "system",
        "description": "Passive network security for medical devices.",
    }));
    for notice in notices {
        let Some(pattern) = pattern(notice) else { continue };
        indicator(notice, &pattern, &identity, &mut put);
    }
    let ids: Vec<&str> = objects.keys().map(String::as_str).collect();
    json!({ "type": "bundle", "id": id("bundle", &ids.join(" ")), "objects": objects.into_values().collect::<Vec<_>>() })
}

/// Whether a notice has something that can be recognised elsewhere.
#[must_use]
pub fn has_indicator(notice: &Notice) -> bool {
    pattern(notice).is_some()
}

fn indicator(notice: &Notice, pattern: &str, identity: &str, put: &mut impl FnMut(Value)) {
    let (first, last) = (time(&notice.first, 3), time(&notice.last, 3));
    let indicator = id("indicator", &notice.finding);
    let confidence = match notice.certainty.as_str() {
        "confirmed" => 95,
        "likely" => 70,
        _ => 40,
    };
    let mut about = json!({
        "type": "indicator", "spec_version": "2.1", "id": indicator, "created_by_ref": identity,
        "created": first, "modified": last, "name": notice.title, "description": notice.why,
        "indicator_types": ["anomalous-activity"], "pattern": pattern, "pattern_type": "stix", "pattern_version": "2.1",
        "valid_from": first, "confidence": confidence, "revoked": notice.state == "false-positive",
        "labels": [notice.rule, format!("severity-{}", notice.severity)],
        "external_references": [{ "source_name": "lazaret", "external_id": notice.finding }],
    });
    if let (Some(url), Some(reference)) = (&notice.url, about.pointer_mut("/external_references/0")) {
        reference.as_object_mut().map(|reference| reference.insert("url".to_owned(), json!(url)));
    }
    put(about);
    put(json!({
        "type": "sighting", "spec_version": "2.1", "id": id("sighting", &notice.finding), "created_by_ref": identity,
        "created": first, "modified": last, "first_seen": first, "last_seen": last,
        "count": notice.count.min(999_999_999), "sighting_of_ref": indicator,
    }));
    let relate = |kind: &str, target: &str, put: &mut dyn FnMut(Value)| {
        put(json!({
            "type": "relationship", "spec_version": "2.1", "id": id("relationship", &format!("{indicator} {kind} {target}")),
            "created_by_ref": identity, "created": first, "modified": first, "relationship_type": kind,
            "source_ref": indicator, "target_ref": target,
        }));
    };
    for technique in &notice.attack {
        let pattern = id("attack-pattern", technique);
        put(json!({
            "type": "attack-pattern", "spec_version": "2.1", "id": pattern, "created_by_ref": identity,
            "created": SINCE, "modified": SINCE, "name": technique,
            "external_references": [{ "source_name": "mitre-attack", "external_id": technique }],
        }));
        relate("indicates", &pattern, put);
    }
    for cve in &notice.cves {
        let vulnerability = id("vulnerability", cve);
        put(json!({
            "type": "vulnerability", "spec_version": "2.1", "id": vulnerability, "created_by_ref": identity,
            "created": SINCE, "modified": SINCE, "name": cve,
            "external_references": [{ "source_name": "cve", "external_id": cve }],
        }));
        relate("related-to", &vulnerability, put);
    }
}

/// What recognises it elsewhere.
fn pattern(notice: &Notice) -> Option<String> {
    let hash = notice.details.get("sha256").and_then(Value::as_str);
    let hash = hash.filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let file = hash.map(|hash| format!("file:hashes.'SHA-256' = '{hash}'"));
    // An address of the site's own means nothing elsewhere.
    let away = notice.peer.as_ref().filter(|peer| !matches!(peer.location.as_str(), "on-link" | "onsite"));
    let peer = away.and_then(|peer| {
        let family = match peer.ip.parse().ok()? {
            IpAddr::V4(_) => "ipv4-addr",
            IpAddr::V6(_) => "ipv6-addr",
        };
        Some(format!("{family}:value = '{}'", peer.ip))
    });
    let parts: Vec<String> = [peer, file].into_iter().flatten().map(|part| format!("[{part}]")).collect();
    (!parts.is_empty()).then(|| parts.join(" OR "))
}

/// An id of RFC 9562, version 5, in our name space.
fn id(kind: &str, name: &str) -> String {
    let digest =
        Sha1::new().chain_update(SPACE).chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let mut bits = u128::from_be_bytes(bytes);
    bits = bits & !(0xF << 76) | 5 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{kind}--{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

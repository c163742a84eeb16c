//! A notice as a document of the Elastic Common Schema.
//!
//! Every field is one that ECS 8.11 declares; what it has no field for is under `labels`, which it keeps for that (keywords
//! only).
//!
//! # Source
//! Elastic Common Schema 8.11, field reference; `event.category` and `event.type` are of its closed lists.

use super::{Notice, Sender, Sent, time};
use crate::notice::Change;
use model::Severity;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Version of the schema.
pub const VERSION: &str = "8.11.0";

/// The document.
#[must_use]
pub fn document(notice: &Notice, sender: &Sender, sent: Sent) -> Value {
    let mut document = json!({
        "@timestamp": time(&notice.at, 3),
        "ecs": { "version": VERSION },
        "message": notice.headline(),
        "event": {
            "id": notice.id,
            "kind": if notice.change == Change::Closed { "event" } else { "alert" },
            "category": ["intrusion_detection"],
            "type": ["info"],
            "action": notice.change.as_str(),
            "code": notice.rule,
            "module": "lazaret",
            "dataset": "lazaret.finding",
            "provider": "lazaret",
            "created": time(&notice.at, 3),
            "start": time(&notice.first, 3),
            "end": time(&notice.last, 3),
            "sequence": notice.serial,
            "severity": number(notice.severity()),
            "reason": notice.why,
        },
        "rule": { "id": notice.rule, "name": notice.title, "description": notice.fix },
        "observer": {
            "vendor": "Lazaret",
            "product": "Lazaret",
            "type": "sensor",
            "version": sender.version,
            "hostname": sender.host,
        },
        "labels": labels(notice, sent),
    });
    let address = |text: Option<&str>| text.filter(|text| text.parse::<IpAddr>().is_ok()).map(str::to_owned);
    let ours = address(notice.asset.ip.as_deref());
    let theirs = notice.peer.as_ref().and_then(|peer| address(Some(&peer.ip)));
    let mut host = json!({ "id": notice.asset.id, "name": notice.asset.name });
    if let Some(ip) = &ours {
        put(&mut host, "ip", json!([ip]));
        put(&mut document, "source", json!({ "ip": ip, "address": ip }));
    }
    put(&mut document, "host", host);
    if let Some((peer, ip)) = notice.peer.as_ref().zip(theirs.as_ref()) {
        let mut to = json!({ "ip": ip, "address": ip });
        if let Some(port) = peer.port {
            put(&mut to, "port", json!(port));
        }
        put(&mut document, "destination", to);
        put(&mut document, "network", json!({ "transport": peer.transport.to_lowercase() }));
    }
    let related: Vec<&String> = ours.iter().chain(&theirs).collect();
    if !related.is_empty() {
        put(&mut document, "related", json!({ "ip": related }));
    }
    if !notice.cves.is_empty() {
        put(&mut document, "vulnerability", json!({ "id": notice.cves, "enumeration": "CVE" }));
    }
    if !notice.attack.is_empty() {
        let threat = json!({ "framework": "MITRE ATT&CK", "technique": { "id": notice.attack } });
        put(&mut document, "threat", threat);
    }
    if let (Some(url), Some(event)) = (&notice.url, document.get_mut("event")) {
        put(event, "url", json!(url));
    }
    document
}

/// What has no field of its own.
fn labels(notice: &Notice, sent: Sent) -> Value {
    let mut labels = Map::new();
    let location = notice.peer.as_ref().map(|peer| peer.location.as_str());
    for (key, value) in [
        ("finding", Some(notice.finding.as_str())),
        ("state", Some(&notice.state)),
        ("certainty", Some(&notice.certainty)),
        ("severity", Some(&notice.severity)),
        ("zone", notice.asset.zone.as_deref()),
        ("location", location),
        ("suppressed_until", notice.suppressed_until.as_deref()),
        ("repeat", (sent == Sent::Again).then_some("maybe")),
    ] {
        labels.extend(value.map(|value| (key.to_owned(), json!(value))));
    }
    for (key, count) in [("count", notice.count), ("reopened", notice.reopened)] {
        labels.insert(key.to_owned(), json!(count.to_string()));
    }
    Value::Object(labels)
}

/// Severities as Elastic's own rules number them (risk scores).
const fn number(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

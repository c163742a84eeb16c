//! A notice as an e-mail: subject and text. Names are in the text alone, on lines of their own.

use super::{Notice, Sent};
use std::fmt::Write as _;

/// The subject, one line.
#[must_use]
pub fn subject(notice: &Notice) -> String {
    format!("[lazaret] {} {}: {}", notice.severity, notice.change.as_str(), notice.title)
}

/// The text.
#[must_use]
pub fn text(notice: &Notice, sent: Sent) -> String {
    let mut out = format!("{}\n\n", notice.title);
    let peer = notice.peer.as_ref().map(|peer| {
        let port = peer.port.map_or_else(String::new, |port| format!(" port {port}"));
        format!("{}{port} ({}, {})", peer.ip, peer.transport, peer.location)
    });
    for (label, value) in [
        ("What", Some(format!("{}, now {}", notice.change.as_str(), notice.state))),
        ("Severity", Some(format!("{} ({})", notice.severity, notice.certainty))),
        ("Device", Some(notice.asset.name.clone())),
        ("Zone", notice.asset.zone.clone()),
        ("With", peer),
        ("Seen", Some(format!("{} times, {} to {} (capture time)", notice.count, notice.first, notice.last))),
        ("Quiet until", notice.suppressed_until.clone()),
        ("CVE", Some(notice.cves.join(", "))),
        ("ATT&CK", Some(notice.attack.join(", "))),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(out, "{label:<12}{value}");
        }
    }
    let _ = write!(out, "\nWhy\n{}\n\nWhat to do\n{}\n", notice.why, notice.fix);
    if let Some(url) = &notice.url {
        let _ = write!(out, "\n{url}\n");
    }
    if sent == Sent::Again {
        out.push_str("\nThis message may have reached you before: its delivery was not confirmed.\n");
    }
    let _ = write!(out, "\n-- \n{} of {} ({}), rule {}\n", notice.id, notice.finding, notice.at, notice.rule);
    out
}

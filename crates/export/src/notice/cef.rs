//! A notice as an event of ArcSight's Common Event Format.
//!
//! ```text
//! CEF:0|Lazaret|Lazaret|VERSION|RULE|TITLE|SEVERITY|rt=… externalId=f-…-1 act=opened …
//! ```
//!
//! # Source
//! Micro Focus Security ArcSight Common Event Format, version 25: in the header `\` and `|` are escaped, in the extension
//! `\`, `=` and line ends (`\n`, `\r`); a severity is 0 to 10 (3 low, 6 medium, 8 high, 10 very high); `src` and `dst` are
//! IPv4, `c6a2` and `c6a3` source and destination in IPv6.

use super::{Notice, Sender, Sent, millis};
use crate::notice::Change;
use model::Severity;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The event, on one line.
#[must_use]
pub fn event(notice: &Notice, sender: &Sender, sent: Sent) -> String {
    let mut out = format!(
        "CEF:0|Lazaret|Lazaret|{}|{}|{}|{}|",
        header(&sender.version),
        header(&notice.rule),
        header(&notice.title),
        severity(notice)
    );
    let mut extension = Extension { out: &mut out, first: true };
    extension.put("rt", &millis(&notice.at).to_string());
    extension.put("start", &millis(&notice.first).to_string());
    extension.put("end", &millis(&notice.last).to_string());
    extension.put("cnt", &notice.count.to_string());
    extension.put("externalId", &notice.id);
    extension.put("act", notice.change.as_str());
    extension.put("outcome", &notice.state);
    extension.put("dvchost", &sender.host);
    extension.put("shost", &notice.asset.name);
    if let Some(ip) = &notice.asset.ip {
        extension.address(("src", "c6a2", "Source IPv6 Address"), ip);
    }
    if let Some(peer) = &notice.peer {
        extension.address(("dst", "c6a3", "Destination IPv6 Address"), &peer.ip);
        if let Some(port) = peer.port {
            extension.put("dpt", &port.to_string());
        }
        extension.put("proto", &peer.transport.to_uppercase());
    }
    let zone = notice.asset.zone.as_deref().unwrap_or_default();
    let repeat = if sent == Sent::Again { "maybe" } else { "" };
    for (number, label, value) in [
        (1, "finding", notice.finding.as_str()),
        (2, "zone", zone),
        (3, "asset", &notice.asset.id),
        (4, "cve", &notice.cves.join(" ")),
        (5, "attack", &notice.attack.join(" ")),
        (6, "repeat", repeat),
    ] {
        if !value.is_empty() {
            extension.put(&format!("cs{number}Label"), label);
            extension.put(&format!("cs{number}"), value);
        }
    }
    extension.put("msg", &notice.why);
    out
}

fn severity(notice: &Notice) -> u8 {
    match (notice.change, notice.severity()) {
        (Change::Closed, _) => 0,
        (_, Severity::Low) => 3,
        (_, Severity::Medium) => 6,
        (_, Severity::High) => 8,
        (_, Severity::Critical) => 10,
    }
}

struct Extension<'a> {
    out: &'a mut String,
    first: bool,
}

impl Extension<'_> {
    fn put(&mut self, key: &str, value: &str) {
        let blank = if std::mem::take(&mut self.first) { "" } else { " " };
        let _ = write!(self.out, "{blank}{key}=");
        for character in value.chars() {
            match character {
                '\\' | '=' => self.out.extend(['\\', character]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                character if character.is_control() => self.out.push(' '),
                character => self.out.push(character),
            }
        }
    }

    /// Under the key of its family.
    fn address(&mut self, (four, six, label): (&str, &str, &str), ip: &str) {
        match ip.parse() {
            Ok(IpAddr::V4(_)) => self.put(four, ip),
            Ok(IpAddr::V6(_)) => {
                self.put(&format!("{six}Label"), label);
                self.put(six, ip);
            }
            Err(_) => {}
        }
    }
}

/// A field of the header, where a line end cannot be written.
fn header(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '|' => out.extend(['\\', character]),
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}

//! A notice as a message of RFC 5424.
//!
//! ```text
//! <PRI>1 TIME HOST lazaret - CHANGE [lazaret@32473 id="f-…-1" change="opened" …] BOM TEXT
//! ```
//! The structured data holds what machines route by; the text is the finding's title, or the notice as CEF or ECS, which
//! their readers want at the front of the text, without a byte order mark.
//!
//! # Source
//! RFC 5424, section 6 (message), 6.2.1 (priority), 6.3 (structured data: `"`, `\` and `]` are escaped), 6.4 (text in UTF-8
//! begins with a byte order mark). `32473` is the enterprise number that RFC 5612 sets aside for those that have none.

use super::{Notice, Sender, Sent, cef, ecs, time};
use crate::notice::Change;
use model::Severity;
use std::fmt::Write as _;

/// Name of the structured data.
pub const DATA: &str = "lazaret@32473";

/// What the text of a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Content {
    /// The finding's title.
    Words,
    /// ArcSight Common Event Format.
    Cef,
    /// Elastic Common Schema.
    Ecs,
}

/// The message, on one line and without framing. `facility` is 0 to 23.
#[must_use]
pub fn message(notice: &Notice, sender: &Sender, sent: Sent, facility: u8, content: Content) -> String {
    let priority = u32::from(facility.min(23)) * 8 + severity(notice);
    let mut out = format!(
        "<{priority}>1 {} {} lazaret - {} ",
        time(&notice.at, 6),
        name(&sender.host, 255),
        notice.change.as_str()
    );
    data(notice, sent, &mut out);
    out.push(' ');
    match content {
        Content::Words => {
            out.push('\u{FEFF}');
            out.push_str(&notice.headline());
        }
        Content::Cef => out.push_str(&cef::event(notice, sender, sent)),
        Content::Ecs => out.push_str(&ecs::document(notice, sender, sent).to_string()),
    }
    out
}

/// Severities of syslog; what was closed is informational.
fn severity(notice: &Notice) -> u32 {
    match (notice.change, notice.severity()) {
        (Change::Closed, _) => 6,
        (_, Severity::Critical) => 2,
        (_, Severity::High) => 3,
        (_, Severity::Medium) => 4,
        (_, Severity::Low) => 5,
    }
}

fn data(notice: &Notice, sent: Sent, out: &mut String) {
    let (count, serial, reopened) =
        (notice.count.to_string(), notice.serial.to_string(), notice.reopened.to_string());
    let port = notice.peer.as_ref().and_then(|peer| peer.port).map(|port| port.to_string());
    let peer = notice.peer.as_ref();
    out.push('[');
    out.push_str(DATA);
    for (key, value) in [
        ("id", Some(notice.id.as_str())),
        ("change", Some(notice.change.as_str())),
        ("finding", Some(&notice.finding)),
        ("serial", Some(&serial)),
        ("rule", Some(&notice.rule)),
        ("severity", Some(&notice.severity)),
        ("certainty", Some(&notice.certainty)),
        ("state", Some(&notice.state)),
        ("first", Some(&notice.first)),
        ("last", Some(&notice.last)),
        ("count", Some(&count)),
        ("reopened", Some(&reopened)),
        ("asset", Some(&notice.asset.id)),
        ("name", Some(&notice.asset.name)),
        ("ip", notice.asset.ip.as_deref()),
        ("zone", notice.asset.zone.as_deref()),
        ("peer", peer.map(|peer| peer.ip.as_str())),
        ("port", port.as_deref()),
        ("transport", peer.map(|peer| peer.transport.as_str())),
        ("location", peer.map(|peer| peer.location.as_str())),
        ("repeat", (sent == Sent::Again).then_some("maybe")),
    ] {
        if let Some(value) = value {
            let _ = write!(out, " {key}=\"{}\"", escaped(value));
        }
    }
    out.push(']');
}

/// Section 6.3.3; control characters were replaced before, and are replaced here where they were not.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '"' | '\\' | ']' => out.extend(['\\', character]),
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}

/// A name of printable ASCII without blanks, as the header wants it; `-` where nothing is left.
fn name(text: &str, bytes_max: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(bytes_max).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

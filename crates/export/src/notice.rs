//! One message about one finding, for other programs of the site: what was opened, what changed, what was closed.
//!
//! | module | format | for |
//! |---|---|---|
//! | this | `lazaret.notice/1`, JSON | webhooks |
//! | [`syslog`] | RFC 5424, whose text may also be CEF or ECS | syslog receivers |
//! | [`cef`] | ArcSight Common Event Format | SIEMs |
//! | [`ecs`] | Elastic Common Schema, JSON | Elastic, OpenSearch, Logstash |
//! | [`mail`] | subject and text | people |
//! | [`stix`] | STIX 2.1 bundle of indicators | threat intelligence platforms |
//!
//! Patients are not in it: a notice is made of what a store keeps, which has none in clear, and what people wrote about a
//! finding stays in the store.
//!
//! # Limits
//! Every text has one ([`Notice::bounded`]), so that a message in any of these formats is below [`BYTES_MAX`]; where text was
//! cut it ends in `…`.

pub mod cef;
pub mod ecs;
pub mod mail;
pub mod stix;
pub mod syslog;
#[cfg(test)]
mod tests;

use crate::printable::printable;
use model::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name and version of the form.
pub const SCHEMA: &str = "lazaret.notice/1";
/// Longest message in any of the formats of one line, in bytes. RFC 5425, section 4.3.1: receivers should take 8192.
pub const BYTES_MAX: usize = 8_192;
/// Longest title, in bytes. Our limit, as are the next.
const TITLE_BYTES_MAX: usize = 240;
/// Longest `why` and `fix`, in bytes.
const WORDS_BYTES_MAX: usize = 900;
/// Longest name, address or detail, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Most entries of a list, and of the details.
const ENTRIES_MAX: usize = 12;

/// What happened to the finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new to this receiver, or was reopened.
    Opened,
    /// It is open, and its state, severity, certainty, title or suppression changed.
    Updated,
    /// It was resolved, withdrawn, or said to be a false positive.
    Closed,
}

impl Change {
    /// All.
    pub const ALL: [Self; 3] = [Self::Opened, Self::Updated, Self::Closed];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }
}

/// A message about a finding. Times are RFC 3339.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Notice {
    /// [`SCHEMA`].
    pub schema: String,
    /// The same for every repetition of this message to this receiver, and for no other: finding and serial.
    pub id: String,
    /// What happened.
    pub change: Change,
    /// When it was noticed, by the clock.
    pub at: String,
    /// Id of the finding.
    pub finding: String,
    /// Number of the message about this finding, from 1: a higher one is newer.
    pub serial: u32,
    /// Id of the rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// `attempted`, `likely`, `confirmed`.
    pub certainty: String,
    /// `new`, `acknowledged`, `false-positive`, `resolved`.
    pub state: String,
    /// First time, in capture time.
    pub first: String,
    /// Last time, in capture time.
    pub last: String,
    /// How often it was seen.
    pub count: u64,
    /// How often newer evidence reopened it.
    pub reopened: u64,
    /// Until when it is suppressed, where it is.
    pub suppressed_until: Option<String>,
    /// Whom it is about.
    pub asset: Subject,
    /// With whom.
    pub peer: Option<Other>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// Notices of manufacturers and authorities.
    pub advisories: Vec<String>,
    /// Vulnerabilities.
    pub cves: Vec<String>,
    /// Numbers and names of the matter, by key.
    pub details: BTreeMap<String, serde_json::Value>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Its page in the console, where the site said where that is.
    pub url: Option<String>,
}

/// The device or host of a notice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Subject {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Network address seen last.
    pub ip: Option<String>,
    /// The site's zone of that address.
    pub zone: Option<String>,
}

/// The peer of a notice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Other {
    /// Network address.
    pub ip: String,
    /// Port; none where the finding is not about one.
    pub port: Option<u16>,
    /// What carried it.
    pub transport: String,
    /// Where it is.
    pub location: String,
}

/// Who sends a notice, and how often it was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sender {
    /// Name of this machine.
    pub host: String,
    /// Version of Lazaret.
    pub version: String,
}

/// Whether a message may have arrived before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// It cannot have.
    First,
    /// It may: it was begun to be sent, and nobody confirmed it.
    Again,
}

impl Notice {
    /// The same with every text printable, on one line and below its limit.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for (text, bytes_max) in [
            (&mut self.title, TITLE_BYTES_MAX),
            (&mut self.why, WORDS_BYTES_MAX),
            (&mut self.fix, WORDS_BYTES_MAX),
            (&mut self.asset.name, NAME_BYTES_MAX),
            (&mut self.rule, NAME_BYTES_MAX),
        ] {
            *text = line(text, bytes_max);
        }
        for text in [&mut self.asset.ip, &mut self.asset.zone].into_iter().flatten() {
            *text = line(text, NAME_BYTES_MAX);
        }
        for text in
            self.peer.iter_mut().flat_map(|peer| [&mut peer.ip, &mut peer.transport, &mut peer.location])
        {
            *text = line(text, NAME_BYTES_MAX);
        }
        for list in [&mut self.attack, &mut self.advisories, &mut self.cves] {
            list.truncate(ENTRIES_MAX);
            list.iter_mut().for_each(|text| *text = line(text, NAME_BYTES_MAX));
        }
        self.details =
            self.details.into_iter().take(ENTRIES_MAX).map(|(key, value)| (line(&key, 40), value)).collect();
        self.details.values_mut().for_each(bounded_value);
        self
    }

    /// As a webhook gets it: one line of JSON.
    ///
    /// # Errors
    /// Where it cannot be written as JSON.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// How bad, as the model has it; the least where it is none.
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == self.severity).unwrap_or(Severity::Low)
    }

    /// The words of the change and of the finding, for people.
    #[must_use]
    pub fn headline(&self) -> String {
        format!("{} ({}): {}", self.change.as_str(), self.severity, printable(&self.title))
    }
}

fn bounded_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = line(text, NAME_BYTES_MAX),
        serde_json::Value::Array(values) => {
            values.truncate(3);
            values.iter_mut().for_each(bounded_value);
        }
        serde_json::Value::Object(_) => *value = serde_json::Value::Null,
        _ => {}
    }
}

/// One printable line of at most so many bytes, with `…` where something was cut.
fn line(text: &str, bytes_max: usize) -> String {
    let text = printable(text);
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    let room = bytes_max.saturating_sub('…'.len_utf8());
    let end =
        text.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(|end| *end <= room);
    format!("{}…", text.get(..end.last().unwrap_or(0)).unwrap_or_default())
}

/// An RFC 3339 time with so many digits of a second; as it is where it is none.
fn time(text: &str, digits: usize) -> String {
    text.parse::<jiff::Timestamp>().map_or_else(|_| text.to_owned(), |at| format!("{at:.digits$}"))
}

/// An RFC 3339 time in milliseconds since 1970-01-01T00:00:00Z.
fn millis(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
}

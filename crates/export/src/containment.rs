//! `lazaret.containment/1`: device by device, contained since when, and what proves it or proves otherwise.

mod page;

use crate::paper::{Audience, Paper};
use crate::printable::printable;
use model::CaptureTime;
use serde::Serialize;
use std::io::{self, Write};

/// Name of the form.
pub const SCHEMA: &str = "lazaret.containment/1";

/// The document. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct Containment {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was made, by the clock of this machine.
    pub made: String,
    /// Nothing before this is counted; absent: from the beginning.
    pub from: Option<String>,
    /// Nothing after this is counted.
    pub to: Option<String>,
    /// The log that the receipts stand in.
    pub audit: Audit,
    /// Sensors that write into the store.
    pub sensors: Vec<Sensor>,
    /// Medical devices, those of concern first.
    pub devices: Vec<Device>,
}

/// State of the audit log.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// Entries.
    pub entries: i64,
    /// Hash of the last.
    pub hash: String,
    /// Whether the chain is whole.
    pub whole: bool,
}

/// A sensor.
#[derive(Clone, Debug, Serialize)]
pub struct Sensor {
    /// Its name: the interface.
    pub name: String,
    /// When it last wrote.
    pub at: String,
}

/// How it is with a device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Something open proves otherwise.
    Broken,
    /// It was contained, and the policy was taken back.
    Ended,
    /// No policy that names it was ever applied here.
    NotContained,
    /// A policy is in force, and nothing proves otherwise.
    Contained,
}

/// A device.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Its id.
    pub asset: String,
    /// What it is.
    pub what: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// How it is.
    pub standing: Standing,
    /// Since when it is contained: the last time a policy came into force, or that something proved otherwise.
    pub since: Option<String>,
    /// The latest thing that shows that it is.
    pub proof: Option<Proof>,
    /// Policies that name it, oldest first.
    pub policies: Vec<Period>,
    /// What proves otherwise; what is open first, then the latest.
    pub against: Vec<Against>,
}

/// Something that shows that a device is contained.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// When.
    pub at: String,
    /// What.
    pub what: String,
}

/// A policy in force.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    /// Its id.
    pub policy: String,
    /// Its name.
    pub name: String,
    /// When it was confirmed.
    pub since: String,
    /// By whom.
    pub by: String,
    /// When it was taken back or another took its place; absent while it is in force.
    pub until: Option<String>,
}

/// A finding that proves otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    /// Its id.
    pub finding: String,
    /// Its rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// First time.
    pub first: String,
    /// Last time.
    pub last: String,
    /// How often.
    pub count: i64,
    /// What people decided.
    pub state: String,
}

impl Standing {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "NOT CONTAINED: something proves otherwise",
            Self::Ended => "no longer contained: the policy was taken back",
            Self::NotContained => "no policy was applied to it here",
            Self::Contained => "contained",
        }
    }
}

impl Containment {
    /// The report for them, to read, sign and print.
    #[must_use]
    pub fn paper(&self, audience: Audience, site: Option<&str>, made: CaptureTime, version: &str) -> Paper {
        Paper {
            title: "Containment of medical devices".to_owned(),
            audience,
            site: site.map(str::to_owned),
            made,
            version: version.to_owned(),
            blocks: page::blocks(self, audience),
        }
    }

    /// JSON.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_json(&self, mut to: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut to, self)?;
        writeln!(to)
    }

    /// Lines for a terminal.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_text(&self, mut to: impl Write) -> io::Result<()> {
        for device in &self.devices {
            let what = printable(&device.what);
            writeln!(to, "{}  {what}  {}", device.asset, device.addresses.join(", "))?;
            writeln!(to, "    {}", device.standing.as_str())?;
            if let Some(since) = &device.since {
                writeln!(to, "    since {since}")?;
            }
            if let Some(proof) = &device.proof {
                writeln!(to, "    last proof {}: {}", proof.at, proof.what)?;
            }
            for against in &device.against {
                let title = printable(&against.title);
                writeln!(
                    to,
                    "    {} {} ({}), last {}: {title}",
                    against.finding, against.rule, against.state, against.last
                )?;
            }
        }
        if self.devices.is_empty() {
            writeln!(to, "The store knows no medical device.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that is not contained, under a policy.
    fn broken() -> Containment {
        let time = || "2026-03-02T07:14:00Z".to_owned();
        let device = Device {
            asset: "a-1".to_owned(),
            what: "<b>monitor</b>".to_owned(),
            addresses: vec!["192.168.10.20".to_owned()],
            standing: Standing::Broken,
            since: Some(time()),
            proof: Some(Proof { at: time(), what: "the rules are unchanged".to_owned() }),
            policies: vec![Period {
                policy: "0f".to_owned(),
                name: "ward".to_owned(),
                since: time(),
                by: "R".to_owned(),
                until: None,
            }],
            against: vec![Against {
                finding: "f-1".to_owned(),
                rule: "not-isolated".to_owned(),
                title: "Declared contained, and still sends".to_owned(),
                first: time(),
                last: time(),
                count: 3,
                state: "new".to_owned(),
            }],
        };
        Containment {
            schema: SCHEMA,
            made: time(),
            from: None,
            to: None,
            audit: Audit { entries: 5, hash: "ab".to_owned(), whole: true },
            sensors: vec![Sensor { name: "eth1".to_owned(), at: time() }],
            devices: vec![device],
        }
    }

    #[test]
    fn a_page_shows_what_proves_otherwise_and_runs_nothing() {
        let report = broken();
        for audience in Audience::ALL {
            let mut html = Vec::new();
            let made = CaptureTime::from_nanos(0);
            report.paper(audience, Some("St. Elsewhere"), made, "0").write_html(&mut html).unwrap();
            let html = String::from_utf8(html).unwrap();
            assert!(html.contains("1 of 1 is not contained") && html.contains("&lt;b&gt;monitor"), "{html}");
            assert!(html.contains("the rules are unchanged") && html.contains("St. Elsewhere"), "{html}");
            // Ids of rules and the log's hash say nothing to the ward.
            let told = audience != Audience::Ward;
            assert_eq!(html.contains("f-1"), told, "{audience:?}: {html}");
            assert_eq!(
                html.contains("<dd>ab</dd>"),
                matches!(audience, Audience::Security | Audience::Regulator)
            );
        }
        let mut text = Vec::new();
        report.write_text(&mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("last proof 2026-03-02T07:14:00Z"));
        assert!(Standing::Broken < Standing::Contained, "what is of concern comes first");
    }
}

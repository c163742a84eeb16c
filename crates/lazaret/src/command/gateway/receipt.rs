//! Receipts of a gateway: when it closed its side, whether its rules were found unchanged, when it opened it.

use super::super::enforce::drift::{self, Held};
use crate::containment::gateway_run;
use crate::exit::{Failure, Status};
use crate::stored::{By, print, shown};
use enforce::gateway::{Interface, Kernel, Rules};
use model::Digest256;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use store::{IfMissing, Reader, Writer, Writing as _};

/// What of a gateway goes into a store.
#[derive(Debug, clap::Args)]
pub(super) struct Recorded {
    /// Store that keeps a receipt, so that its page and report of containment know of this gateway; made where it is not there
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(flatten)]
    by: By,
}

/// Whom a gateway contains, and by what name.
pub(super) struct Contained {
    pub(super) name: String,
    pub(super) devices: Vec<String>,
}

impl Recorded {
    /// The side is closed.
    pub(super) fn closed(&self, kernel: &Kernel, rules: &Rules, who: &Contained) -> Result<(), Failure> {
        let Some(folder) = &self.store else { return Ok(()) };
        let table = kernel.listed()?.unwrap_or_default();
        let more = json!({
            "policy": shown(&who.name), "policy_id": digest(&rules.text()), "devices": who.devices,
            "table": digest(&table),
        });
        let mut store = Writer::open(folder, IfMissing::Make)?;
        let detail = json!({ "step": "closed", "more": more });
        store.note("gateway-run", &rules.device.to_string(), &detail, &self.by.actor()?)?;
        Ok(())
    }

    /// The side is about to be opened: said before it is, so that nobody counts on it.
    pub(super) fn opening(&self, device: &Interface) -> Result<(), Failure> {
        let Some(folder) = &self.store else { return Ok(()) };
        let mut store = Writer::open(folder, IfMissing::Make)?;
        let detail = json!({ "step": "open", "more": {} });
        store.note("gateway-remove", &device.to_string(), &detail, &self.by.actor()?)?;
        Ok(())
    }

    /// Whether the rules are what was loaded; as a receipt, and as a finding about each device where they are not.
    pub(super) fn status(&self, device: &Interface) -> Result<Status, Failure> {
        let kernel = Kernel::new(device.clone());
        let listed = kernel.listed()?;
        let Some(folder) = &self.store else {
            let there =
                if listed.is_some() { "is closed by a gateway's rules" } else { "has no gateway's rules" };
            print(&format!("{device} {there}. --store DIR compares them with what was loaded.\n"))?;
            return Ok(if listed.is_some() { Status::Done } else { Status::Found });
        };
        let run = gateway_run(&Reader::open(folder)?, &device.to_string())?;
        let Some(run) = run else {
            return Err(Failure::Usage(format!(
                "{} has no receipt of a gateway on {device}; `gateway run --store` writes one",
                folder.display()
            )));
        };
        let drift = match &listed {
            Some(table) if digest(table) == run.table => Vec::new(),
            Some(_) => vec!["the gateway's table in the kernel is not what was loaded".to_owned()],
            None => vec!["the gateway's table is gone from the kernel: its side is open".to_owned()],
        };
        let held = Held {
            action: "gateway-status",
            subject: &device.to_string(),
            policy: &run.policy_id,
            name: &run.policy,
            devices: &run.devices,
        };
        drift::keep(folder, &held, &drift, &self.by.actor()?)?;
        match drift.first() {
            Some(words) => print(&format!("DRIFT on {device}: {words}.\n"))?,
            None => print(&format!("{device}: the rules are what was loaded ({}).\n", shown(&run.policy)))?,
        }
        Ok(if drift.is_empty() { Status::Done } else { Status::Found })
    }
}

/// The first 16 hex digits of a text's SHA-256.
fn digest(text: &str) -> String {
    let mut hex = Digest256(Sha256::digest(text.as_bytes()).into()).to_string();
    hex.truncate(16);
    hex
}

//! `wireless-active`: a medical device's radio is heard.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::Renewed;
use model::{Mac, Observation, Radio, RadioRole};
use std::collections::{BTreeMap, BTreeSet};

/// Most network names listed in one finding. Our limit.
const NAMES_MAX: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Radios(BTreeMap<Mac, Heard>);

#[derive(Debug, Default)]
struct Heard {
    tally: Tally,
    names: BTreeSet<String>,
}

impl Radios {
    pub(crate) fn see(&mut self, mac: Mac, radio: &Radio, observation: &Observation, dropped: &mut u64) {
        if radio.role != RadioRole::Station {
            return;
        }
        let Some(heard) = entry(&mut self.0, mac, dropped) else { return };
        heard.tally.see(observation);
        if let Some(name) = radio.ssid.as_ref().filter(|name| !name.is_empty())
            && heard.names.len() < NAMES_MAX
        {
            heard.names.insert(name.to_string());
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        renew(&mut self.0, renewed, Some, |heard| &mut heard.tally);
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let site = ground.survey.inventory().site();
        for (mac, heard) in &self.0 {
            let Some(asset) = ground.survey.asset_with(*mac) else { continue };
            let off = site.devices.iter().any(|device| {
                let ip = device.ip.is_some_and(|ip| asset.ips.contains(&ip));
                let serial = asset
                    .serial
                    .as_ref()
                    .is_some_and(|serial| device.serial.as_deref() == Some(serial.as_str()));
                device.wireless_off && (device.mac == Some(*mac) || ip || serial)
            });
            let matter = Matter::new("wireless-active", asset, heard.tally.clone())
                .flag("medical", asset.is_medical())
                .flag("off", off)
                .text("mac", mac.to_string())
                .list("networks", heard.names.iter().cloned());
            draft.add(matter);
        }
    }
}

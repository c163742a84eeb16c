//! `not-isolated`: a device that the site declared patched or contained still sends.
//!
//! A patch that removes all networking leaves nothing to send, so one frame is too many; a contained device may
//! still ask for an address and talk to the servers that the site file names.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Device, DeviceState, Inventory, Renewed, Station, StationId};
use model::{CaptureTime, Observation};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Ports by which a host gets its address.
pub(crate) const ADDRESSING_PORTS: [u16; 4] = [67, 68, 546, 547];

#[derive(Debug, Default)]
pub(crate) struct Silence(BTreeMap<(usize, StationId), Tally>);

/// What a station sent.
#[derive(Clone, Copy)]
pub(crate) enum Sent {
    /// A link-layer frame.
    Link,
    /// A flow's frame to or from this server.
    Flow { server: Option<IpAddr>, port: u16 },
}

impl Silence {
    /// `station` sent something, the last of it at `until`.
    pub(crate) fn see(
        &mut self,
        inventory: &Inventory,
        station: StationId,
        sent: Sent,
        until: CaptureTime,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        let Some(row) = inventory.station(station) else { return };
        let site = inventory.site();
        for (at, device) in site.devices.iter().enumerate().filter(|(_, device)| names(device, row)) {
            if device.since.is_some_and(|since| until < since) || !matters(device, sent, inventory) {
                continue;
            }
            if let Some(tally) = entry(&mut self.0, (at, station), dropped) {
                tally.see(observation);
            }
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(device, station)| Some((device, renewed.station(station)?));
        renew(&mut self.0, renewed, key, |tally| tally);
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        let devices = &survey.inventory().site().devices;
        for ((at, station), tally) in &self.0 {
            let (Some(device), Some(asset)) = (devices.get(*at), survey.asset_of(*station)) else { continue };
            draft.add(matter(asset, device, tally.clone()));
        }
        // A serial number is known only at the end: what the asset sent by then counts.
        for device in devices {
            let Some(serial) = &device.serial else { continue };
            let named = survey
                .assets()
                .iter()
                .find(|asset| asset.serial.as_ref().is_some_and(|known| known.as_str() == serial));
            let (Some(asset), Some(_)) = (named, device.state) else { continue };
            let stations = survey.stations_of(asset.id).iter();
            for sent in stations.filter_map(|id| survey.inventory().station(*id)?.sent) {
                if device.since.is_none_or(|since| sent.last >= since) {
                    draft.add(matter(asset, device, Tally::of_span(&sent)));
                }
            }
        }
    }
}

fn names(device: &Device, row: &Station) -> bool {
    device.state.is_some()
        && (device.mac.is_some() && device.mac == row.mac || device.ip.is_some() && device.ip == row.ip)
}

fn matters(device: &Device, sent: Sent, inventory: &Inventory) -> bool {
    if device.state == Some(DeviceState::Patched) {
        return true;
    }
    match sent {
        Sent::Link => false,
        Sent::Flow { server, port } => {
            let named = |ip| inventory.site().servers.iter().any(|known| known.ip == ip);
            !ADDRESSING_PORTS.contains(&port) && !server.is_some_and(named)
        }
    }
}

fn matter<'a>(asset: &'a model::Asset, device: &Device, tally: Tally) -> Matter<'a> {
    let state = device.state.map_or("", DeviceState::as_str);
    Matter::new("not-isolated", asset, tally).case("state", state).text("state", state)
}

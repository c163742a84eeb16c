//! A machine room over weeks where nothing is wrong, as flows: servers of which most talk to nobody outside the site, for
//! `offsite-egress` by a server's own past.
//!
//! | of each kind (archive, integration engine, files, printers) | outside |
//! |---|---|
//! | one | a maker's telemetry, every quarter of an hour: known from the first hour |
//! | one | updates, fetched once a week by the clock |
//! | one | updates, fetched by somebody about once a month |
//! | two | nothing |
//! | all five | a maker's engineer lets the server fetch something, about twice a year |

use super::Dice;
use super::stage::{Flow, Host, judged, watched};
use super::ward::{DAY, Wing};
use super::{OWN_PAST, name};
use detect::DataError;
use inventory::Site;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What each kind of server speaks, on which port.
const KINDS: [(&str, u16); 4] = [("dicom", 104), ("hl7", 2575), ("nfs", 2049), ("lpd", 515)];
/// Servers of each kind.
const OF_EACH: u16 = 5;
/// Servers of the room.
pub const SERVERS: u64 = KINDS.len() as u64 * OF_EACH as u64;
/// Mean days between updates that somebody fetches, and between an engineer's visits.
const UPDATE_DAYS: f64 = 30.0;
const VISIT_DAYS: f64 = 180.0;
/// Office machines that use the servers.
const CLIENTS: u16 = 8;

const TIME: Host = Host::here(4);

const fn server(number: u16) -> Host {
    Host::here(0x0300 + number)
}

const fn outside(last: u8) -> Host {
    Host::beyond(Ipv4Addr::new(198, 51, 100, last))
}

/// What is told of a room.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// Findings by own past of a capture of it.
    pub scanned: u64,
    /// The same that a watch opens.
    pub watched: u64,
    /// Servers that each called somebody outside whom nobody knew, on the last day, and those of them that were told for it.
    pub planted: u64,
    /// See [`Told::planted`].
    pub found: u64,
}

/// What is told of a room over `days`; what is planted is so in another room of the same seed.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn told(seed: u64, days: f64, site: &Site) -> Result<Told, DataError> {
    let mut room = room(seed, days);
    let by_own_past = |one: &&str| *one == OWN_PAST;
    let report = judged(site.clone(), &room.flows, room.end)?;
    let scanned = report.findings.iter().map(name).filter(by_own_past).count() as u64;
    let watched = watched(site.clone(), &room.flows, room.end)?;
    let watched = watched.into_iter().filter(by_own_past).count() as u64;
    for number in 0..SERVERS as u16 {
        let at = room.end - DAY + 600.0 * f64::from(number);
        let stranger = Host::beyond(Ipv4Addr::new(203, 0, 113, 10 + number as u8));
        room.flows.push(Flow { speaks: Some("tls"), ..Flow::tcp(at, server(number), stranger, 443) });
    }
    let report = judged(site.clone(), &room.flows, room.end)?;
    let strange = |peer: &model::Peer| match peer.endpoint.ip {
        std::net::IpAddr::V4(ip) => ip.octets()[..3] == [203, 0, 113],
        std::net::IpAddr::V6(_) => false,
    };
    let told = report.findings.iter().filter(|one| name(one) == OWN_PAST);
    let told = told.filter(|one| one.peer.as_ref().is_some_and(strange));
    let found = told.map(|finding| finding.asset).collect::<BTreeSet<_>>().len() as u64;
    Ok(Told { scanned, watched, planted: SERVERS, found })
}

fn room(seed: u64, days: f64) -> Wing {
    let mut room = Wing::empty(Dice::new(500 + seed), days * DAY);
    let span = (0.0, room.end);
    // Somebody uses the gateway, so that it is known as one.
    for number in 0..CLIENTS {
        let client = Host::here(0x0210 + number);
        room.housekeeping(span, client, TIME);
        room.sometimes(span, 1_800.0, |dice, at| Flow {
            speaks: Some("tls"),
            ..Flow::tcp(at, client, outside(dice.below(80) as u8), 443)
        });
    }
    for (kind, (speaks, port)) in (0..).zip(KINDS) {
        for of_kind in 0..OF_EACH {
            let host = server(kind * OF_EACH + of_kind);
            room.housekeeping(span, host, TIME);
            room.sometimes(span, 1_200.0, |dice, at| {
                let client = Host::here(0x0210 + dice.below(u32::from(CLIENTS)) as u16);
                Flow { speaks: Some(speaks), ..Flow::tcp(at, client, host, port) }
            });
            let maker = outside(90 + kind as u8);
            let fetch = |_: &mut Dice, at| Flow {
                speaks: Some("tls"),
                bytes: [4_000, 30_000_000],
                ..Flow::tcp(at, host, maker, 443)
            };
            match of_kind {
                0 => room.every(span, 900.0, 0.02, fetch),
                1 => room.every(span, 7.0 * DAY, 0.01, fetch),
                2 => room.sometimes(span, UPDATE_DAYS * DAY, fetch),
                _ => {}
            }
            room.sometimes(span, VISIT_DAYS * DAY, |_, at| Flow {
                speaks: Some("tls"),
                ..Flow::tcp(at, host, outside(100 + kind as u8), 443)
            });
        }
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::Learning;

    #[test]
    fn servers_that_stay_inside_are_told_when_they_do_not_and_their_kinds_are_known() {
        let site = Site { learning: Learning::Hours(24), ..Site::default() };
        let told = told(1, 4.0, &site).unwrap();
        // Of each kind one at least talks outside from its first hour: what it does there is nothing new.
        let most = SERVERS - KINDS.len() as u64;
        assert!(told.found > 0 && told.found <= most, "{told:?}");
        let nobody = Site { learning: Learning::Off, ..Site::default() };
        assert_eq!(super::told(1, 4.0, &nobody).unwrap(), Told { planted: SERVERS, ..Told::default() });
    }
}

//! Planted beacons and searches: how many of them are found, by how they behave.

use super::Dice;
use super::stage::{Flow, Host, judged};
use detect::DataError;
use inventory::Site;
use model::{Finding, Report, Transport};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Monitors that each do the same with other dice.
const TRIALS: u16 = 200;
const CENTRAL: Host = Host::here(20);

const fn monitor(trial: u16) -> Host {
    Host::here(0x0400 + trial)
}

/// So that the judgement knows what they are.
fn telemetry(end: f64) -> Vec<Flow> {
    let stream = |trial| Flow {
        seconds: end,
        speaks: Some("cms8000"),
        bytes: [1_000_000, 0],
        bedside: true,
        ..Flow::tcp(0.0, monitor(trial), CENTRAL, 515)
    };
    // Somebody uses the gateway, so that it is known as one.
    let office = Flow::tcp(1.0, Host::here(0x0210), Host::beyond(Ipv4Addr::new(198, 51, 100, 1)), 443);
    (0..TRIALS).map(stream).chain([office, office]).collect()
}

/// Of the trials, in how many `rule` found something.
fn found(report: &Report, rule: &str) -> usize {
    let of_rule = |finding: &&Finding| finding.rule == rule;
    report.findings.iter().filter(of_rule).map(|finding| finding.asset).collect::<BTreeSet<_>>().len()
}

/// How a beacon behaves.
#[derive(Clone, Copy, Debug)]
pub struct Beacon {
    /// Time from one call to the next, in seconds.
    pub period: f64,
    /// A call comes at most this part of the period early or late, evenly distributed.
    pub jitter: f64,
    /// This share of the calls is not there.
    pub missing: f64,
    /// Periods that are watched.
    pub periods: u32,
    /// A second program calls the same peer, with a period so many times as long; 0: none.
    pub second: f64,
}

/// Share of planted beacons that are found.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn beacons(beacon: Beacon) -> Result<f64, DataError> {
    let end = 60.0 + beacon.period * f64::from(beacon.periods);
    let mut flows = telemetry(end);
    let home = Host::beyond(Ipv4Addr::new(203, 0, 113, 200));
    for trial in 0..TRIALS {
        let mut dice = Dice::new(7_000 + u64::from(trial));
        let trains = [beacon.period, beacon.period * beacon.second];
        for period in trains.into_iter().filter(|period| *period > 0.0) {
            let mut at = 10.0 + dice.between(0.0, period.min(45.0));
            while at < end {
                if dice.unit() >= beacon.missing {
                    flows.push(Flow::tcp(at, monitor(trial), home, 8443));
                }
                at += period * (1.0 + beacon.jitter * dice.between(-1.0, 1.0));
            }
        }
    }
    Ok(found(&judged(Site::default(), &flows, end)?, "beacon") as f64 / f64::from(TRIALS))
}

/// How a search behaves.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Hosts that are tried.
    pub hosts: u16,
    /// Time between two tries, in seconds.
    pub pace: f64,
    /// This share of the hosts lets it in.
    pub let_in: f64,
    /// On the link alone, by asking for addresses that nobody has.
    pub sweep: bool,
}

/// Share of planted searches that are found.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn searches(search: Search) -> Result<f64, DataError> {
    let end = 60.0 + search.pace * f64::from(search.hosts);
    let mut flows = telemetry(end);
    for trial in 0..TRIALS {
        let mut dice = Dice::new(9_000 + u64::from(trial));
        for number in 0..search.hosts {
            let from = 30.0 + search.pace * (f64::from(number) + dice.between(0.0, 0.9));
            let target = Host::here(0x0800 + number);
            let tried = Flow {
                answered: dice.unit() < search.let_in,
                transport: if search.sweep { Transport::Link } else { Transport::Tcp },
                ..Flow::tcp(from, monitor(trial), target, 9100)
            };
            flows.push(tried);
        }
    }
    Ok(found(&judged(Site::default(), &flows, end)?, "lateral-movement") as f64 / f64::from(TRIALS))
}

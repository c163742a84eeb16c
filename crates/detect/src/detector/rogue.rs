//! `rogue-central`: two link addresses claim the address of a central station at one time, or somebody else
//! than the site file says.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Owner, Survey};
use model::{Asset, Location, Mac, Transport};
use std::net::IpAddr;

/// Two claims this near each other are at one time: address resolution entries live for minutes, and a
/// replaced station does not answer beside its successor. In nanoseconds.
const OVERLAP_NS: i64 = 60_000_000_000;

pub(crate) fn conclude<'a>(ground: &Ground<'a>, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    for (ip, owners) in survey.inventory().owned() {
        let named = survey.inventory().site().servers.iter().find(|server| server.ip == ip);
        let guarded = survey.inventory().vocabulary().hardcoded(ip).is_some()
            || named.is_some_and(|server| server.role == "central-station")
            || is_central(survey, ip);
        let rightful = named.and_then(|server| server.mac);
        if !guarded && rightful.is_none() {
            continue;
        }
        for (at, owner) in owners.iter().enumerate() {
            let others = owners.get(..at).unwrap_or_default();
            let second = others
                .iter()
                .find(|other| other.mac != owner.mac && other.vlans == owner.vlans && overlap(other, owner));
            let stranger = rightful.is_some_and(|mac| mac != owner.mac);
            // Where the site names the owner, the one that it names is never the second.
            let second = second.filter(|_| rightful != Some(owner.mac) && guarded);
            let Some(asset) = survey.asset_with(owner.mac).filter(|_| stranger || second.is_some()) else {
                continue;
            };
            draft.add(matter(asset, ip, owner, second.map(|other| other.mac).or(rightful), stranger));
        }
    }
}

fn matter<'a>(asset: &'a Asset, ip: IpAddr, owner: &Owner, other: Option<Mac>, stranger: bool) -> Matter<'a> {
    let other = other.map(|mac| mac.to_string()).unwrap_or_default();
    Matter::new("rogue-central", asset, Tally::of_span(&owner.seen))
        .peer(ip, 0, Transport::Link, Location::OnLink)
        .case("claim", if stranger { "not-the-named-owner" } else { "second" })
        .text("mac", owner.mac.to_string())
        .text("other_mac", other)
}

fn is_central(survey: &Survey<'_>, ip: IpAddr) -> bool {
    survey.assets().iter().any(|asset| {
        asset.class.as_ref().is_some_and(|class| class.id == "central-station") && asset.ips.contains(&ip)
    })
}

fn overlap(a: &Owner, b: &Owner) -> bool {
    a.seen.first.nanos_since(b.seen.last) <= OVERLAP_NS && b.seen.first.nanos_since(a.seen.last) <= OVERLAP_NS
}

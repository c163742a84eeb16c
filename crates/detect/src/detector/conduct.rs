//! `policy-violation`: a conversation that the site's own policy, or the product's profile, does not name.
//!
//! The site file says whom a kind of device, a zone or one device may talk to: there the policy alone counts. Without
//! one, a device that was recognised as a product is compared with what its profile says it speaks; as no profile knows
//! everything, that is likely, and only conversations inside the site that were answered and that no graver finding
//! tells are compared. Getting an address, names, time, and what is sent to everyone on the link are no matter.

use super::silence::ADDRESSING_PORTS;
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, Profile, SitePolicy, Survey};
use model::{Asset, Finding, Severity, Side, Transport};
use std::net::IpAddr;

pub(crate) fn conclude<'a>(ground: &Ground<'a>, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    let inventory = survey.inventory();
    for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group) {
        for side in [Side::Client, Side::Server] {
            let Some(asset) = survey.asset_of(exchange.station(side)) else { continue };
            let peer = inventory.station(exchange.station(side.other())).and_then(|row| row.ip);
            let Some(ip) = peer.filter(|ip| !asset.ips.contains(ip)) else { continue };
            let seen = Seen { survey, asset, exchange, side, ip };
            if let Some(matter) = seen.judged(draft) {
                draft.add(matter);
            }
        }
    }
}

struct Seen<'a, 'b> {
    survey: &'a Survey<'a>,
    asset: &'a Asset,
    exchange: &'b Exchange,
    side: Side,
    ip: IpAddr,
}

impl<'a> Seen<'a, '_> {
    fn judged(&self, draft: &Draft<'a>) -> Option<Matter<'a>> {
        let Self { survey, asset, exchange, ip, .. } = *self;
        if exchange.transport == Transport::Icmp || ADDRESSING_PORTS.contains(&exchange.port) {
            return None;
        }
        let site = survey.inventory().site();
        let class = asset.class.as_ref().map(|class| class.id.as_str());
        let mut policies = site.policies_of(class, &asset.macs, &asset.ips).peekable();
        if policies.peek().is_some() {
            let (transport, port, protocol) = (exchange.transport, exchange.port, exchange.protocol);
            let allowed = policies.any(|policy: &SitePolicy| policy.allows(ip, transport, port, protocol));
            return (!allowed).then(|| self.matter("site"));
        }
        let profile = survey.profile_of(asset).filter(|profile| profile.model.is_some())?;
        let service = survey.inventory().vocabulary();
        let regular = service.regular_service(exchange.protocol, exchange.transport, exchange.port);
        let answered = exchange.answered || exchange.one_sided;
        if profile.speaks.is_empty()
            || regular.is_some()
            || exchange.reply_like
            || !answered
            || !site.owns(ip)
        {
            return None;
        }
        let grave = |finding: &Finding| {
            finding.severity >= Severity::High && finding.peer.is_some_and(|peer| peer.endpoint.ip == ip)
        };
        if self.named(profile) || draft.about(asset).any(grave) {
            return None;
        }
        Some(self.matter("profile"))
    }

    /// Whether the profile names this: the protocol, its port and who the other one is, as far as known. Where it is not
    /// known what is spoken, whom the profile names is enough: a central station may call its monitors on other ports.
    fn named(&self, profile: &Profile) -> bool {
        let peer = self.survey.asset_of(self.exchange.station(self.side.other()));
        let class = peer.and_then(|peer| peer.class.as_ref()).map(|class| class.id.as_str());
        profile.speaks.iter().any(|speaks| {
            if self.exchange.protocol.is_none() && class.is_some() && speaks.to_class.as_deref() == class {
                return true;
            }
            self.exchange.protocol == Some(speaks.protocol.as_str())
                && speaks.port.is_none_or(|port| port == self.exchange.port)
                && speaks.to_class.as_deref().is_none_or(|wanted| class.is_none_or(|class| class == wanted))
        })
    }

    fn matter(&self, by: &'static str) -> Matter<'a> {
        let Self { survey, asset, exchange, side, ip } = *self;
        let place = survey.location(exchange, side);
        let called = side == Side::Server;
        Matter::new("policy-violation", asset, Tally::of_exchange(exchange))
            .peer(ip, exchange.port, exchange.transport, place)
            .case("by", by)
            .flag("answered", exchange.answered || exchange.one_sided)
            .case("direction", if called { "in" } else { "out" })
            .text("direction", if called { "was called by" } else { "called" })
            .text("protocol", exchange.protocol.unwrap_or("an unknown protocol"))
            .text("by", if by == "site" { "the site's policy" } else { "its product's profile" })
    }
}

//! A device's own address: what it may ask, what the hospital's server is asked in its place, what the device is told.
//!
//! The gateway is a relay (RFC 2131 §4.1, RFC 1542 §4) that knows what comes out: a device gets the one address that the
//! policy has for its link address, or nothing. The answer goes to that station alone, whatever the device asks for: a client
//! that takes only broadcast answers gets none.
//!
//! ```text
//! to the server    xid of ours; options 53, 12, 50, 54, 55 of ours, 61; 82: the segment that is meant (RFC 3527)
//! to the device    its xid; options 53, 54 and 3: the gateway; 1, 51, 58, 59: of the server; 6 and 42: of the server's,
//!                  those that the policy lets the device ask
//! ```
//!
//! # Limits
//! [`OPEN_MAX`] questions are open, [`OPEN_OF_DEVICE_MAX`] of one device, each for [`OPEN_FOR`]. Informs (type 8) are dropped: they ask for no address.
//!
//! # Source
//! RFC 2131 §3, §4.3, §4.4; RFC 2132; RFC 3046 (option 82), RFC 3527 (its sub-option 5).

use super::{Grants, Leasing, Service, Why};
use model::{CaptureTime, Mac};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use wire::proto::dhcp::Message;

/// Questions that are open at a time; further ones are dropped. Our limit: each device of a ward asks once.
const OPEN_MAX: usize = 256;
/// Questions of one device that are open at a time; further ones are dropped. Our limit.
const OPEN_OF_DEVICE_MAX: usize = 8;
/// How long a question is open.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// Longest identifier of a client that is passed on, in bytes. Our limit; a longer one is dropped with its message.
const CLIENT_ID_BYTES_MAX: usize = 64;
/// Shortest lease. Our limit: a shorter one would have the device ask without end.
const LEASE_MIN: u32 = 60;
/// Servers of a kind that a device is told. Our limit.
const SERVERS_MAX: usize = 4;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

/// Message types.
mod kind {
    pub(super) const DISCOVER: u8 = 1;
    pub(super) const OFFER: u8 = 2;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const DECLINE: u8 = 4;
    pub(super) const ACK: u8 = 5;
    pub(super) const NAK: u8 = 6;
    pub(super) const RELEASE: u8 = 7;
}

/// Options.
mod code {
    pub(super) const MASK: u8 = 1;
    pub(super) const ROUTERS: u8 = 3;
    pub(super) const NAME_SERVERS: u8 = 6;
    pub(super) const HOST_NAME: u8 = 12;
    pub(super) const TIME_SERVERS: u8 = 42;
    pub(super) const REQUESTED: u8 = 50;
    pub(super) const LEASE: u8 = 51;
    pub(super) const KIND: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const WISHES: u8 = 55;
    pub(super) const RENEW: u8 = 58;
    pub(super) const REBIND: u8 = 59;
    pub(super) const CLIENT_ID: u8 = 61;
    pub(super) const RELAY: u8 = 82;
    pub(super) const END: u8 = 255;
}

/// A device and the address of the gateway that it knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The device and its address.
    pub of: Leasing,
    /// The gateway's address in the same segment.
    pub near: Ipv4Addr,
}

/// What the device is told, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// From whom and to whom.
    pub lease: Lease,
    /// The datagram.
    pub text: Vec<u8>,
}

/// A question that the server has not answered.
struct Open {
    lease: Lease,
    xid: u32,
    kind: u8,
    client_ip: Ipv4Addr,
    since: CaptureTime,
}

/// Leases that pass through here.
pub struct Leases {
    relay: Ipv4Addr,
    leases: BTreeMap<Mac, Lease>,
    /// By our number.
    open: BTreeMap<u32, Open>,
    /// The name by which the server knows itself, since it last answered.
    server: Option<Ipv4Addr>,
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").field("leases", &self.leases).finish_non_exhaustive()
    }
}

impl Leases {
    /// For these devices; `relay` is the gateway's address on the server's side.
    #[must_use]
    pub fn new(relay: Ipv4Addr, leases: &[Lease]) -> Self {
        let leases = leases.iter().map(|lease| (lease.of.mac, *lease)).collect();
        Self { relay, leases, open: BTreeMap::new(), server: None }
    }

    /// Takes what a device said at `now` and gives what the server is asked. `xid` is the number of ours.
    ///
    /// # Errors
    /// [`Why`] the server does not hear of it.
    pub fn ask(&mut self, datagram: &[u8], xid: u32, now: CaptureTime) -> Result<Vec<u8>, Why> {
        let message = Message::read(datagram)?;
        if message.op != REQUEST || message.hops != 0 || !message.relay.is_unspecified() {
            return Err(Why::Refused("is no client's message"));
        }
        let Some(lease) = self.leases.get(&message.mac).copied() else {
            return Err(Why::Refused("comes from a link address that the policy gives no address"));
        };
        let kind = match message.kind() {
            Some(kind @ (kind::DISCOVER | kind::REQUEST | kind::DECLINE | kind::RELEASE)) => kind,
            _ => return Err(Why::Refused("is of a type that is not passed on")),
        };
        if !message.client_ip.is_unspecified() && message.client_ip != lease.of.ip {
            return Err(Why::Refused("names an address that the policy does not have for the device"));
        }
        let server = match message.address(code::SERVER)? {
            None => None,
            Some(meant) if meant != lease.near => return Err(Why::Refused("is meant for another server")),
            Some(_) if self.server.is_none() => {
                return Err(Why::Refused("answers an offer that is forgotten"));
            }
            Some(_) => self.server,
        };
        let client_id = message.options.get(&code::CLIENT_ID);
        if client_id.is_some_and(|id| !(2..=CLIENT_ID_BYTES_MAX).contains(&id.len())) {
            return Err(Why::Refused("has an identifier that is too short or too long"));
        }
        self.open.retain(|_, open| now.since(open.since) < OPEN_FOR);
        let is_answered = matches!(kind, kind::DISCOVER | kind::REQUEST);
        if is_answered {
            let own = self.open.values().filter(|open| open.lease == lease).count();
            if self.open.len() >= OPEN_MAX || own >= OPEN_OF_DEVICE_MAX || self.open.contains_key(&xid) {
                return Err(Why::Refused("comes while too many questions are open"));
            }
            let client_ip = message.client_ip;
            self.open.insert(xid, Open { lease, xid: message.xid, kind, client_ip, since: now });
        }
        let mut text = head(REQUEST, xid, message.client_ip, Ipv4Addr::UNSPECIFIED, self.relay, message.mac);
        option(&mut text, code::KIND, &[kind]);
        let host = message.options.get(&code::HOST_NAME).filter(|name| is_label(name));
        let requested = message.address(code::REQUESTED)?.map(|ip| ip.octets());
        let server = server.map(|server| server.octets());
        let parts: [(u8, Option<&[u8]>); 4] = [
            (code::HOST_NAME, host.map(Vec::as_slice)),
            (code::REQUESTED, requested.as_ref().map(|ip| &ip[..])),
            (code::SERVER, server.as_ref().map(|ip| &ip[..])),
            (code::CLIENT_ID, client_id.map(Vec::as_slice)),
        ];
        for (code, value) in parts.into_iter().filter_map(|(code, value)| Some((code, value?))) {
            option(&mut text, code, value);
        }
        if is_answered {
            let wishes =
                [code::MASK, code::NAME_SERVERS, code::TIME_SERVERS, code::LEASE, code::RENEW, code::REBIND];
            option(&mut text, code::WISHES, &wishes);
        }
        // Sub-option 5: the segment that the address is for.
        let mut segment = vec![5, 4];
        segment.extend_from_slice(&lease.near.octets());
        option(&mut text, code::RELAY, &segment);
        Ok(ended(text))
    }

    /// Takes what the server said at `now` and gives what the device is told.
    ///
    /// # Errors
    /// [`Why`] the device does not hear of it.
    pub fn answer(&mut self, datagram: &[u8], grants: &Grants, now: CaptureTime) -> Result<Reply, Why> {
        let message = Message::read(datagram)?;
        self.open.retain(|_, open| now.since(open.since) < OPEN_FOR);
        let Some(open) = self.open.get(&message.xid) else {
            return Err(Why::Refused("answers no open question"));
        };
        let Lease { of: Leasing { mac, ip }, near } = open.lease;
        if message.op != REPLY || message.mac != mac || message.relay != self.relay {
            return Err(Why::Refused("answers another question"));
        }
        let kind = match (open.kind, message.kind()) {
            (kind::DISCOVER, Some(kind::OFFER)) => kind::OFFER,
            (kind::REQUEST, Some(kind @ (kind::ACK | kind::NAK))) => kind,
            _ => return Err(Why::Refused("is of a type that does not answer the question")),
        };
        let Some(server) = message.address(code::SERVER)? else {
            return Err(Why::Refused("names no server"));
        };
        let your_ip = if kind == kind::NAK { Ipv4Addr::UNSPECIFIED } else { ip };
        if message.your_ip != your_ip {
            return Err(Why::Refused("gives an address that the policy does not have for the device"));
        }
        let client_ip = if kind == kind::ACK { open.client_ip } else { Ipv4Addr::UNSPECIFIED };
        // No flags: never to all.
        let mut text = head(REPLY, open.xid, client_ip, your_ip, Ipv4Addr::UNSPECIFIED, mac);
        option(&mut text, code::KIND, &[kind]);
        option(&mut text, code::SERVER, &near.octets());
        if kind != kind::NAK {
            terms(&mut text, &message, open.lease, grants)?;
        }
        let reply = Reply { lease: open.lease, text: ended(text) };
        self.server = Some(server);
        self.open.remove(&message.xid);
        Ok(reply)
    }
}

/// What the lease holds for the device.
fn terms(text: &mut Vec<u8>, message: &Message, lease: Lease, grants: &Grants) -> Result<(), Why> {
    let Some(length) = message.seconds(code::LEASE)?.filter(|length| *length >= LEASE_MIN) else {
        return Err(Why::Refused("leases for no time, or for less than a minute"));
    };
    let Some(mask) = message.address(code::MASK)?.filter(|mask| is_mask(*mask)) else {
        return Err(Why::Refused("has no mask of a network"));
    };
    option(text, code::MASK, &mask.octets());
    // No other router lives on the device's side.
    option(text, code::ROUTERS, &lease.near.octets());
    option(text, code::LEASE, &length.to_be_bytes());
    let (renew, rebind) = (message.seconds(code::RENEW)?, message.seconds(code::REBIND)?);
    if let (Some(renew), Some(rebind)) = (renew, rebind)
        && (1..rebind).contains(&renew)
        && rebind < length
    {
        option(text, code::RENEW, &renew.to_be_bytes());
        option(text, code::REBIND, &rebind.to_be_bytes());
    }
    for (code, service) in [(code::NAME_SERVERS, Service::Names), (code::TIME_SERVERS, Service::Time)] {
        let asked = |server: &Ipv4Addr| grants.may_ask_peer(lease.of.ip, *server, service);
        let servers: Vec<Ipv4Addr> =
            message.addresses(code)?.into_iter().filter(asked).take(SERVERS_MAX).collect();
        if !servers.is_empty() {
            option(text, code, &servers.iter().flat_map(Ipv4Addr::octets).collect::<Vec<_>>());
        }
    }
    Ok(())
}

/// Ones in front, and at least one of each.
fn is_mask(mask: Ipv4Addr) -> bool {
    let bits = mask.to_bits();
    bits.leading_ones() + bits.trailing_zeros() == 32 && bits != 0
}

/// A host's own name: letters, digits, hyphens.
fn is_label(name: &[u8]) -> bool {
    (1..=63).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn head(op: u8, xid: u32, client_ip: Ipv4Addr, your_ip: Ipv4Addr, relay: Ipv4Addr, mac: Mac) -> Vec<u8> {
    // Ethernet; a request went through one relay.
    let mut text = vec![op, 1, 6, u8::from(op == REQUEST)];
    text.extend_from_slice(&xid.to_be_bytes());
    text.extend_from_slice(&[0; 4]);
    for ip in [client_ip, your_ip, Ipv4Addr::UNSPECIFIED, relay] {
        text.extend_from_slice(&ip.octets());
    }
    text.extend_from_slice(&mac.0);
    // The rest of the hardware address, and the fields for server and file.
    text.resize(236, 0);
    text.extend_from_slice(&COOKIE);
    text
}

/// `value` has at most 255 bytes.
fn option(text: &mut Vec<u8>, code: u8, value: &[u8]) {
    text.push(code);
    text.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    text.extend_from_slice(value);
}

/// With its end, and as long as RFC 951 wants it.
fn ended(mut text: Vec<u8>) -> Vec<u8> {
    text.push(code::END);
    let bytes = text.len().max(300);
    text.resize(bytes, 0);
    text
}

#[cfg(test)]
mod tests {
    use super::super::grant::tests::grants;
    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 8);
    const NEAR: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 119);
    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 9);
    const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const NOW: CaptureTime = CaptureTime::from_nanos(1_000_000_000);
    const MASK: [u8; 4] = [255, 255, 255, 0];

    fn mac() -> Mac {
        "02:1b:5e:00:10:20".parse().unwrap()
    }

    fn leases() -> Leases {
        Leases::new(RELAY, &[Lease { of: Leasing { mac: mac(), ip: IP }, near: NEAR }])
    }

    fn from_device(kind: u8, more: &[(u8, &[u8])]) -> Vec<u8> {
        let mut text = head(REQUEST, 77, NONE, NONE, NONE, mac());
        text[3] = 0;
        // It asks for broadcast, and does not get it.
        text[10] = 0x80;
        option(&mut text, code::KIND, &[kind]);
        more.iter().for_each(|(code, value)| option(&mut text, *code, value));
        ended(text)
    }

    fn from_server(xid: u32, kind: u8, your_ip: Ipv4Addr, more: &[(u8, &[u8])]) -> Vec<u8> {
        let mut text = head(REPLY, xid, NONE, your_ip, RELAY, mac());
        option(&mut text, code::KIND, &[kind]);
        option(&mut text, code::SERVER, &SERVER.octets());
        more.iter().for_each(|(code, value)| option(&mut text, *code, value));
        ended(text)
    }

    fn usual() -> Vec<(u8, &'static [u8])> {
        let (names, time): (&[u8], &[u8]) = (&[8, 8, 8, 8, 202, 114, 4, 119], &[10, 20, 1, 9]);
        vec![
            (code::LEASE, &[0, 0, 14, 16]),
            (code::MASK, &MASK),
            (code::ROUTERS, &[10, 0, 0, 1]),
            (code::NAME_SERVERS, names),
            (code::TIME_SERVERS, time),
            (67, b"pm/update"),
        ]
    }

    #[test]
    fn a_device_gets_the_address_that_the_policy_has_for_it() {
        let mut leases = leases();
        let discover =
            from_device(kind::DISCOVER, &[(60, b"vendor"), (code::HOST_NAME, b"bed-7"), (55, &[1, 3, 67])]);
        let ours = Message::read(&leases.ask(&discover, 1, NOW).unwrap()).unwrap();
        assert_eq!((ours.xid, ours.hops, ours.flags, ours.relay), (1, 1, 0, RELAY));
        assert_eq!(ours.options.keys().copied().collect::<Vec<_>>(), [12, 53, 55, 82]);
        assert_eq!(ours.options[&82], [5, 4, 202, 114, 4, 119]);
        let reply = leases.answer(&from_server(1, kind::OFFER, IP, &usual()), &grants(), NOW).unwrap();
        let told = Message::read(&reply.text).unwrap();
        assert_eq!((told.op, told.xid, told.flags, told.your_ip, told.relay), (REPLY, 77, 0, IP, NONE));
        assert_eq!(told.address(code::SERVER).unwrap(), Some(NEAR));
        assert_eq!(told.address(code::ROUTERS).unwrap(), Some(NEAR));
        // Of the servers, those that the policy lets it ask; no file to boot from.
        assert_eq!(told.addresses(code::NAME_SERVERS).unwrap(), [NEAR]);
        assert_eq!(told.addresses(code::TIME_SERVERS).unwrap(), [SERVER]);
        assert_eq!(told.options.keys().copied().collect::<Vec<_>>(), [1, 3, 6, 42, 51, 53, 54]);
        // The same a second time was not asked for.
        let again = leases.answer(&from_server(1, kind::OFFER, IP, &usual()), &grants(), NOW);
        assert_eq!(again, Err(Why::Refused("answers no open question")));

        let wants = [(code::SERVER, &NEAR.octets()[..]), (code::REQUESTED, &IP.octets()[..])];
        let ours = Message::read(&leases.ask(&from_device(kind::REQUEST, &wants), 2, NOW).unwrap()).unwrap();
        assert_eq!(ours.address(code::SERVER).unwrap(), Some(SERVER));
        let told = leases.answer(&from_server(2, kind::ACK, IP, &usual()), &grants(), NOW).unwrap();
        assert_eq!(Message::read(&told.text).unwrap().kind(), Some(kind::ACK));
        assert!(leases.ask(&from_device(kind::REQUEST, &wants), 3, NOW).is_ok());
        let told = leases.answer(&from_server(3, kind::NAK, NONE, &[]), &grants(), NOW).unwrap();
        assert_eq!(Message::read(&told.text).unwrap().options.keys().copied().collect::<Vec<_>>(), [53, 54]);
    }

    #[test]
    fn what_the_server_must_not_say_does_not_arrive() {
        let grants = grants();
        let without = |code: u8| usual().into_iter().filter(|(other, _)| *other != code).collect::<Vec<_>>();
        let with = |code: u8, value: &'static [u8]| [without(code), vec![(code, value)]].concat();
        let wrong = [
            ("another number", from_server(9, kind::OFFER, IP, &usual())),
            ("an ack to a discover", from_server(1, kind::ACK, IP, &usual())),
            ("another address", from_server(1, kind::OFFER, NEAR, &usual())),
            ("no lease time", from_server(1, kind::OFFER, IP, &without(code::LEASE))),
            ("a second's lease", from_server(1, kind::OFFER, IP, &with(code::LEASE, &[0, 0, 0, 1]))),
            ("a mask with holes", from_server(1, kind::OFFER, IP, &with(code::MASK, &[255, 0, 255, 0]))),
            ("half an address", from_server(1, kind::OFFER, IP, &with(code::NAME_SERVERS, &[1, 2, 3]))),
            ("options in the file", from_server(1, kind::OFFER, IP, &with(52, &[1]))),
            ("an option twice", from_server(1, kind::OFFER, IP, &[usual(), usual()].concat())),
        ];
        let mut leases = leases();
        leases.ask(&from_device(kind::DISCOVER, &[]), 1, NOW).unwrap();
        for (what, datagram) in wrong {
            assert!(leases.answer(&datagram, &grants, NOW).is_err(), "{what}");
        }
        let mut open = from_server(1, kind::OFFER, IP, &[]);
        open.truncate(241);
        open[240] = code::LEASE;
        open.push(200);
        assert!(matches!(leases.answer(&open, &grants, NOW), Err(Why::Malformed(_))));
        // Still open, and answered by who keeps to it; but not for ever.
        assert!(leases.answer(&from_server(1, kind::OFFER, IP, &usual()), &grants, NOW).is_ok());
        leases.ask(&from_device(kind::DISCOVER, &[]), 2, NOW).unwrap();
        let later = CaptureTime::from_nanos(12_000_000_000);
        assert!(leases.answer(&from_server(2, kind::OFFER, IP, &usual()), &grants, later).is_err());
    }

    #[test]
    fn what_a_device_must_not_ask_does_not_leave() {
        let mut leases = leases();
        let mut stranger = from_device(kind::DISCOVER, &[]);
        stranger[33] = 0x99;
        let mut relayed = from_device(kind::DISCOVER, &[]);
        relayed[24] = 10;
        let mut other = from_device(kind::REQUEST, &[]);
        other[12] = 10;
        let tries = [
            stranger,
            relayed,
            other,
            from_device(8, &[]),
            from_device(kind::OFFER, &[]),
            from_device(kind::REQUEST, &[(code::SERVER, &[10, 0, 0, 66])]),
            from_device(kind::REQUEST, &[(code::SERVER, &NEAR.octets())]),
            from_device(kind::DISCOVER, &[(code::CLIENT_ID, &[7; 200])]),
            from_server(1, kind::OFFER, IP, &usual()),
        ];
        for (number, datagram) in (0..).zip(tries) {
            assert!(leases.ask(&datagram, number, NOW).is_err(), "{number}");
        }
        // A name that is none stays here, the rest goes.
        let ours = leases.ask(&from_device(kind::DISCOVER, &[(code::HOST_NAME, b"a b\0")]), 50, NOW).unwrap();
        assert!(!Message::read(&ours).unwrap().options.contains_key(&code::HOST_NAME));
        let open =
            (100..).map_while(|xid| leases.ask(&from_device(kind::DISCOVER, &[]), xid, NOW).ok()).take(9999);
        assert_eq!(open.count(), OPEN_OF_DEVICE_MAX - 1);
    }
}

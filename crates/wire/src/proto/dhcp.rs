//! Address assignment: who got which address, and what it says of itself while asking.
//!
//! A client names itself in the clear before it has an address: host name, vendor class, and the order of
//! the options it asks for, which is a fingerprint of its IP stack.
//!
//! # Wire format
//! ```text
//! 0     1       2      3      4     8      10      12       16       20       24       28       44
//! | op  | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr | chaddr | …
//! 44        108        236      240
//! | sname   | file     | cookie | options…
//! | 64      | 128      | 63 82 53 63
//! options: | code | length | value… ; 0 pads, 255 ends
//! ```
//! * `op` 1 is sent by clients, 2 by servers. Requests and answers are often different flows (broadcast), so
//!   `op` decides who speaks, never the side.
//! * Option 52 says that `file`, `sname` or both hold further options, read in that order after the options
//!   field (RFC 2131 §4.1).
//! * An option that occurs several times is one value in pieces (RFC 3396).
//! * BOOTP is the same without option 53.
//!
//! Clients without an address all send from 0.0.0.0, so where a flow holds several of them only the first,
//! whose frame opened it, is its client; what the others say identifies nobody.
//!
//! A relay (`giaddr` set) sends a client's request on: its sender is the relay, so such a request
//! identifies nobody.
//!
//! # Limits
//! [`OPTIONS_MAX`] distinct options and [`OPTION_BYTES_MAX`] bytes of each are kept; [`SEEN_MAX`] traits
//! already told, then they may be told again.
//!
//! # Source
//! RFC 951, RFC 2131, RFC 2132, RFC 3396, RFC 4702 (client FQDN); numbers from IANA "BOOTP/DHCP Parameters".

mod whole;

pub use whole::Message;

use crate::{Cursor, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{
    About, Fact, Field, Identifier, Lease, Mac, Malformed, Operation, Reason, Side, Text, Transport, Value,
    stable_hash,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    title: "DHCP",
    source: "RFC 2131, RFC 2132",
    transports: &[Transport::Udp],
    ports: &[67, 68],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| {
        Box::new(Dhcp { shared: start.client.ip.is_unspecified(), first: None, told: BTreeSet::new() })
    },
};

schema! { "dhcp":
    OP = "op" Number Device "1 from a client, 2 from a server.";
    MESSAGE_TYPE = "message_type" Number Device "1 discover, 2 offer, 3 request, 5 ack, 6 nak; not in BOOTP.";
    XID = "xid" Number Device "Number that the client gave the exchange.";
    CLIENT_MAC = "client_mac" Mac Device "Link address the request is about.";
    CLIENT_IP = "client_ip" Ip Device "Address the client already has.";
    YOUR_IP = "your_ip" Ip Device "Address that the server assigns.";
    RELAY = "relay" Ip Device "Relay that passed the message on.";
    BOOT_FILE = "boot_file" Text Device "File that the server tells the client to boot from.";
    HOSTNAME = "hostname" Text Device "Host name (option 12).";
    FQDN = "fqdn" Text Device "Full host name (option 81).";
    VENDOR_CLASS = "vendor_class" Text Device "Vendor class (option 60).";
    CLIENT_ID = "client_id" Bytes Device "Client identifier (option 61).";
    OPTION_ORDER = "option_order" Text Device "Options the client asks for, in its order (option 55).";
    REQUESTED_IP = "requested_ip" Ip Device "Address the client asks for (option 50).";
    SERVER_ID = "server_id" Ip Device "Server that is meant or answers (option 54).";
    LEASE_TIME = "lease_time_s" Number Device "Length of the lease in seconds (option 51).";
    SUBNET_MASK = "subnet_mask" Ip Device "Mask of the subnet (option 1).";
    ROUTER = "router" Ip Device "Router told to the client (option 3); may repeat.";
    NAME_SERVER = "name_server" Ip Device "Name server told to the client (option 6); may repeat.";
    DOMAIN = "domain" Text Device "Domain told to the client (option 15).";
}

/// Most distinct options kept of one message. The code is one byte, so a message has no more.
const OPTIONS_MAX: usize = 254;
/// Most bytes kept of one option, its pieces joined. Our limit; further bytes are dropped.
const OPTION_BYTES_MAX: usize = 1024;
/// Most traits remembered as told in one flow. Our limit; at it all are forgotten and told again.
const SEEN_MAX: usize = 512;
/// Most addresses read of a list option. Our limit; the rest is dropped.
const ADDRESSES_MAX: usize = 16;

const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const COOKIE_AT: usize = 236;
const SNAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;
/// Message types.
const DISCOVER: u8 = 1;
const REQUEST_ADDRESS: u8 = 3;
const ACK: u8 = 5;

/// Option codes, RFC 2132.
mod code {
    pub(super) const PAD: u8 = 0;
    pub(super) const SUBNET_MASK: u8 = 1;
    pub(super) const ROUTERS: u8 = 3;
    pub(super) const NAME_SERVERS: u8 = 6;
    pub(super) const HOST_NAME: u8 = 12;
    pub(super) const DOMAIN: u8 = 15;
    pub(super) const REQUESTED_IP: u8 = 50;
    pub(super) const LEASE_TIME: u8 = 51;
    pub(super) const OVERLOAD: u8 = 52;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER_ID: u8 = 54;
    pub(super) const PARAMETER_LIST: u8 = 55;
    pub(super) const VENDOR_CLASS: u8 = 60;
    pub(super) const CLIENT_ID: u8 = 61;
    pub(super) const BOOT_FILE: u8 = 67;
    pub(super) const FQDN: u8 = 81;
    pub(super) const END: u8 = 255;
}

fn probe(probe: &Probe<'_>) -> Verdict {
    let sane = match probe.input {
        [op, htype, hlen, _, ..] => matches!(*op, REQUEST | REPLY) && *htype != 0xFF && *hlen <= 16,
        _ => false,
    };
    if sane && probe.input.get(COOKIE_AT..COOKIE_AT + 4) == Some(&COOKIE) {
        Verdict::Certain
    } else {
        Verdict::NotForUs
    }
}

/// One option: its value, its pieces joined, and where its first piece stands.
struct Opt {
    code: u8,
    value: Vec<u8>,
    range: Range<usize>,
}

/// The options of one message, in raw order.
#[derive(Default)]
struct Options(Vec<Opt>);

impl Options {
    fn find(&self, code: u8) -> Option<&Opt> {
        self.0.iter().find(|option| option.code == code)
    }

    fn bytes(&self, code: u8) -> Option<&[u8]> {
        self.find(code).map(|option| option.value.as_slice())
    }

    fn number(&self, code: u8) -> Option<u8> {
        self.bytes(code)?.first().copied()
    }

    fn addresses(&self, code: u8) -> Vec<IpAddr> {
        let (whole, _) = self.bytes(code).unwrap_or_default().as_chunks::<4>();
        whole.iter().take(ADDRESSES_MAX).map(|bytes| Ipv4Addr::from(*bytes).into()).collect()
    }

    fn text(&self, code: u8) -> Option<Text> {
        self.bytes(code).map(Text::from_bytes).filter(|text| !text.is_empty())
    }

    /// Reads one area of options: `field` between `range` of the message.
    fn read(&mut self, message: &[u8], range: Range<usize>, field: &'static str) -> Result<(), Malformed> {
        let mut cursor = Cursor::at(message.get(..range.end).unwrap_or(message), range.start);
        while !cursor.is_empty() {
            let start = cursor;
            let code = cursor.u8(field)?;
            if code == code::PAD {
                continue;
            }
            if code == code::END {
                break;
            }
            let bytes = usize::from(cursor.u8(field)?);
            let value = cursor.take(bytes, field).map_err(|fault| {
                // Inside sname and file the datagram goes on: the length is wrong, nothing is cut.
                let reason = if range.end < message.len() { Reason::BadReference } else { Reason::CutShort };
                Malformed { offset: start.offset() + 1, reason, ..fault }
            })?;
            self.add(code, value, start.offset()..cursor.offset());
        }
        Ok(())
    }

    fn add(&mut self, code: u8, value: &[u8], range: Range<usize>) {
        if let Some(known) = self.0.iter_mut().find(|option| option.code == code) {
            let room = OPTION_BYTES_MAX.saturating_sub(known.value.len());
            known.value.extend_from_slice(value.get(..room).unwrap_or(value));
        } else if self.0.len() < OPTIONS_MAX {
            self.0.push(Opt { code, value: value.to_vec(), range });
        }
    }
}

/// The fixed part.
struct Head {
    op: u8,
    xid: u32,
    mac: Option<Mac>,
    client_ip: Ipv4Addr,
    your_ip: Ipv4Addr,
    relay: Ipv4Addr,
}

impl Head {
    fn read(input: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(input);
        let op = cursor.u8("op")?;
        if !matches!(op, REQUEST | REPLY) {
            return Err(Malformed { field: "op", offset: 0, reason: Reason::NotDefined(op.into()) });
        }
        let (htype, hlen) = (cursor.u8("htype")?, cursor.u8("hlen")?);
        if hlen > 16 {
            let reason = Reason::OutsideRange { value: hlen.into(), min: 0, max: 16 };
            return Err(Malformed { field: "hlen", offset: 2, reason });
        }
        cursor.skip(1, "hops")?;
        let xid = cursor.u32_be("xid")?;
        cursor.skip(4, "secs and flags")?;
        let client_ip = cursor.array::<4>("ciaddr")?.into();
        let your_ip = cursor.array::<4>("yiaddr")?.into();
        cursor.skip(4, "siaddr")?;
        let relay = cursor.array::<4>("giaddr")?.into();
        let mac = Mac(cursor.array("chaddr")?);
        // Some radios and virtual cards say another type and still put six octets here.
        let mac = (mac.is_host() && hlen == 6 && matches!(htype, ETHERNET | 6)).then_some(mac);
        if Cursor::at(input, COOKIE_AT).array::<4>("magic cookie")? != COOKIE {
            let reason = Reason::NotDefined(u64::from(Cursor::at(input, COOKIE_AT).u32_be("magic cookie")?));
            return Err(Malformed { field: "magic cookie", offset: COOKIE_AT, reason });
        }
        Ok(Self { op, xid, mac, client_ip, your_ip, relay })
    }
}

struct Dhcp {
    /// The flow comes from 0.0.0.0, so several clients may share it.
    shared: bool,
    /// The client whose request was the first.
    first: Option<Mac>,
    /// Hashes of what was told: all clients of a segment share the flow from 0.0.0.0 to broadcast.
    told: BTreeSet<u64>,
}

impl Parser for Dhcp {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, self.message(input, out))
    }
}

impl Dhcp {
    fn message(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let head = Head::read(input)?;
        let mut options = Options::default();
        let mut read = options.read(input, COOKIE_AT + 4..input.len(), "options");
        let overload = options.number(code::OVERLOAD).unwrap_or(0);
        for (bit, area, field) in [(1, FILE, "file"), (2, SNAME, "sname")] {
            if overload & bit != 0 {
                read = read.and(options.read(input, area, field));
            }
        }
        if out.wants_message(&SCHEMA) {
            let file = if overload & 1 == 0 { input.get(FILE) } else { None };
            out.message(&SCHEMA, &fields(&head, &options, file.unwrap_or_default()), 0..input.len());
        }
        if head.op == REQUEST {
            self.identify(&head, &options, out);
        } else {
            assign(&head, &options, out);
        }
        // Told once per speaker: by the client's link address, or by the server that answers.
        let server = options.bytes(code::SERVER_ID).unwrap_or_default();
        let speaker =
            if head.op == REQUEST { head.mac.unwrap_or_default().0.to_vec() } else { server.to_vec() };
        if self.is_new(&[b"configure", &[head.op], &speaker]) {
            out.fact(Fact::Operated(Operation::Configure), 0..COOKIE_AT + 4);
        }
        // What came before a malformed option stands.
        read
    }

    /// What a client says of itself.
    fn identify(&mut self, head: &Head, options: &Options, out: &mut dyn Sink) {
        let first = *self.first.get_or_insert(head.mac.unwrap_or_default());
        let is_other = self.shared && Some(first) != head.mac;
        if !head.relay.is_unspecified() || is_other {
            return;
        }
        // An inform (8) asks with a list of its own, which is no fingerprint of the stack.
        let wants_address = matches!(options.number(code::MESSAGE_TYPE), Some(DISCOVER | REQUEST_ADDRESS));
        let order = options.bytes(code::PARAMETER_LIST).filter(|list| wants_address && !list.is_empty());
        let name = options.text(code::HOST_NAME);
        let fqdn = options.bytes(code::FQDN).and_then(fqdn);
        let traits = [
            (code::HOST_NAME, name.map(Identifier::HostName)),
            (code::FQDN, fqdn.map(Identifier::HostName)),
            (code::VENDOR_CLASS, options.text(code::VENDOR_CLASS).map(Identifier::VendorClass)),
            (code::PARAMETER_LIST, order.map(|list| Identifier::OptionOrder(self::order(list)))),
        ];
        let mac = head.mac.unwrap_or_default().0;
        for (code, identifier) in traits {
            let (Some(identifier), Some(option)) = (identifier, options.find(code)) else { continue };
            let value = identifier.to_string();
            if self.is_new(&[identifier.kind().as_bytes(), &mac, value.as_bytes()]) {
                out.fact(Fact::Identified(About::Sender, identifier), option.range.clone());
            }
        }
    }

    fn is_new(&mut self, parts: &[&[u8]]) -> bool {
        if self.told.len() >= SEEN_MAX {
            self.told.clear();
        }
        self.told.insert(stable_hash(parts))
    }
}

/// An acknowledged address. BOOTP has no message type: its reply is the assignment.
fn assign(head: &Head, options: &Options, out: &mut dyn Sink) {
    let acknowledged = options.number(code::MESSAGE_TYPE).is_none_or(|kind| kind == ACK);
    let Some(mac) = head.mac.filter(|_| acknowledged && !head.your_ip.is_unspecified()) else { return };
    let mask = options.addresses(code::SUBNET_MASK).first().copied();
    let lease = Lease {
        mac,
        ip: head.your_ip.into(),
        routers: options.addresses(code::ROUTERS),
        name_servers: options.addresses(code::NAME_SERVERS),
        prefix_bits: mask.and_then(prefix_bits),
    };
    out.fact(Fact::Leased(Box::new(lease)), 16..34);
}

/// Bits of a mask whose ones are all in front.
fn prefix_bits(mask: IpAddr) -> Option<u8> {
    let IpAddr::V4(mask) = mask else { return None };
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then(|| u8::try_from(ones).unwrap_or(32))
}

/// `1,3,6,15`.
fn order(list: &[u8]) -> Text {
    let numbers: Vec<String> = list.iter().map(u8::to_string).collect();
    Text::from(numbers.join(",").as_str())
}

/// Name of option 81: flags, two unused bytes, then ASCII (deprecated) or DNS labels (flag E, bit 2),
/// RFC 4702 §2.
fn fqdn(value: &[u8]) -> Option<Text> {
    let (&flags, rest) = value.split_first()?;
    let name = rest.get(2..)?;
    let text = if flags & 0x04 == 0 {
        Text::from_bytes(name)
    } else {
        let mut labels = Vec::new();
        let mut cursor = Cursor::new(name);
        while let Ok(bytes @ 1..=63) = cursor.u8("label") {
            labels.push(cursor.take(bytes.into(), "label").ok()?);
        }
        Text::from_bytes(&labels.join(&b'.'))
    };
    Some(text).filter(|text| !text.is_empty())
}

fn fields(head: &Head, options: &Options, file: &[u8]) -> Vec<(&'static Field, Value)> {
    let mut fields: Vec<(&'static Field, Value)> = vec![(&OP, Value::Number(head.op.into()))];
    if let Some(kind) = options.number(code::MESSAGE_TYPE) {
        fields.push((&MESSAGE_TYPE, Value::Number(kind.into())));
    }
    fields.push((&XID, Value::Number(head.xid.into())));
    fields.extend(head.mac.map(|mac| (&CLIENT_MAC, Value::Mac(mac))));
    for (field, ip) in [(&CLIENT_IP, head.client_ip), (&YOUR_IP, head.your_ip), (&RELAY, head.relay)] {
        if !ip.is_unspecified() {
            fields.push((field, Value::Ip(ip.into())));
        }
    }
    let file = file.split(|byte| *byte == 0).next().unwrap_or_default();
    let file = options.bytes(code::BOOT_FILE).unwrap_or(file);
    let texts = [
        (&BOOT_FILE, Some(Text::from_bytes(file)).filter(|text| !text.is_empty())),
        (&HOSTNAME, options.text(code::HOST_NAME)),
        (&FQDN, options.bytes(code::FQDN).and_then(fqdn)),
        (&VENDOR_CLASS, options.text(code::VENDOR_CLASS)),
        (&OPTION_ORDER, options.bytes(code::PARAMETER_LIST).map(order)),
        (&DOMAIN, options.text(code::DOMAIN)),
    ];
    fields.extend(texts.into_iter().filter_map(|(field, text)| Some((field, Value::Text(text?)))));
    fields.extend(options.bytes(code::CLIENT_ID).map(|id| (&CLIENT_ID, Value::Bytes(id.into()))));
    let lists = [
        (&REQUESTED_IP, code::REQUESTED_IP),
        (&SERVER_ID, code::SERVER_ID),
        (&SUBNET_MASK, code::SUBNET_MASK),
        (&ROUTER, code::ROUTERS),
        (&NAME_SERVER, code::NAME_SERVERS),
    ];
    for (field, code) in lists {
        fields.extend(options.addresses(code).into_iter().map(|ip| (field, Value::Ip(ip))));
    }
    if let Some(bytes) = options.bytes(code::LEASE_TIME).and_then(|value| value.first_chunk()) {
        fields.push((&LEASE_TIME, Value::Number(u32::from_be_bytes(*bytes).into())));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, check, hex, probe as probed, sturdy};
    use model::Endpoint;

    /// A message with these options; `file` goes into the field of that name.
    fn message(op: u8, your_ip: [u8; 4], relay: [u8; 4], file: &[u8], options: &str) -> Vec<u8> {
        let mut bytes = vec![op, 1, 6, 0, 0x39, 0x03, 0xF3, 0x26, 0, 0, 0, 0];
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&your_ip);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&relay);
        bytes.extend_from_slice(&[0x02, 0x1B, 0x5E, 0x00, 0x10, 0x20]);
        bytes.resize(108, 0);
        bytes.extend_from_slice(file);
        bytes.resize(COOKIE_AT, 0);
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(&hex(options));
        bytes
    }

    fn discover(relay: [u8; 4]) -> Vec<u8> {
        let options = "
            35 01 01
            0c 07 6d6f6e69746f72                | monitor
            3c 06 756468637031                  | udhcp1
            37 04 01 03 06 0f
            ff";
        message(REQUEST, [0; 4], relay, b"", options)
    }

    fn ack(your_ip: [u8; 4]) -> Vec<u8> {
        let options = "
            35 01 05  36 04 c0a80a01  33 04 00000e10  01 04 ffffff00
            03 04 c0a80a01  06 08 c0a80a01c0a80a02  ff";
        message(REPLY, your_ip, [0; 4], b"", options)
    }

    #[test]
    fn a_client_names_itself_once() {
        let discover = discover([0; 4]);
        check(
            &PROTOCOL,
            &[(Side::Client, &discover), (Side::Client, &discover)],
            "c 0..267 dhcp.op=1 dhcp.message_type=1 dhcp.xid=956560166 dhcp.client_mac=02:1b:5e:00:10:20 \
               dhcp.hostname=monitor dhcp.vendor_class=udhcp1 dhcp.option_order=1,3,6,15
             c 243..252 Identified(Sender, HostName(\"monitor\"))
             c 252..260 Identified(Sender, VendorClass(\"udhcp1\"))
             c 260..266 Identified(Sender, OptionOrder(\"1,3,6,15\"))
             c 0..240 Operated(Configure)
             c 0..267 dhcp.op=1 dhcp.message_type=1 dhcp.xid=956560166 dhcp.client_mac=02:1b:5e:00:10:20 \
               dhcp.hostname=monitor dhcp.vendor_class=udhcp1 dhcp.option_order=1,3,6,15",
        );
    }

    #[test]
    fn a_relayed_request_identifies_nobody() {
        let transcript = crate::testing::run(&PROTOCOL, &[(Side::Client, &discover([10, 0, 0, 1]))]);
        assert!(transcript.contains("dhcp.relay=10.0.0.1"));
        assert!(!transcript.contains("Identified"));
    }

    #[test]
    fn of_clients_that_share_a_flow_only_the_first_is_identified() {
        let end = |ip: [u8; 4], port| Endpoint { ip: Ipv4Addr::from(ip).into(), port };
        let (client, server) = (end([0; 4], 68), end([255; 4], 67));
        let start = Start { transport: Transport::Udp, client, server, expected: None, midstream: false };
        let mut bench = Bench::started(&PROTOCOL, &start);
        let mut other = discover([0; 4]);
        other[33] = 0x21; // the last octet of its link address
        for request in [discover([0; 4]), other] {
            bench.feed(Side::Client, &request);
        }
        let transcript = bench.finish();
        assert_eq!(transcript.matches("HostName").count(), 1, "{transcript}");
        assert_eq!(transcript.matches("dhcp.hostname").count(), 2, "{transcript}");
    }

    #[test]
    fn an_acknowledgement_leases_and_an_inform_does_not() {
        check(
            &PROTOCOL,
            &[(Side::Server, &ack([192, 168, 10, 20])), (Side::Server, &ack([0; 4]))],
            "s 0..278 dhcp.op=2 dhcp.message_type=5 dhcp.xid=956560166 dhcp.client_mac=02:1b:5e:00:10:20 \
               dhcp.your_ip=192.168.10.20 dhcp.server_id=192.168.10.1 dhcp.subnet_mask=255.255.255.0 \
               dhcp.router=192.168.10.1 dhcp.name_server=192.168.10.1 dhcp.name_server=192.168.10.2 \
               dhcp.lease_time_s=3600
             s 16..34 Leased(Lease { mac: 02:1b:5e:00:10:20, ip: 192.168.10.20, routers: [192.168.10.1], \
               name_servers: [192.168.10.1, 192.168.10.2], prefix_bits: Some(24) })
             s 0..240 Operated(Configure)
             s 0..278 dhcp.op=2 dhcp.message_type=5 dhcp.xid=956560166 dhcp.client_mac=02:1b:5e:00:10:20 \
               dhcp.server_id=192.168.10.1 dhcp.subnet_mask=255.255.255.0 dhcp.router=192.168.10.1 \
               dhcp.name_server=192.168.10.1 dhcp.name_server=192.168.10.2 dhcp.lease_time_s=3600",
        );
    }

    #[test]
    fn options_in_pieces_and_in_the_file_field_are_joined() {
        let file = hex("0c 03 746f72 ff"); // the second piece of the name
        let split = message(REQUEST, [0; 4], [0; 4], &file, "0c 04 6d6f6e69 34 01 01 ff");
        let transcript = crate::testing::run(&PROTOCOL, &[(Side::Client, &split)]);
        assert!(transcript.contains("HostName(\"monitor\")"), "{transcript}");
    }

    #[test]
    fn a_full_name_is_read_in_both_encodings() {
        assert_eq!(fqdn(&hex("00 00 00 6d6f6e2e7761726433")), Some(Text::from("mon.ward3")));
        assert_eq!(fqdn(&hex("05 00 00 03 6d6f6e 05 7761726433 00")), Some(Text::from("mon.ward3")));
        assert_eq!(fqdn(&hex("05 00 00 3f 6d6f6e")), None);
    }

    #[test]
    fn faults_name_their_field() {
        let mut other = discover([0; 4]);
        other[0] = 9;
        check(&PROTOCOL, &[(Side::Client, &other)], "c stop op at byte 0: 9 is not defined");
        let mut long = discover([0; 4]);
        long[2] = 17;
        check(&PROTOCOL, &[(Side::Client, &long)], "c stop hlen at byte 2: 17 is outside 0..=16");
        let mut cookie = discover([0; 4]);
        cookie[COOKIE_AT] = 0;
        check(
            &PROTOCOL,
            &[(Side::Client, &cookie)],
            "c stop magic cookie at byte 236: 8541027 is not defined",
        );
        let overloaded = message(REQUEST, [0; 4], [0; 4], &[12; 128], "34 01 01 ff");
        let transcript = crate::testing::run(&PROTOCOL, &[(Side::Client, &overloaded)]);
        assert!(transcript.ends_with("c stop file at byte 235: points outside the unit or at itself\n"));
    }

    #[test]
    fn masks_with_holes_have_no_prefix() {
        assert_eq!(prefix_bits(IpAddr::V4(Ipv4Addr::new(255, 255, 240, 0))), Some(20));
        assert_eq!(prefix_bits(IpAddr::V4(Ipv4Addr::new(255, 0, 255, 0))), None);
    }

    #[test]
    fn the_probe_wants_the_cookie() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &discover([0; 4])), Verdict::Certain);
        let mut without = discover([0; 4]);
        without[COOKIE_AT] = 0;
        assert_eq!(probed(&PROTOCOL, Side::Client, &without), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &discover([0; 4])), (Side::Server, &ack([192, 168, 10, 20]))]);
    }
}

//! DHCP leases, name lookups and the time of day.
//!
//! # Source
//! RFC 2131, RFC 2132 (DHCP and its options), RFC 1035 (DNS), RFC 5905 (NTP).

use crate::actor::Stage;
use crate::cable::Way;
use crate::packet::{self, Host, Port};
use crate::random::Random;
use model::{CaptureTime, Mac};
use std::net::Ipv4Addr;

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_OFFSET_SECONDS: i64 = 2_208_988_800;
/// Shortest BOOTP message that old relays accept, in bytes.
const BOOTP_BYTES_MIN: usize = 300;
/// A quick answer of a server on the segment.
const ANSWER_NANOS: i64 = 700_000;

/// One DHCP message of the exchange.
fn dhcp(operation: u8, xid: u32, client: Mac, given: Ipv4Addr, options: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut message = vec![operation, 1, 6, 0];
    message.extend_from_slice(&xid.to_be_bytes());
    message.extend_from_slice(&[0, 0, 0, 0]);
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&given.octets());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&client.0);
    message.resize(236, 0);
    message.extend_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    for (code, value) in options {
        message.extend_from_slice(&[*code, value.len() as u8]);
        message.extend_from_slice(value);
    }
    message.push(255);
    if message.len() < BOOTP_BYTES_MIN {
        message.resize(BOOTP_BYTES_MIN, 0);
    }
    message
}

/// DISCOVER, OFFER, REQUEST, ACK: `host` gets its address. Returns when it is over.
pub(crate) fn lease(host: &Host, at: CaptureTime, stage: &mut Stage<'_>, random: &mut Random) -> CaptureTime {
    stage.truth.conversed("dhcp");
    let server = stage.site.dhcp;
    let xid = random.word32();
    let nobody = Host { mac: host.mac, ip: Ipv4Addr::UNSPECIFIED, ttl: 64 };
    let everybody = Host { mac: Mac::BROADCAST, ip: Ipv4Addr::BROADCAST, ttl: 64 };
    let client_id: Vec<u8> = [1].into_iter().chain(host.mac.0).collect();
    let asks = vec![1, 3, 6, 12, 15, 28, 42];
    let mut wishes = vec![(61, client_id), (55, asks), (60, b"udhcp 1.9.1".to_vec())];
    let address = host.ip.octets().to_vec();
    let terms = [
        (54, server.ip.octets().to_vec()),
        (51, 86_400_u32.to_be_bytes().to_vec()),
        (1, vec![255, 255, 240, 0]),
        (3, stage.site.gateway.ip.octets().to_vec()),
        (6, stage.site.dns.ip.octets().to_vec()),
        (42, stage.site.ntp.ip.octets().to_vec()),
    ];
    let mut now = at;
    for (asked, answered) in [(1, 2), (3, 5)] {
        let mut options = vec![(53, vec![asked])];
        options.append(&mut wishes.clone());
        let message = dhcp(1, xid, host.mac, Ipv4Addr::UNSPECIFIED, &options);
        let (client, all) = (Port { host: nobody, port: 68 }, Port { host: everybody, port: 67 });
        stage.cable.put_all(now, packet::udp(client, all, random.word16(), &message));
        let mut options = vec![(53, vec![answered])];
        options.extend_from_slice(&terms);
        let message = dhcp(2, xid, host.mac, host.ip, &options);
        let (client, from) = (Port { host: *host, port: 68 }, Port { host: server, port: 67 });
        let time = now.plus_nanos(2 * ANSWER_NANOS);
        stage.cable.put_all(time, packet::udp(from, client, random.word16(), &message));
        wishes.push((50, address.clone()));
        wishes.push((54, server.ip.octets().to_vec()));
        now = time.plus_nanos(4_000_000);
    }
    now
}

/// `client` asks who owns `owner.ip`, and is told.
pub(crate) fn resolve_link(
    client: &Host,
    owner: &Host,
    at: CaptureTime,
    stage: &mut Stage<'_>,
) -> CaptureTime {
    stage.cable.put(at, Way::Any, packet::arp_request(client, owner.ip));
    stage.cable.put(at.plus_nanos(200_000), Way::Any, packet::arp_reply(owner, client));
    at.plus_nanos(400_000)
}

/// `client` looks up `name` and is told `address`. Returns when the answer is there.
pub(crate) fn name(
    client: &Host,
    (name, address): (&str, Ipv4Addr),
    at: CaptureTime,
    stage: &mut Stage<'_>,
    random: &mut Random,
) -> CaptureTime {
    stage.truth.conversed("dns");
    let mut question = Vec::new();
    for label in name.split('.') {
        question.push(label.len() as u8);
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 1, 0, 1]);
    let id = random.word16().to_be_bytes();
    let mut ask = id.to_vec();
    ask.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    ask.extend_from_slice(&question);
    let mut answer = id.to_vec();
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend_from_slice(&question);
    answer.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0x0E, 0x10, 0, 4]);
    answer.extend_from_slice(&address.octets());
    let server = Port { host: stage.site.dns, port: 53 };
    let client = Port { host: *client, port: 49_152 + random.below(16_000) as u16 };
    stage.cable.put_all(at, packet::udp(client, server, random.word16(), &ask));
    let answered = at.plus_nanos(ANSWER_NANOS + random.below(20_000_000) as i64);
    stage.cable.put_all(answered, packet::udp(server, client, random.word16(), &answer));
    answered.plus_nanos(300_000)
}

fn ntp_time(time: CaptureTime) -> [u8; 8] {
    let nanos = time.nanos();
    let seconds = (nanos.div_euclid(1_000_000_000) + NTP_OFFSET_SECONDS) as u32;
    let fraction = ((nanos.rem_euclid(1_000_000_000) as u64) << 32) / 1_000_000_000;
    ((u64::from(seconds) << 32) | fraction).to_be_bytes()
}

/// `client` asks for the time.
pub(crate) fn time_of_day(client: &Host, at: CaptureTime, stage: &mut Stage<'_>, random: &mut Random) {
    stage.truth.conversed("ntp");
    let sent = ntp_time(at);
    let mut ask = vec![0x23, 0, 6, 0xEC];
    ask.resize(40, 0);
    ask.extend_from_slice(&sent);
    let answered = at.plus_nanos(ANSWER_NANOS);
    let mut answer = vec![0x24, 2, 6, 0xE9, 0, 0, 0x04, 0x10, 0, 0, 0x08, 0x22, 10, 30, 8, 1];
    answer.extend_from_slice(&ntp_time(at.plus_nanos(-400_000_000_000)));
    answer.extend_from_slice(&sent);
    answer.extend_from_slice(&ntp_time(at.plus_nanos(300_000)));
    answer.extend_from_slice(&ntp_time(at.plus_nanos(340_000)));
    let server = Port { host: stage.site.ntp, port: 123 };
    let client = Port { host: *client, port: 123 };
    stage.cable.put_all(at, packet::udp(client, server, random.word16(), &ask));
    stage.cable.put_all(answered, packet::udp(server, client, random.word16(), &answer));
}

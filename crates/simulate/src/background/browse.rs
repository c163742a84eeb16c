//! Workstations: TLS to the outside, plain HTTP to the intranet, the time of day.
//!
//! # Source
//! RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 7301 (ALPN), RFC 6066 (SNI), RFC 9112 (HTTP/1.1).

use crate::actor::{Actor, Stage};
use crate::background::lookup;
use crate::clock;
use crate::packet::{Host, Port};
use crate::random::Random;
use crate::site::Site;
use crate::tcp::{Dialogue, SITE_NANOS, Side, behind};
use model::CaptureTime;
use std::net::Ipv4Addr;

/// Round trip to servers on the internet.
const OFFSITE_NANOS: i64 = 24_000_000;

/// Sites outside, at addresses reserved for documentation (RFC 5737).
const OUTSIDE: [(&str, Ipv4Addr); 5] = [
    ("updates.example.com", Ipv4Addr::new(198, 51, 100, 17)),
    ("mail.example.org", Ipv4Addr::new(198, 51, 100, 40)),
    ("journal.example.net", Ipv4Addr::new(203, 0, 113, 9)),
    ("pharmacy.example.com", Ipv4Addr::new(203, 0, 113, 77)),
    ("maps.example.org", Ipv4Addr::new(192, 0, 2, 130)),
];

/// Which version the server chooses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    /// RFC 5246, a resumed session.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A vector with a 16-bit length in front.
fn long(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

/// A vector with an 8-bit length in front.
fn short(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![bytes.len() as u8];
    out.extend_from_slice(bytes);
    out
}

fn extension(code: u16, body: &[u8]) -> Vec<u8> {
    let mut out = code.to_be_bytes().to_vec();
    out.extend_from_slice(&long(body));
    out
}

/// A record of `kind` (22 handshake, 20 change cipher spec, 23 application).
fn record(kind: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, version];
    out.extend_from_slice(&long(body));
    out
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = (body.len() as u32).to_be_bytes();
    let mut out = vec![kind, high, middle, low];
    out.extend_from_slice(body);
    out
}

fn client_hello(name: &str, session: &[u8], random: &mut Random) -> Vec<u8> {
    const SUITES: &[u8] = &[
        0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x2C, 0xC0, 0x30, 0xCC, 0xA9, 0xCC,
        0xA8,
    ];
    let mut sni = vec![0];
    sni.extend_from_slice(&long(name.as_bytes()));
    let alpn: Vec<u8> = [short(b"h2"), short(b"http/1.1")].concat();
    let mut share = vec![0x00, 0x1D];
    share.extend_from_slice(&long(&random.bytes(32)));
    let extensions = [
        extension(0, &long(&sni)),
        extension(23, &[]),
        extension(10, &long(&[0x00, 0x1D, 0x00, 0x17, 0x00, 0x18])),
        extension(11, &short(&[0])),
        extension(16, &long(&alpn)),
        extension(13, &long(&[0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01])),
        extension(51, &long(&share)),
        extension(45, &short(&[1])),
        extension(43, &short(&[3, 4, 3, 3])),
    ]
    .concat();
    let mut body = vec![3, 3];
    body.extend_from_slice(&random.bytes(32));
    body.extend_from_slice(&short(session));
    body.extend_from_slice(&long(SUITES));
    body.extend_from_slice(&short(&[0]));
    body.extend_from_slice(&long(&extensions));
    record(22, 1, &handshake(1, &body))
}

fn server_hello(version: Version, session: &[u8], random: &mut Random) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(&random.bytes(32));
    body.extend_from_slice(&short(session));
    let extensions = match version {
        Version::Tls13 => {
            body.extend_from_slice(&[0x13, 0x01, 0]);
            let mut share = vec![0x00, 0x1D];
            share.extend_from_slice(&long(&random.bytes(32)));
            [extension(51, &share), extension(43, &[3, 4])].concat()
        }
        Version::Tls12 => {
            body.extend_from_slice(&[0xC0, 0x2F, 0]);
            [extension(23, &[]), extension(16, &long(&short(b"http/1.1")))].concat()
        }
    };
    body.extend_from_slice(&long(&extensions));
    record(22, 3, &handshake(2, &body))
}

/// Application data in records of at most 4 kB.
fn sealed(bytes: usize, random: &mut Random) -> Vec<u8> {
    let content = random.bytes(bytes);
    content.chunks(4096).flat_map(|part| record(23, 3, part)).collect()
}

fn browse_tls(
    ends: (Port, Port),
    name: &str,
    at: CaptureTime,
    stage: &mut Stage<'_>,
    random: &mut Random,
) -> CaptureTime {
    stage.truth.conversed("tls");
    let version = if random.chance(0.7) { Version::Tls13 } else { Version::Tls12 };
    let session = random.bytes(32);
    let hello = client_hello(name, &session, random);
    let change = record(20, 3, &[1]);
    let mut flight = server_hello(version, &session, random);
    flight.extend_from_slice(&change);
    let mut finished = change.clone();
    match version {
        Version::Tls13 => {
            flight.extend(sealed(2600, random));
            finished.extend(sealed(53, random));
        }
        Version::Tls12 => {
            // A resumed session: the server's Finished comes first, sealed, without a certificate.
            flight.extend(record(22, 3, &random.bytes(40)));
            finished.extend(record(22, 3, &random.bytes(40)));
        }
    }
    let requests = 1 + random.below(3);
    let pages: Vec<(Vec<u8>, Vec<u8>)> = (0..requests)
        .map(|_| {
            let (ask, answer) = (200 + random.below(400) as usize, 900 + random.below(9000) as usize);
            (sealed(ask, random), sealed(answer, random))
        })
        .collect();
    let mut dialogue = Dialogue::open(stage.cable, at, ends, OFFSITE_NANOS, random);
    dialogue.say(Side::Client, &hello).say(Side::Server, &flight).say(Side::Client, &finished);
    for (ask, answer) in &pages {
        dialogue
            .say(Side::Client, ask)
            .pause_nanos(9_000_000)
            .say(Side::Server, answer)
            .pause_nanos(80_000_000);
    }
    dialogue.close(Side::Client)
}

fn browse_intranet(
    ends: (Port, Port),
    at: CaptureTime,
    stage: &mut Stage<'_>,
    random: &mut Random,
) -> CaptureTime {
    stage.truth.conversed("http");
    let page = ["/", "/rota/week", "/menu", "/handbook/hygiene"].get(random.below(4) as usize).copied();
    let page = page.unwrap_or("/");
    let ask = format!(
        "GET {page} HTTP/1.1\r\nHost: intranet.hospital.example\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; \
         Win64; x64)\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    );
    let lines = 20 + random.below(120);
    let mut body = format!("<!doctype html><title>Intranet {page}</title><ul>\n");
    for line in 0..lines {
        body.push_str(&format!("<li>Notice {line}: see board {}</li>\n", random.below(900)));
    }
    body.push_str("</ul>\n");
    let date = clock::http_date(at);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut dialogue = Dialogue::open(stage.cable, at, ends, SITE_NANOS, random);
    dialogue.say(Side::Client, ask.as_bytes()).pause_nanos(5_000_000).say(Side::Server, answer.as_bytes());
    dialogue.close(Side::Server)
}

/// A workstation with somebody before it.
pub(crate) struct Workstation {
    host: Host,
    random: Random,
    port: u16,
    turn: u64,
}

impl Workstation {
    /// Workstation number `index`.
    pub(crate) fn new(index: u16, mut random: Random) -> Self {
        let port = 49_200 + random.below(9000) as u16;
        Self { host: Site::workstation(index), random, port, turn: u64::from(index) }
    }
}

impl Actor for Workstation {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        self.turn += 1;
        self.port = if self.port > 65_000 { 49_200 } else { self.port + 1 };
        let client = Port { host: self.host, port: self.port };
        let gateway = stage.site.gateway;
        let random = &mut self.random;
        let mut ready = now;
        let neighbours = [stage.site.dns, gateway, stage.site.ntp];
        if let Some(neighbour) = neighbours.get(self.turn as usize % 8) {
            ready = lookup::resolve_link(&self.host, neighbour, now, stage);
        }
        let end = match self.turn % 5 {
            // Every second machine asks for the time itself; the others get it with their log-on.
            0 if self.host.ip.octets()[3].is_multiple_of(2) => {
                lookup::time_of_day(&self.host, ready, stage, random);
                ready
            }
            0 | 1 => {
                let server = stage.site.intranet;
                let named = ("intranet.hospital.example", server.ip);
                let ready = lookup::name(&self.host, named, ready, stage, random);
                browse_intranet((client, Port { host: server, port: 80 }), ready, stage, random)
            }
            _ => {
                let (name, ip) = OUTSIDE.get(random.below(5) as usize).copied().unwrap_or(OUTSIDE[0]);
                let ready = lookup::name(&self.host, (name, ip), ready, stage, random);
                let server = Port { host: behind(&gateway, ip, 52), port: 443 };
                browse_tls((client, server), name, ready, stage, random)
            }
        };
        Some(end.plus_nanos((random.between(3.0, 12.0) * 1e9) as i64))
    }
}

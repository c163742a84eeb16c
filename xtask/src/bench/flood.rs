//! A capture of many connections that are all open at once: what tables must survive.
//!
//! Each connection is opened, answered, and sends the head of a request; none is closed. The first carry what
//! a leaking monitor sends, so that a finding made before the tables fill can be seen to stand.

use super::pcap::Pcap;
use std::path::Path;

/// Writes `connections` open connections to `file`, round by round: all handshakes first, then all requests.
pub fn write(file: &Path, connections: u32) -> Result<(), String> {
    let make = || -> std::io::Result<()> {
        let mut out = Pcap::create(file, 10_000)?;
        for step in [Step::Ask, Step::Answer, Step::Request] {
            for number in 0..connections {
                out.frame(&segment(number, step))?;
            }
        }
        out.finish()
    };
    make().map_err(|why| format!("cannot write {}: {why}", file.display()))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Step {
    Ask,
    Answer,
    Request,
}

/// An Ethernet frame of connection `number`: 50 connections from each of many clients to one of 250 servers.
fn segment(number: u32, step: Step) -> Vec<u8> {
    let client = (0x0A00_0000 + 0x100 + number / 50).to_be_bytes();
    let server = (0xC0A8_0001 + number % 250).to_be_bytes();
    let (client_port, server_port) = ((20_000 + number % 50 * 7) as u16, 80_u16);
    let payload: &[u8] = if step == Step::Request { b"GET / HTTP/1.1\r\nHost: intranet\r\n" } else { b"" };
    let from_client = step != Step::Answer;
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend(((40 + payload.len()) as u16).to_be_bytes());
    frame.extend([(number >> 8) as u8, number as u8, 0x40, 0, 64, 6, 0, 0]);
    let ends = [(client, client_port), (server, server_port)];
    let [from, to] = if from_client { ends } else { [ends[1], ends[0]] };
    frame.extend(from.0);
    frame.extend(to.0);
    frame.extend(from.1.to_be_bytes());
    frame.extend(to.1.to_be_bytes());
    let (seq, ack, flags) = match step {
        Step::Ask => (1_000_u32, 0_u32, 0x02),
        Step::Answer => (9_000, 1_001, 0x12),
        Step::Request => (1_001, 9_001, 0x18),
    };
    frame.extend(seq.to_be_bytes());
    frame.extend(ack.to_be_bytes());
    frame.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}

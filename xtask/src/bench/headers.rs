//! The loop that every packet tool must at least do: walk the records of a pcap file and the link, network
//! and transport headers; with one hash-map update a packet it is the yardstick of the bench.
//!
//! Reads into a buffer that stays in the cache, which beats mapping the file.

use hashbrown::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::Read;
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;

/// What is done with each packet.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Update {
    /// Nothing: the sums only.
    None,
    /// One update of a flow table.
    FlowTable,
}

#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
struct Flow {
    low: u32,
    high: u32,
    ports: u32,
    protocol: u8,
}

#[derive(Clone, Copy, Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[derive(Clone, Copy, Default)]
struct BuildMultiply;

impl BuildHasher for BuildMultiply {
    type Hasher = Multiply;

    fn build_hasher(&self) -> Multiply {
        Multiply(1)
    }
}

/// Walks `file` and prints the sums, so that nothing can be left out by the optimiser.
pub fn walk(file: &Path, update: Update) -> Result<(), String> {
    let mut input = File::open(file).map_err(|why| format!("cannot open {}: {why}", file.display()))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut held, mut first) = (0, true);
    let (mut packets, mut bytes, mut payload) = (0_u64, 0_u64, 0_u64);
    let mut flows: HashMap<Flow, (u64, u64), BuildMultiply> = HashMap::with_hasher(BuildMultiply);
    loop {
        let read = input.read(&mut buffer[held..]).map_err(|why| why.to_string())?;
        if read == 0 {
            break;
        }
        let end = held + read;
        let mut at = if std::mem::take(&mut first) { 24 } else { 0 };
        while let Some(record) = buffer.get(at..end).and_then(|rest| rest.first_chunk::<16>()) {
            let length = u32::from_le_bytes([record[8], record[9], record[10], record[11]]) as usize;
            let Some(frame) = buffer.get(at + 16..end).and_then(|rest| rest.get(..length)) else { break };
            packets += 1;
            bytes += length as u64;
            if let Some((flow, data)) = headers(frame) {
                payload += data as u64;
                if update == Update::FlowTable {
                    let totals = flows.entry(flow).or_default();
                    totals.0 += 1;
                    totals.1 += data as u64;
                }
            }
            at += 16 + length;
        }
        buffer.copy_within(at..end, 0);
        held = end - at;
    }
    println!("{packets} packets, {bytes} bytes, {payload} of payload, {} flows", flows.len());
    Ok(())
}

fn headers(frame: &[u8]) -> Option<(Flow, usize)> {
    let mut at = 12;
    let mut kind = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    while matches!(kind, 0x8100 | 0x88A8) {
        at += 4;
        kind = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    }
    let packet = frame.get(at + 2..)?;
    if kind != 0x0800 {
        return None;
    }
    let header = packet.first_chunk::<20>()?;
    let header_bytes = usize::from(header[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let source = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    let destination = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
    let segment = packet.get(header_bytes..total.min(packet.len()))?;
    let ports = segment.first_chunk::<4>()?;
    let (source_port, destination_port) =
        (u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]]));
    let transport_bytes = match header[9] {
        6 => usize::from(segment.get(12)? >> 4) * 4,
        17 => 8,
        _ => return None,
    };
    let ((low, low_port), (high, high_port)) = if (source, source_port) <= (destination, destination_port) {
        ((source, source_port), (destination, destination_port))
    } else {
        ((destination, destination_port), (source, source_port))
    };
    let ports = u32::from(low_port) << 16 | u32::from(high_port);
    Some((Flow { low, high, ports, protocol: header[9] }, segment.len().saturating_sub(transport_bytes)))
}

//! A big capture of ordinary traffic: the corpus over and over, each time with other addresses.
//!
//! Only Ethernet captures are taken. Each round shifts the IPv4 addresses and the times, so that flows are new
//! ones; checksums are left alone, as none of the measured tools checks them.

use super::pcap::Pcap;
use std::fs;
use std::path::{Path, PathBuf};

/// Captures of the corpus that make up the mix, by folder.
const FOLDERS: &[&str] = &[
    "dhcp",
    "discovery",
    "dns",
    "http",
    "ics",
    "mixed",
    "mqtt-iot",
    "nfs-rpc",
    "ntp-snmp-syslog",
    "smb",
    "tcp",
    "telnet-ftp-ssh-tftp",
    "tls",
];

/// Writes about `bytes` of mixed traffic to `file`.
pub fn write(corpus: &Path, file: &Path, bytes: u64) -> Result<(), String> {
    let mut frames = Vec::new();
    for folder in FOLDERS {
        let mut paths: Vec<PathBuf> = fs::read_dir(corpus.join("pcap").join(folder))
            .map_err(|why| format!("cannot read the corpus: {why}"))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        paths.sort();
        for path in paths {
            frames.extend(ethernet_frames(&path));
        }
    }
    if frames.is_empty() {
        return Err("no Ethernet capture in the corpus".into());
    }
    let make = || -> std::io::Result<()> {
        let mut out = Pcap::create(file, 20_000)?;
        let mut round = 0;
        while out.written() < bytes {
            for frame in &frames {
                out.frame(&shift(frame, round))?;
            }
            round += 1;
        }
        out.finish()
    };
    make().map_err(|why| format!("cannot write {}: {why}", file.display()))
}

/// The frames of a little-endian classic pcap with Ethernet; none of anything else.
fn ethernet_frames(path: &Path) -> Vec<Vec<u8>> {
    let Ok(bytes) = fs::read(path) else { return Vec::new() };
    let little = bytes.starts_with(&[0xD4, 0xC3, 0xB2, 0xA1]) || bytes.starts_with(&[0x4D, 0x3C, 0xB2, 0xA1]);
    if !little || bytes.get(20..24) != Some(&[1, 0, 0, 0]) {
        return Vec::new();
    }
    let (mut at, mut frames) = (24, Vec::new());
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(frame) = bytes.get(at + 16..).and_then(|rest| rest.get(..length)) else { break };
        frames.push(frame.to_vec());
        at += 16 + length;
    }
    frames
}

/// The frame with its IPv4 addresses moved by `round`, host bits only beyond the first octet.
fn shift(frame: &[u8], round: u32) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&[8, 0]) && frame.len() >= 34 {
        for at in [26, 30] {
            let address = u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
            // Multicast and broadcast stay what they are.
            if address >> 28 != 0xE && address != u32::MAX {
                let moved = address & 0xFF00_0000 | (address.wrapping_add(round << 8) & 0x00FF_FFFF);
                frame[at..at + 4].copy_from_slice(&moved.to_be_bytes());
            }
        }
    }
    frame
}

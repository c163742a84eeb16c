//! The menu update: mounts `/pm` of the hard-coded address and copies programs from it.
//!
//! ```text
//! portmap GETPORT mountd, nfs → MOUNT MNT /pm → NFS GETATTR, READDIR, LOOKUP and READ per file → UMNT
//! ```
//! Over UDP it is NFS version 2 with MOUNT 1 and replies of 8 kB in IP fragments, over TCP version 3 with
//! MOUNT 3. The files are invented: nothing in them runs.
//!
//! # Source
//! RFC 1094 (NFS 2 and MOUNT 1), RFC 1813 (NFS 3 and MOUNT 3), RFC 1833 (portmapper).

use crate::actor::{Actor, Stage};
use crate::background::lookup;
use crate::packet::{Host, Port};
use crate::random::Random;
use crate::rpc::{Caller, Channel, Xdr};
use crate::truth::FileTruth;
use model::CaptureTime;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const PORTMAP: u32 = 100_000;
const NFS: u32 = 100_003;
const MOUNT: u32 = 100_005;
/// Where the portmapper says MOUNT listens.
const MOUNT_PORT: u16 = 32_771;
/// Bytes of one READ over UDP: the default of Linux 2.6 for version 2.
const READ_BYTES: usize = 8192;
/// Bytes of one READ over TCP.
const READ_BYTES_TCP: usize = 32_768;
/// The directory that is mounted.
const EXPORT: &str = "/pm";

/// Which transport the mount uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Over {
    /// NFS 2.
    Udp,
    /// NFS 3.
    Tcp,
}

struct File {
    name: &'static str,
    content: Vec<u8>,
    kind: &'static str,
}

/// A unit's update.
pub(crate) struct Update {
    host: Host,
    server: Host,
    /// Whom to ask for by ARP.
    next_hop: Host,
    round_trip_nanos: i64,
    over: Over,
    random: Random,
}

/// An ELF file for 32-bit ARM that holds nothing but noise and `note`.
fn program(bytes: usize, note: &str, random: &mut Random) -> Vec<u8> {
    let mut elf = vec![0x7F, b'E', b'L', b'F', 1, 1, 1, 0];
    elf.resize(16, 0);
    // e_type EXEC, e_machine ARM (40), e_version, e_entry, e_phoff, e_shoff, e_flags, sizes and counts.
    elf.extend_from_slice(&[2, 0, 40, 0, 1, 0, 0, 0, 0x74, 0x80, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend_from_slice(&[2, 0, 0, 4, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let size = (bytes as u32).to_le_bytes();
    for word in
        [[1, 0, 0, 0], [0; 4], [0, 0x80, 0, 0], [0, 0x80, 0, 0], size, size, [5, 0, 0, 0], [0, 0x80, 0, 0]]
    {
        elf.extend_from_slice(&word);
    }
    elf.extend_from_slice(note.as_bytes());
    elf.push(0);
    let rest = bytes.saturating_sub(elf.len());
    elf.extend_from_slice(&random.bytes(rest));
    elf
}

fn files(random: &mut Random) -> Vec<File> {
    let note = "mount -o nolock -t nfs 202.114.4.119:/pm /mnt";
    let odd = random.below(4000) as usize;
    vec![
        File { name: "monitor", content: program(96_001 + odd, note, random), kind: "elf" },
        File { name: "update", content: program(21_430 + odd, "simulated", random), kind: "elf" },
        File {
            name: "start.sh",
            content: b"#!/bin/sh\n# simulated\ncp -rf /mnt/monitor /opt/bin/monitor\nsync\n".to_vec(),
            kind: "script",
        },
        File { name: "version.txt", content: b"simulated 1.0\n".to_vec(), kind: "text" },
    ]
}

impl Update {
    /// `host` updates from `server`, which it reaches through `next_hop`.
    pub(crate) const fn new(
        host: Host,
        (server, next_hop): (Host, Host),
        round_trip_nanos: i64,
        over: Over,
        random: Random,
    ) -> Self {
        Self { host, server, next_hop, round_trip_nanos, over, random }
    }

    fn channel(&self, caller: &mut Caller<'_>, port: u16, source: u16) -> Channel {
        let client = Port { host: self.host, port: source };
        let server = Port { host: self.server, port };
        match self.over {
            Over::Udp => Channel::Udp(client, server),
            Over::Tcp => caller.connect(client, server),
        }
    }

    fn port_of(&self, caller: &mut Caller<'_>, program: u32, version: u32, (port, source): (u16, u16)) {
        let protocol = if self.over == Over::Udp { 17 } else { 6 };
        let mut channel = self.channel(caller, 111, source);
        let asked = Xdr::default().words(&[program, version, protocol, 0]);
        caller.call(&mut channel, (PORTMAP, 2, 3), &asked, &Xdr::default().words(&[u32::from(port)]));
        caller.hang_up(channel);
    }

    /// Handle of file number `id`; 0 is the directory.
    fn handle(&self, id: u32) -> Xdr {
        let mut bytes = vec![1, 0, 0, 2, 0, 8, 0, 1];
        bytes.extend_from_slice(&(0x0004_2000 + id).to_be_bytes());
        match self.over {
            Over::Udp => {
                bytes.resize(32, 0);
                Xdr::default().fixed(&bytes)
            }
            Over::Tcp => {
                bytes.resize(20, 0);
                Xdr::default().opaque(&bytes)
            }
        }
    }

    fn attributes(&self, id: u32, bytes: u32) -> Xdr {
        let (kind, mode, links) = if id == 0 { (2, 0o755, 2) } else { (1, 0o755, 1) };
        let times = [1_420_070_400, 0, 1_420_070_400, 0, 1_420_070_400, 0];
        let blocks = bytes.div_ceil(512);
        match self.over {
            Over::Udp => {
                let mode = mode | if id == 0 { 0o040_000 } else { 0o100_000 };
                let head = [kind, mode, links, 0, 0, bytes, 4096, 0, blocks, 0x801, 0x42_000 + id];
                Xdr::default().words(&head).words(&times)
            }
            Over::Tcp => {
                let head = Xdr::default().words(&[kind, mode, links, 0, 0]).hyper(u64::from(bytes));
                let head = head.hyper(u64::from(blocks) * 512).words(&[0, 0]).hyper(0x801);
                head.hyper(0x42_000 + u64::from(id)).words(&times)
            }
        }
    }

    fn optional(&self, id: u32, bytes: u32) -> Xdr {
        Xdr::default().words(&[1]).then(&self.attributes(id, bytes))
    }

    fn mount(&self, caller: &mut Caller<'_>, procedure: u32) {
        let version = if self.over == Over::Udp { 1 } else { 3 };
        let mut channel = self.channel(caller, MOUNT_PORT, 700 + procedure as u16);
        let path = Xdr::default().opaque(EXPORT.as_bytes());
        let results = match (procedure, self.over) {
            (1, Over::Udp) => Xdr::default().words(&[0]).then(&self.handle(0)),
            (1, Over::Tcp) => Xdr::default().words(&[0]).then(&self.handle(0)).words(&[1, 1]),
            _ => Xdr::default(),
        };
        caller.call(&mut channel, (MOUNT, version, procedure), &path, &results);
        caller.hang_up(channel);
    }

    fn look_around(&self, caller: &mut Caller<'_>, channel: &mut Channel, files: &[File]) {
        let root = self.handle(0);
        let ok = Xdr::default().words(&[0]);
        let mut list = Xdr::default();
        for (index, file) in files.iter().enumerate() {
            let id = index as u32 + 1;
            list = match self.over {
                Over::Udp => list.words(&[1, 0x42_000 + id]).opaque(file.name.as_bytes()).words(&[id]),
                Over::Tcp => {
                    let entry = list.words(&[1]).hyper(0x42_000 + u64::from(id)).opaque(file.name.as_bytes());
                    entry.hyper(u64::from(id))
                }
            };
        }
        let list = list.words(&[0, 1]);
        match self.over {
            Over::Udp => {
                caller.call(channel, (NFS, 2, 1), &root, &ok.clone().then(&self.attributes(0, 4096)));
                let room = ok.clone().words(&[8192, 4096, 240_000, 90_000, 90_000]);
                caller.call(channel, (NFS, 2, 17), &root, &room);
                caller.call(channel, (NFS, 2, 16), &root.clone().words(&[0, 4096]), &ok.then(&list));
            }
            Over::Tcp => {
                let limits = ok.clone().then(&self.optional(0, 4096));
                let limits = limits.words(&[65_536, 65_536, 512, 65_536, 65_536, 512, 4096]);
                let limits = limits.hyper(0x7FFF_FFFF_FFFF).words(&[0, 1_000_000, 0x1B]);
                caller.call(channel, (NFS, 3, 19), &root, &limits);
                caller.call(channel, (NFS, 3, 1), &root, &ok.clone().then(&self.attributes(0, 4096)));
                let asked = root.clone().words(&[0x1F]);
                let granted = ok.clone().then(&self.optional(0, 4096)).words(&[0x03]);
                caller.call(channel, (NFS, 3, 4), &asked, &granted);
                let asked = root.clone().hyper(0).hyper(0).words(&[4096]);
                let listed = ok.then(&self.optional(0, 4096)).hyper(0).then(&list);
                caller.call(channel, (NFS, 3, 16), &asked, &listed);
            }
        }
    }

    fn fetch(&self, caller: &mut Caller<'_>, channel: &mut Channel, id: u32, file: &File) {
        let bytes = file.content.len() as u32;
        let handle = self.handle(id);
        let name = self.handle(0).opaque(file.name.as_bytes());
        let ok = Xdr::default().words(&[0]);
        match self.over {
            Over::Udp => {
                let found = ok.clone().then(&handle).then(&self.attributes(id, bytes));
                caller.call(channel, (NFS, 2, 4), &name, &found);
                for (index, part) in file.content.chunks(READ_BYTES).enumerate() {
                    let offset = (index * READ_BYTES) as u32;
                    let asked = handle.clone().words(&[offset, READ_BYTES as u32, READ_BYTES as u32]);
                    let read = ok.clone().then(&self.attributes(id, bytes)).opaque(part);
                    caller.call(channel, (NFS, 2, 6), &asked, &read);
                }
            }
            Over::Tcp => {
                let found = ok.clone().then(&handle).then(&self.optional(id, bytes));
                caller.call(channel, (NFS, 3, 3), &name, &found.then(&self.optional(0, 4096)));
                let parts = file.content.len().div_ceil(READ_BYTES_TCP);
                for (index, part) in file.content.chunks(READ_BYTES_TCP).enumerate() {
                    let offset = (index * READ_BYTES_TCP) as u64;
                    let asked = handle.clone().hyper(offset).words(&[READ_BYTES_TCP as u32]);
                    let read = ok.clone().then(&self.optional(id, bytes)).words(&[part.len() as u32]);
                    let read = read.words(&[u32::from(index + 1 == parts)]).opaque(part);
                    caller.call(channel, (NFS, 3, 6), &asked, &read);
                }
            }
        }
    }

    fn note(&self, file: &File) -> FileTruth {
        let mut sha256 = String::new();
        for byte in Sha256::digest(&file.content) {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        FileTruth {
            asset: self.host.mac.to_string(),
            path: format!("{EXPORT}/{}", file.name),
            sha256,
            bytes: file.content.len() as u64,
            kind: file.kind,
            executable: file.kind != "text",
        }
    }
}

impl Actor for Update {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let mut random = self.random.clone();
        let files = files(&mut random);
        stage.truth.happened(now, self.host.mac, "update starts");
        let ready = lookup::resolve_link(&self.host, &self.next_hop, now, stage);
        let (version, mount_version) = if self.over == Over::Udp { (2, 1) } else { (3, 3) };
        let trip = self.round_trip_nanos;
        let mut caller =
            Caller { cable: stage.cable, now: ready, round_trip_nanos: trip, random: &mut random };
        self.port_of(&mut caller, MOUNT, mount_version, (MOUNT_PORT, 710));
        self.mount(&mut caller, 1);
        self.port_of(&mut caller, NFS, version, (2049, 711));
        let mut channel = self.channel(&mut caller, 2049, 800);
        self.look_around(&mut caller, &mut channel, &files);
        for (index, file) in files.iter().enumerate() {
            self.fetch(&mut caller, &mut channel, index as u32 + 1, file);
        }
        caller.hang_up(channel);
        self.mount(&mut caller, 3);
        let end = caller.now;
        stage.truth.happened(end, self.host.mac, "update ends");
        for protocol in ["portmap", "mount", "nfs"] {
            stage.truth.conversed(protocol);
        }
        let fetched: Vec<FileTruth> = files.iter().map(|file| self.note(file)).collect();
        stage.truth.files.extend(fetched);
        None
    }
}

//! An excerpt: the frames that show a matter, with everything in them overwritten that may be a patient's or secret.
//!
//! ```text
//! first reading     look()    which hosts and connections the wanted frames belong to
//! second reading    offer()   frames of those are kept, and read by shards with a witness
//! then              finish()  bytes that no parser read and left to be seen are overwritten in place
//! ```
//! Lengths stay, so do headers, and checksums are corrected by what changed, so one that was right is right and one
//! that was wrong is as wrong as it was (RFC 1624).
//!
//! # Which frames
//! The wanted ones; of their connections what came before, up to [`FRAMES_MAX`] and [`BYTES_MAX`], then the last
//! [`RECENT_FRAMES_MAX`] before each wanted one, and [`TAIL_FRAMES_MAX`] after the last, in which a unit that it begins
//! may end; of other connections of the same two hosts and of who owns their addresses (ARP) up to
//! [`COMPANIONS_MAX`]. What is left out is counted. Copies that a mirror port made are left out too.
//!
//! # What is overwritten
//! Everything after the transport header that no parser read, everything that one concealed, everything that a file
//! consists of which is no program, everything behind the end of a packet. Bytes that contradict the ones that arrived
//! first at their place in a stream are overwritten, because no parser saw them.

mod checksum;
mod ledger;
mod redact;
mod spans;

use crate::decode::{Decoded, IpPacket, Payload};
use crate::options::Keeper;
use crate::transport::{tcp, udp};
use crate::witness::{Unit, Witness};
use ledger::Ledger;
use model::{CaptureTime, Evidence, Frame, LinkType};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Wanted frames of one excerpt. Our limit; further ones are left out and counted.
pub const WANTED_MAX: usize = 1_024;
/// Frames kept of the connections of wanted frames from their start. Our limit; see [`RECENT_FRAMES_MAX`].
pub const FRAMES_MAX: usize = 20_000;
/// Bytes kept in the same way. Our limit.
pub const BYTES_MAX: usize = 32 << 20;
/// Frames of a connection kept before a wanted one when it is longer than [`FRAMES_MAX`]. Our limit.
pub const RECENT_FRAMES_MAX: usize = 256;
/// Frames of their connections kept after the last wanted one. Our limit.
pub const TAIL_FRAMES_MAX: usize = 64;
/// Frames of the same hosts that belong to none of their connections. Our limit.
pub const COMPANIONS_MAX: usize = 2_000;

/// Units of protocols remembered with their places. Our limit; the oldest are forgotten, the frames stay.
pub const UNITS_MAX: usize = 20_000;

/// Frames dropped from memory between two times that what is known of them is, too.
const PRUNE_EVERY_FRAMES: usize = 4_096;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Where addresses stand in an ARP packet of Ethernet and IPv4 (RFC 826).
const ARP_ADDRESSES_AT: [usize; 2] = [14, 24];

/// One frame of an excerpt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CutFrame {
    /// Which frame of which capture it was.
    pub evidence: Evidence,
    /// When it was captured.
    pub time: CaptureTime,
    /// What its first byte is.
    pub link: LinkType,
    /// Length on the wire, in bytes.
    pub original_bytes: u32,
    /// What was captured of it, redacted.
    pub bytes: Vec<u8>,
    /// It is one of those wanted.
    pub wanted: bool,
    /// Bytes overwritten.
    pub concealed_bytes: u32,
    /// Where, in ascending order.
    pub concealed: Vec<Range<usize>>,
}

impl CutFrame {
    /// As a frame, to be written.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        let Evidence { capture, frame } = self.evidence;
        let Self { time, link, original_bytes, ref bytes, .. } = *self;
        Frame { capture, number: frame, time, link, original_bytes, bytes }
    }
}

/// A unit of a protocol, or a part of it, in a frame.
#[derive(Clone, Debug)]
pub struct UnitSeen {
    /// Where it begins in the frame.
    pub offset: usize,
    /// How many bytes of it are there.
    pub bytes: usize,
    /// Whether its first byte is among them.
    pub begins: bool,
    /// What was read of it.
    pub unit: Arc<Unit>,
}

/// What was cut out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cutting {
    /// The frames, in merged order.
    pub frames: Vec<CutFrame>,
    /// Frames of the same connections and hosts that were left out, because a limit was reached.
    pub left_out: u64,
    /// Copies of a mirror port that were left out.
    pub copies: u64,
}

/// The two ends of a connection, the lesser first, and what carries it.
type Ends = ((IpAddr, u16), (IpAddr, u16), u8);

/// How a frame belongs to the wanted ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Relation {
    /// It is one.
    Wanted,
    /// Of the same connection.
    Connection,
    /// Of the same hosts.
    Hosts,
    /// Not at all.
    None,
}

/// Cuts frames out of captures, in two readings.
pub struct Excerpt {
    wanted: BTreeSet<Evidence>,
    looked: BTreeSet<Evidence>,
    unwanted: u64,
    pairs: BTreeSet<u64>,
    hosts: BTreeSet<IpAddr>,
    connections: BTreeSet<Ends>,
    ledger: Arc<Ledger>,
    met: usize,
    kept: usize,
    kept_bytes: usize,
    companions: usize,
    recent: VecDeque<u64>,
    dropped: usize,
    left_out: u64,
    tail: usize,
}

impl Excerpt {
    /// Around these frames, of which the first [`WANTED_MAX`] count.
    pub fn new(wanted: impl IntoIterator<Item = Evidence>) -> Self {
        let mut wanted: BTreeSet<Evidence> = wanted.into_iter().collect();
        let all = wanted.len();
        while wanted.len() > WANTED_MAX {
            wanted.pop_last();
        }
        Self {
            unwanted: (all - wanted.len()) as u64,
            wanted,
            looked: BTreeSet::new(),
            pairs: BTreeSet::new(),
            hosts: BTreeSet::new(),
            connections: BTreeSet::new(),
            ledger: Arc::new(Ledger::default()),
            met: 0,
            kept: 0,
            kept_bytes: 0,
            companions: 0,
            recent: VecDeque::new(),
            dropped: 0,
            left_out: 0,
            tail: 0,
        }
    }

    /// First reading: learns what the wanted frames belong to.
    pub fn look(&mut self, frame: &Frame<'_>, decoded: &Decoded<'_>) {
        let evidence = Evidence { capture: frame.capture, frame: frame.number };
        if !self.wanted.contains(&evidence) {
            return;
        }
        self.looked.insert(evidence);
        match &decoded.payload {
            Payload::Ip(packet) => {
                self.pairs.insert(packet.pair);
                self.hosts.extend([packet.source, packet.destination]);
                self.connections.insert(ends(packet));
            }
            Payload::Arp(bytes) => self.hosts.extend(arp_hosts(bytes)),
            _ => {}
        }
    }

    /// Wanted frames that the first reading did not meet.
    pub fn missing(&self) -> impl Iterator<Item = Evidence> {
        self.wanted.difference(&self.looked).copied()
    }

    /// Who must be told what the shards of the second reading see.
    #[must_use]
    pub fn witness(&self) -> Arc<dyn Witness> {
        Arc::<Ledger>::clone(&self.ledger)
    }

    /// The same, of the files that they see.
    #[must_use]
    pub fn keeper(&self) -> Arc<dyn Keeper> {
        Arc::<Ledger>::clone(&self.ledger)
    }

    /// Second reading: keeps the frame where it belongs to the excerpt, and says whether its shard must see it.
    pub fn offer(&mut self, frame: &Frame<'_>, decoded: &Decoded<'_>) -> bool {
        let relation = self.relation(frame, decoded);
        match relation {
            Relation::None => return false,
            Relation::Wanted => {
                // What came just before stays.
                self.recent.clear();
                self.met += 1;
                self.tail = TAIL_FRAMES_MAX;
                self.ledger.keep(frame, decoded, true);
            }
            Relation::Connection if self.met == self.looked.len() => {
                if self.tail == 0 {
                    return false;
                }
                self.tail -= 1;
                self.ledger.keep(frame, decoded, false);
            }
            Relation::Connection if self.kept < FRAMES_MAX && self.kept_bytes < BYTES_MAX => {
                self.kept += 1;
                self.kept_bytes += frame.bytes.len();
                self.ledger.keep(frame, decoded, false);
            }
            Relation::Connection => self.keep_for_now(frame, decoded),
            Relation::Hosts if self.met == self.looked.len() => return false,
            Relation::Hosts if self.companions < COMPANIONS_MAX => {
                self.companions += 1;
                self.ledger.keep(frame, decoded, false);
            }
            Relation::Hosts => self.left_out += 1,
        }
        matches!(&decoded.payload, Payload::Ip(packet) if self.pairs.contains(&packet.pair))
    }

    /// Keeps a frame until it is clear that no wanted one comes soon after it.
    fn keep_for_now(&mut self, frame: &Frame<'_>, decoded: &Decoded<'_>) {
        self.recent.push_back(self.ledger.keep(frame, decoded, false));
        if self.recent.len() <= RECENT_FRAMES_MAX {
            return;
        }
        if let Some(oldest) = self.recent.pop_front() {
            self.ledger.forget(oldest);
            self.left_out += 1;
            self.dropped += 1;
        }
        if self.dropped >= PRUNE_EVERY_FRAMES {
            self.dropped = 0;
            self.ledger.prune();
        }
    }

    fn relation(&self, frame: &Frame<'_>, decoded: &Decoded<'_>) -> Relation {
        if self.wanted.contains(&Evidence { capture: frame.capture, frame: frame.number }) {
            return Relation::Wanted;
        }
        match &decoded.payload {
            Payload::Ip(packet) if !self.pairs.contains(&packet.pair) => Relation::None,
            Payload::Ip(packet) if self.connections.contains(&ends(packet)) => Relation::Connection,
            Payload::Ip(packet) if packet.fragment.is_some_and(|fragment| fragment.offset_bytes > 0) => {
                // Which connection it is of cannot be told; that of the datagram's first part, most likely.
                Relation::Connection
            }
            Payload::Ip(_) => Relation::Hosts,
            Payload::Arp(bytes) if arp_hosts(bytes).any(|host| self.hosts.contains(&host)) => Relation::Hosts,
            _ => Relation::None,
        }
    }

    /// Which units of protocols lie where in these frames. Only where the shards of the second reading were asked for
    /// messages ([`crate::Options::wants_message`]), and were finished.
    #[must_use]
    pub fn units(&self, of: &BTreeSet<Evidence>) -> BTreeMap<Evidence, Vec<UnitSeen>> {
        self.ledger.units(of)
    }

    /// The frames, redacted. The shards of the second reading must have been finished before.
    #[must_use]
    pub fn finish(self) -> Cutting {
        let (frames, copies) = self.ledger.redacted();
        Cutting { frames, copies, left_out: self.left_out + self.unwanted }
    }
}

impl std::fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Excerpt").field("wanted", &self.wanted.len()).field("kept", &self.kept).finish()
    }
}

fn ends(packet: &IpPacket<'_>) -> Ends {
    let first = packet.fragment.is_none_or(|fragment| fragment.offset_bytes == 0);
    let ports = match packet.protocol {
        TCP if first => tcp(packet.payload).ok().map(|(tcp, _)| (tcp.source_port, tcp.destination_port)),
        UDP if first => udp(packet.payload).ok().map(|(ports, _)| ports),
        _ => None,
    };
    let (source, destination) = ports.unwrap_or_default();
    let (a, b) = ((packet.source, source), (packet.destination, destination));
    (a.min(b), a.max(b), packet.protocol)
}

fn arp_hosts(packet: &[u8]) -> impl Iterator<Item = IpAddr> {
    ARP_ADDRESSES_AT.into_iter().filter_map(|at| {
        let address: [u8; 4] = *packet.get(at..)?.first_chunk()?;
        Some(IpAddr::from(address))
    })
}

//! Frames that a mirror port delivers twice.
//!
//! A mirror of both directions of a switch port, or of two ports on one path, copies a frame twice within
//! microseconds; a routed copy differs in link addresses and hop count. The same datagram (addresses,
//! identification, length, and the transport header with its checksum over the payload) within
//! [`WINDOW_NS`] is such a copy. A retransmission comes later, or has another identification.

use crate::decode::IpPacket;
use model::{CaptureTime, FastState};
use std::hash::{BuildHasher, Hasher};

/// Copies come within this time. Switches deliver them within microseconds, busy capture hosts within a
/// millisecond; the shortest retransmission timer in use (Linux) is 200 ms, fast retransmission takes a round
/// trip with a new identification.
pub const WINDOW_NS: i64 = 2_000_000;
/// Recent frames remembered per shard. Our limit; what is pushed out earlier counts as no copy.
pub const REMEMBERED_MAX: usize = 512;

/// Eight bytes, so that what every frame looks at stays in the cache.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    /// The half of the hash that its place does not tell.
    fingerprint: u32,
    /// In [`TICK_NS`], without what is beyond 32 bits (73 minutes): who has the same hash then is taken for a copy.
    tick: u32,
}

const TICK_NS: i64 = 1 << 10;

/// Recognises copies in one shard.
#[derive(Debug)]
pub(crate) struct Copies(Box<[Recent; REMEMBERED_MAX]>);

impl Copies {
    pub(crate) fn new() -> Self {
        Self(Box::new([Recent::default(); REMEMBERED_MAX]))
    }

    /// Whether this packet was seen just now.
    #[inline]
    pub(crate) fn seen(&mut self, packet: &IpPacket<'_>, time: CaptureTime) -> bool {
        let hash = fingerprint(packet);
        let place = usize::try_from(hash >> 32).unwrap_or(0) % REMEMBERED_MAX;
        let Some(recent) = self.0.get_mut(place) else { return false };
        let now = Recent { fingerprint: hash as u32, tick: (time.nanos() / TICK_NS) as u32 };
        let apart = now.tick.wrapping_sub(recent.tick).cast_signed().unsigned_abs();
        let copy = recent.fingerprint == now.fingerprint && i64::from(apart) <= WINDOW_NS / TICK_NS;
        *recent = now;
        copy
    }
}

fn fingerprint(packet: &IpPacket<'_>) -> u64 {
    let mut hasher = FastState.build_hasher();
    // Ports and sequence numbers tell the directions of a pair apart.
    hasher.write_u64(packet.pair);
    let offset = packet.fragment.map_or(0, |fragment| fragment.offset_bytes);
    hasher.write_u64(u64::from(packet.id) << 32 | u64::from(offset));
    hasher.write_u64((packet.payload.len() as u64) << 8 | u64::from(packet.protocol));
    // Ports, sequence and acknowledgement numbers, flags, window and checksum: 20 bytes of TCP, 8 of UDP.
    // Without identification (IPv6, or 0) more of the payload tells datagrams apart.
    let bytes = if packet.id == 0 { 64 } else { 20 };
    hasher.write(packet.payload.get(..bytes).unwrap_or(packet.payload));
    hasher.finish()
}

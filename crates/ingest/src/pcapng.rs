//! The pcapng format.
//!
//! # Wire format
//! ```text
//! block
//! 0        4              8                 total-4      total
//! | type 4 | total 4      | body, padded    | total 4    |
//! section header  | byte-order magic 4 | major 2 | minor 2 | section length 8 | options…
//! interface       | link 2 | reserved 2 | snap 4 | options…
//! enhanced packet | interface 4 | time high 4 | time low 4 | captured 4 | on wire 4 | frame | options…
//! packet (old)    | interface 2 | drops 2 | time high 4 | time low 4 | captured 4 | on wire 4 | frame…
//! simple packet   | on wire 4 | frame, padded
//! statistics      | interface 4 | time 8 | options…
//! ```
//! A section header starts a new section: its own byte order, its own interfaces from 0. Other blocks (name
//! resolution, decryption secrets, custom, unknown) are stepped over without being buffered, however long.
//! Secrets are never kept.
//!
//! # Choices
//! - A simple packet has no time: it gets that of the frame before it in its section; before the first frame,
//!   the time of the section's first interface offset, else zero.
//! - A packet of an interface that its section does not describe has no known link type or clock: it is left
//!   out with a fault, and reading goes on.
//! - `if_fcslen` is in bits by the draft and in bytes by common writers: 8 or more is read as bits. The
//!   per-packet options (`epb_flags`, comments) are not read.
//! - Interface statistics count from the start of the capture: the last block of each interface counts.
//!
//! # Limits
//! [`BLOCK_BYTES_MAX`] for blocks that are read, [`INTERFACES_MAX`] per section, [`FRAME_BYTES_MAX`].
//!
//! # Source
//! draft-ietf-opsawg-pcapng §3, §4.

use crate::format::{Described, FRAME_BYTES_MAX, Found, Stop};
use model::LinkType;

/// Longest block that is buffered, in bytes: a frame of [`FRAME_BYTES_MAX`] and as much of options. Our
/// limit. A packet, interface, section or statistics block that claims more is damage.
pub const BLOCK_BYTES_MAX: usize = 2 << 20;
/// Interfaces remembered per section. Our limit; packets of those after it are left out with a fault.
pub const INTERFACES_MAX: usize = 4096;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;

/// Type, length, and length again.
const BLOCK_BYTES_MIN: usize = 12;
/// The fixed part of an enhanced or old packet block, with type and length, without the last length.
const PACKET_HEAD_BYTES: usize = 28;

const _: () = assert!(FRAME_BYTES_MAX + PACKET_HEAD_BYTES + 4 < BLOCK_BYTES_MAX);

/// One interface of a section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap: u32,
    clock: Clock,
    fcs: u32,
    dropped: u64,
}

/// How an interface counts time.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Nanoseconds per unit where that is whole.
    unit: Unit,
    /// Added, in nanoseconds.
    offset_nanos: i64,
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    /// So many nanoseconds each.
    Times(u64),
    /// So many to a nanosecond.
    Over(u128),
    /// 2 to the power of minus so many seconds.
    Binary(u32),
}

impl Clock {
    /// By the options `if_tsresol` and `if_tsoffset`.
    fn new(resolution: u8, offset_seconds: i64) -> Self {
        let power = u32::from(resolution & 0x7f);
        let unit = if resolution & 0x80 != 0 {
            Unit::Binary(power)
        } else if power <= 9 {
            Unit::Times(10u64.pow(9 - power))
        } else {
            Unit::Over(10u128.checked_pow(power - 9).unwrap_or(u128::MAX))
        };
        Self { unit, offset_nanos: offset_seconds.saturating_mul(1_000_000_000) }
    }

    #[inline]
    fn nanos(self, ticks: u64) -> i64 {
        let nanos = match self.unit {
            Unit::Times(each) => i64::try_from(ticks.saturating_mul(each)).unwrap_or(i64::MAX),
            Unit::Over(each) => i64::try_from(u128::from(ticks) / each).unwrap_or(i64::MAX),
            Unit::Binary(power) => {
                let nanos = (u128::from(ticks) * 1_000_000_000).checked_shr(power).unwrap_or(0);
                i64::try_from(nanos).unwrap_or(i64::MAX)
            }
        };
        nanos.saturating_add(self.offset_nanos)
    }
}

/// A walk over pcapng blocks.
#[derive(Debug)]
pub(crate) struct Pcapng {
    big: bool,
    interfaces: Vec<Interface>,
    /// Interfaces described beyond [`INTERFACES_MAX`].
    interfaces_over: u64,
    /// Time of the last frame of this section.
    last_time: Option<i64>,
    /// Bytes of the present block that are still to be stepped over.
    skip: u64,
    /// The last length that must follow them.
    skipped_total: Option<u32>,
    /// Drops of the sections before this one.
    dropped_before: u64,
}

/// Reads fields in the byte order of the section.
#[derive(Clone, Copy, Debug)]
struct Order {
    big: bool,
}

impl Order {
    #[inline]
    fn word(self, bytes: &[u8], at: usize) -> u32 {
        // Callers have checked the length; a short slice would read as zero.
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    #[inline]
    fn half(self, bytes: &[u8], at: usize) -> u16 {
        let half = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
        if self.big { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) }
    }

    fn long(self, bytes: &[u8], at: usize) -> u64 {
        let (first, second) = (u64::from(self.word(bytes, at)), u64::from(self.word(bytes, at + 4)));
        if self.big { first << 32 | second } else { second << 32 | first }
    }

    /// Calls `each` with every option of a list; stops at its end or where it breaks off.
    fn options(self, mut list: &[u8], mut each: impl FnMut(u16, &[u8])) {
        while list.len() >= 4 {
            let (code, length) = (self.half(list, 0), usize::from(self.half(list, 2)));
            let Some(value) = list.get(4..4 + length) else { return };
            if code == 0 {
                return;
            }
            each(code, value);
            list = list.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// What became of one block.
enum Block {
    Done,
    Damaged(String),
}

impl Pcapng {
    /// A section header at the front of `head`; `None` where there is none.
    pub(crate) fn recognise(head: &[u8]) -> Option<Result<Self, String>> {
        if head.first_chunk::<4>()? != &SECTION.to_be_bytes() {
            return None;
        }
        let Some(magic) = head.get(8..12) else {
            return Some(Err(format!("a pcapng header cut short after {} bytes", head.len())));
        };
        let Some(order) = byte_order(magic) else {
            return Some(Err("like pcapng, but without its byte-order magic".to_owned()));
        };
        if head.len() < 16 {
            return Some(Err(format!("a pcapng header cut short after {} bytes", head.len())));
        }
        let major = order.half(head, 12);
        if major != 1 {
            return Some(Err(format!("pcapng of version {major}, and only version 1 is known")));
        }
        Some(Ok(Self {
            big: order.big,
            interfaces: Vec::new(),
            interfaces_over: 0,
            last_time: None,
            skip: 0,
            skipped_total: None,
            dropped_before: 0,
        }))
    }

    /// Whether no block is half read.
    pub(crate) fn may_end(&self) -> bool {
        self.skip == 0 && self.skipped_total.is_none()
    }

    /// Frames dropped by the capturing side, over all sections and interfaces.
    pub(crate) fn dropped(&self) -> u64 {
        self.interfaces.iter().fold(self.dropped_before, |sum, each| sum.saturating_add(each.dropped))
    }

    /// Finds whole blocks.
    pub(crate) fn walk(&mut self, bytes: &[u8], mut at: usize, found: &mut Found<'_>) -> (usize, Stop) {
        loop {
            if !self.may_end()
                && let Some(stop) = self.step_over(bytes, &mut at)
            {
                return (at, stop);
            }
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.len() < BLOCK_BYTES_MIN {
                return (at, Stop::Need(BLOCK_BYTES_MIN));
            }
            let kind = Order { big: self.big }.word(rest, 0);
            let order = if kind == SECTION {
                match rest.get(8..12).and_then(byte_order) {
                    Some(order) => order,
                    None => return (at, damaged("section header without its byte-order magic")),
                }
            } else {
                Order { big: self.big }
            };
            let total = order.word(rest, 4);
            // Some writers leave the padding out of the length.
            let block_bytes = (total as usize).next_multiple_of(4);
            if block_bytes < BLOCK_BYTES_MIN {
                return (at, Stop::Damaged(format!("block claims {total} bytes; a block has at least 12")));
            }
            if !matches!(kind, SECTION | INTERFACE | PACKET | SIMPLE | STATISTICS | ENHANCED) {
                at += 8;
                self.skip = block_bytes as u64 - BLOCK_BYTES_MIN as u64;
                self.skipped_total = Some(total);
                continue;
            }
            if block_bytes > BLOCK_BYTES_MAX {
                let what =
                    format!("block of type {kind} claims {total} bytes; at most {BLOCK_BYTES_MAX} are read");
                return (at, Stop::Damaged(what));
            }
            let Some(block) = rest.get(..block_bytes) else { return (at, Stop::Need(block_bytes)) };
            if order.word(block, block_bytes - 4) != total {
                return (at, damaged("the two lengths of a block differ"));
            }
            self.big = order.big;
            match self.block(kind, block, at, found) {
                Block::Done => at += block_bytes,
                Block::Damaged(what) => return (at, Stop::Damaged(what)),
            }
        }
    }

    /// Steps over the rest of a block that is not read; says why it had to stop, if it had.
    fn step_over(&mut self, bytes: &[u8], at: &mut usize) -> Option<Stop> {
        let here = bytes.len().saturating_sub(*at);
        let step = usize::try_from(self.skip).unwrap_or(usize::MAX).min(here);
        *at += step;
        self.skip -= step as u64;
        if self.skip > 0 {
            return Some(Stop::Need(1));
        }
        let total = self.skipped_total?;
        if bytes.len() - *at < 4 {
            return Some(Stop::Need(4));
        }
        if (Order { big: self.big }).word(bytes, *at) != total {
            return Some(damaged("the two lengths of a block differ"));
        }
        *at += 4;
        self.skipped_total = None;
        None
    }

    /// Reads one whole block, which starts at `at` of the walked bytes.
    #[inline]
    fn block(&mut self, kind: u32, block: &[u8], at: usize, found: &mut Found<'_>) -> Block {
        let order = Order { big: self.big };
        match kind {
            ENHANCED => self.packet(block, order.word(block, 8) as usize, at, found),
            PACKET => self.packet(block, usize::from(order.half(block, 8)), at, found),
            SIMPLE => self.simple(block, at, found),
            SECTION => self.section(block),
            INTERFACE => self.interface(block, at, found),
            _ => self.statistics(block),
        }
    }

    /// An enhanced packet block or an old packet block: they differ only in how they name the interface.
    #[inline]
    fn packet(&mut self, block: &[u8], interface: usize, at: usize, found: &mut Found<'_>) -> Block {
        let order = Order { big: self.big };
        let Some(room) = block.len().checked_sub(PACKET_HEAD_BYTES + 4) else {
            return Block::Damaged(format!(
                "packet block of {} bytes is shorter than its header",
                block.len()
            ));
        };
        let captured = order.word(block, 20);
        if captured as usize > room || captured as usize > FRAME_BYTES_MAX {
            return Block::Damaged(format!("packet block claims {captured} bytes of frame and has {room}"));
        }
        let Some(interface) = self.interfaces.get(interface) else {
            let over = if self.interfaces_over > 0 { " (too many interfaces)" } else { "" };
            found.fault(
                at,
                format!("a packet of interface {interface}, which is not described, is left out{over}"),
            );
            return Block::Done;
        };
        let ticks = u64::from(order.word(block, 12)) << 32 | u64::from(order.word(block, 16));
        let time = interface.clock.nanos(ticks);
        if time == i64::MAX {
            found.fault(
                at,
                "the time lies beyond the year 2262; it is taken as the last moment of that range".to_owned(),
            );
        }
        self.last_time = Some(time);
        found.frame(Described {
            time,
            at: at + PACKET_HEAD_BYTES,
            bytes: captured,
            original_bytes: order.word(block, 24),
            link: interface.link,
            fcs: interface.fcs,
        });
        Block::Done
    }

    /// A simple packet block: interface 0, cut at its snap length, no time.
    fn simple(&mut self, block: &[u8], at: usize, found: &mut Found<'_>) -> Block {
        let Some(room) = block.len().checked_sub(16) else {
            return Block::Damaged("simple packet block is shorter than its header".to_owned());
        };
        let Some(interface) = self.interfaces.first() else {
            found.fault(at, "a packet of interface 0, which is not described, is left out".to_owned());
            return Block::Done;
        };
        let original_bytes = Order { big: self.big }.word(block, 8);
        let snap = if interface.snap == 0 { u32::MAX } else { interface.snap };
        let captured = original_bytes.min(snap);
        if captured as usize > room || captured as usize > FRAME_BYTES_MAX {
            return Block::Damaged(format!(
                "simple packet block claims {captured} bytes of frame and has {room}"
            ));
        }
        let time = self.last_time.unwrap_or(interface.clock.offset_nanos);
        let (link, fcs) = (interface.link, interface.fcs);
        found.frame(Described { time, at: at + 12, bytes: captured, original_bytes, link, fcs });
        Block::Done
    }

    fn section(&mut self, block: &[u8]) -> Block {
        if block.len() < 28 {
            return Block::Damaged(format!("section header of {} bytes; it has at least 28", block.len()));
        }
        let major = Order { big: self.big }.half(block, 12);
        if major != 1 {
            return Block::Damaged(format!("section of pcapng version {major}, and only version 1 is known"));
        }
        self.dropped_before = self.dropped();
        self.interfaces.clear();
        self.interfaces_over = 0;
        self.last_time = None;
        Block::Done
    }

    fn interface(&mut self, block: &[u8], at: usize, found: &mut Found<'_>) -> Block {
        let order = Order { big: self.big };
        let Some(options) = block.get(16..block.len() - 4) else {
            return Block::Damaged(format!("interface block of {} bytes; it has at least 20", block.len()));
        };
        if self.interfaces.len() >= INTERFACES_MAX {
            if self.interfaces_over == 0 {
                found.fault(at, format!("the section describes more than {INTERFACES_MAX} interfaces"));
            }
            self.interfaces_over += 1;
            return Block::Done;
        }
        // Without the option, microseconds.
        let (mut resolution, mut offset_seconds, mut fcs) = (6u8, 0i64, 0u32);
        order.options(options, |code, value| match (code, value) {
            (9, [value, ..]) => resolution = *value,
            (13, [value, ..]) => fcs = u32::from(if *value >= 8 { *value / 8 } else { *value }),
            (14, [_, _, _, _, _, _, _, _]) => offset_seconds = order.long(value, 0).cast_signed(),
            _ => {}
        });
        self.interfaces.push(Interface {
            link: LinkType::from_number(order.half(block, 8)),
            snap: order.word(block, 12),
            clock: Clock::new(resolution, offset_seconds),
            fcs,
            dropped: 0,
        });
        Block::Done
    }

    fn statistics(&mut self, block: &[u8]) -> Block {
        let order = Order { big: self.big };
        let Some(options) = block.get(20..block.len() - 4) else {
            return Block::Damaged(format!("statistics block of {} bytes; it has at least 24", block.len()));
        };
        let mut dropped = 0u64;
        order.options(options, |code, value| {
            // isb_ifdrop and isb_osdrop: dropped by the interface, and by the operating system.
            if matches!(code, 5 | 7) && value.len() == 8 {
                dropped = dropped.saturating_add(order.long(value, 0));
            }
        });
        if let Some(interface) = self.interfaces.get_mut(order.word(block, 8) as usize) {
            interface.dropped = dropped;
        }
        Block::Done
    }
}

fn byte_order(magic: &[u8]) -> Option<Order> {
    match magic {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order { big: true }),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order { big: false }),
        _ => None,
    }
}

fn damaged(what: &str) -> Stop {
    Stop::Damaged(what.to_owned())
}

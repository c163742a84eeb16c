//! One socket of an interface and its ring: what arrives there, and how it stands with the interface.
//!
//! A lane has the interface to itself, or shares it with others in a group of the kernel's (`PACKET_FANOUT`). A socket that
//! is in a group stays in it and cannot be bound to another interface, so that one which went away and came back, with
//! another number, needs other sockets. Those are opened at the start, while this process may, and wait ([`SPARES`]). When
//! the last is due the first lane takes it outside of any group, with which it can go on for ever, and the others end.

use super::{LiveError, Seen, Standing, is_missing};
use crate::batch::{BATCH_BYTES, Batch, FrameHead};
use crate::filter::{self, Instruction};
use crate::ring::{Blocks, Refused, Ring, Socket, Statistics};
use model::{CaptureTime, LinkType};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often an interface that is shared may go away and come back before one lane reads it alone. Our limit: each costs a
/// file descriptor in each lane.
pub(super) const SPARES: usize = 8;
/// The kernel hands over what waits in a ring that shares its interface after this time: others' frames wait for it.
pub(super) const RETIRE_SHARED: Duration = Duration::from_millis(20);
/// How such a ring is divided: its blocks are smaller, so that it lasts no shorter while nobody reads.
pub(super) const BLOCKS_SHARED: Blocks = Blocks { bytes: 128 << 10, retire: RETIRE_SHARED };
/// Both link addresses: what stands before a VLAN tag.
const ADDRESSES_BYTES: usize = 12;
/// How long a missing or switched-off interface is left alone before it is looked at again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A socket that listens.
pub(super) struct Lane {
    ring: Ring,
    interface: String,
    index: i32,
    link: LinkType,
    standing: Standing,
    /// What it was since this was last asked.
    changes: Vec<Standing>,
    /// What rings counted that were given up.
    counted: Statistics,
    share: Option<Share>,
    /// Whether it reads alone what several did, untold.
    left_alone: bool,
    /// Whether another lane reads from now on what this one did.
    closed: bool,
}

/// What makes a lane one of several.
pub(super) struct Share {
    /// Number among them, from 0.
    pub(super) number: usize,
    pub(super) group: Arc<Group>,
    /// What passes the kernel's filter.
    pub(super) program: Vec<Instruction>,
    /// Sockets for when the interface comes back.
    pub(super) spares: Vec<Socket>,
    /// Bytes of a ring, and of the ring of the lane that is left alone.
    pub(super) ring_bytes: (usize, usize),
    /// A ring that could not be bound because the interface had gone again.
    pub(super) next: Option<Ring>,
}

/// The sockets that share an interface, as long as it has the same number.
pub(super) struct Group(Mutex<Membership>);

struct Membership {
    /// Number of the interface.
    index: i32,
    /// Number of the group, once it is made.
    number: Option<u16>,
    /// How often the interface may still come back.
    left: usize,
}

impl Group {
    pub(super) const fn of(index: i32) -> Self {
        Self(Mutex::new(Membership { index, number: None, left: SPARES }))
    }

    /// The interface has this number now. Whether one lane is to read it alone. All lanes are told the same.
    fn came_as(&self, index: i32) -> bool {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.index != index {
            *now = Membership { index, number: None, left: now.left.saturating_sub(1) };
        }
        now.left == 0
    }

    /// Lets a socket in that listens to the interface of this number.
    fn join(&self, ring: &Ring, index: i32) -> io::Result<()> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.index != index {
            // Another lane has seen it with a newer number.
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        now.number = Some(ring.join(now.number)?);
        Ok(())
    }
}

impl Share {
    /// Listens with `ring` as one of the group.
    fn enter(&self, ring: &Ring, index: i32) -> io::Result<()> {
        // Between its binding and its joining a socket hears every frame, also those that the others have. What is dropped
        // between its joining and the last line, some microseconds, is like what passed before the start.
        ring.filter(&filter::nothing())?;
        ring.listen(index).map_err(|refused| refused.cause)?;
        self.group.join(ring, index)?;
        ring.filter(&self.program)
    }
}

impl Lane {
    /// Starts to listen with `ring` to the interface of this number, alone or sharing it.
    pub(super) fn listen(
        ring: Ring,
        (interface, index): (&str, i32),
        link: LinkType,
        share: Option<Share>,
    ) -> io::Result<Self> {
        match &share {
            None => ring.listen(index).map_err(|refused| refused.cause)?,
            Some(share) => share.enter(&ring, index)?,
        }
        Ok(Self {
            ring,
            interface: interface.to_owned(),
            index,
            link,
            standing: Standing::Up,
            changes: Vec::new(),
            counted: Statistics::default(),
            share,
            left_alone: false,
            closed: false,
        })
    }

    /// Copies frames out of the ring behind those in `batch`, until it is full or no more are there.
    pub(super) fn take(&mut self, batch: &mut Batch, seen: &mut Seen) {
        while batch.bytes.len() < BATCH_BYTES
            && let Some(packet) = self.ring.next()
        {
            let at = batch.bytes.len();
            let mut original_bytes = packet.original_bytes;
            let cut = packet.bytes.split_at_checked(ADDRESSES_BYTES);
            if let (Some((protocol, content)), Some((addresses, rest)), LinkType::Ethernet) =
                (packet.vlan, cut, self.link)
            {
                batch.bytes.extend_from_slice(addresses);
                batch.bytes.extend_from_slice(&protocol.to_be_bytes());
                batch.bytes.extend_from_slice(&content.to_be_bytes());
                batch.bytes.extend_from_slice(rest);
                original_bytes = original_bytes.saturating_add(4);
            } else {
                batch.bytes.extend_from_slice(packet.bytes);
            }
            let bytes = batch.bytes.len() - at;
            seen.count(CaptureTime::from_nanos(packet.time), bytes);
            // A batch is at most its limit and one frame long.
            let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            batch.heads.push(FrameHead {
                time: packet.time,
                number: seen.frames,
                at: short(at),
                bytes: short(bytes),
                original_bytes,
                capture: 0,
                link: self.link,
            });
        }
    }

    /// Waits for frames, and where the interface is down or gone, for it.
    pub(super) fn rest(&mut self, wait: Duration) -> Result<(), LiveError> {
        let wait = if self.standing == Standing::Up { wait } else { wait.min(LOOK_AGAIN) };
        match self.ring.wait(wait) {
            Ok(()) if self.standing == Standing::Up => Ok(()),
            Ok(()) => self.look(),
            Err(cause) if cause.raw_os_error() == Some(libc::ENETDOWN) || is_missing(&cause) => {
                // Looked at before it is told: it may be gone altogether, or back already.
                self.stands(Standing::Down);
                self.look()
            }
            Err(cause) => Err(self.refused(cause)),
        }
    }

    /// Looks whether the interface is back. One that went away and came back has another number, and is listened to anew.
    fn look(&mut self) -> Result<(), LiveError> {
        let index = match self.ring.index_of(&self.interface) {
            Ok(index) => index,
            Err(cause) if is_missing(&cause) => {
                self.stands(Standing::Gone);
                return Ok(());
            }
            Err(cause) => return Err(self.refused(cause)),
        };
        if self.share.is_some() && index != self.index {
            return self.take_spare(index);
        }
        if self.standing == Standing::Gone || index != self.index {
            match self.ring.listen(index) {
                Ok(()) => self.index = index,
                // It went away again meanwhile.
                Err(refused) if is_missing(&refused.cause) => return Ok(()),
                Err(refused) => return Err(self.refused(refused.cause)),
            }
        }
        self.look_whether_up()
    }

    fn look_whether_up(&mut self) -> Result<(), LiveError> {
        match self.ring.is_up(&self.interface) {
            Ok(true) => self.stands(Standing::Up),
            Ok(false) => self.stands(Standing::Down),
            Err(cause) if is_missing(&cause) => self.stands(Standing::Gone),
            Err(cause) => return Err(self.refused(cause)),
        }
        Ok(())
    }

    /// Listens with a socket that waited to the interface, which came back with another number.
    fn take_spare(&mut self, index: i32) -> Result<(), LiveError> {
        if self.standing != Standing::Gone {
            // What came to the old socket is read first: what the kernel still holds it hands over before the next look.
            self.stands(Standing::Gone);
            return Ok(());
        }
        if self.ring.waiting_bytes() > 0 {
            return Ok(());
        }
        let Some(share) = &mut self.share else { return Ok(()) };
        let alone = share.group.came_as(index);
        if alone && share.number > 0 {
            self.closed = true;
            return Ok(());
        }
        let bytes = if alone { share.ring_bytes.1 } else { share.ring_bytes.0 };
        let next = match (share.next.take(), share.spares.pop()) {
            (Some(ring), spare) => {
                share.spares.extend(spare);
                Ok(ring)
            }
            (None, Some(socket)) => {
                Ring::on(socket, bytes, BLOCKS_SHARED).map_err(|Refused { cause, .. }| cause)
            }
            // As many as there may be times; see `Group`.
            (None, None) => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        };
        let ring = match next {
            Ok(ring) => ring,
            Err(cause) => return Err(self.refused(cause)),
        };
        let entered = if alone {
            let heard = ring.filter(&share.program).and_then(|()| ring.listen(index).map_err(|no| no.cause));
            heard.map(|()| self.share = None)
        } else {
            share.enter(&ring, index)
        };
        if let Err(cause) = entered {
            let still = ring.index_of(&self.interface).is_ok_and(|now| now == index);
            if let Some(share) = &mut self.share {
                share.next = Some(ring);
            }
            // It went away again meanwhile.
            return if still && !is_missing(&cause) { Err(self.refused(cause)) } else { Ok(()) };
        }
        self.left_alone = alone;
        let last = self.ring.statistics().map_err(|cause| self.refused(cause))?;
        self.counted.add(last);
        (self.ring, self.index) = (ring, index);
        self.look_whether_up()
    }

    /// Tells a change, once.
    fn stands(&mut self, standing: Standing) {
        if self.standing != standing {
            self.standing = standing;
            self.changes.push(standing);
        }
    }

    /// Ends the listening: what arrived before can be read to its end.
    pub(super) fn stop(&mut self) -> Result<(), LiveError> {
        let stopped = match &self.share {
            None => self.ring.stop(self.index).map_err(|refused| refused.cause),
            // A socket of a group cannot be bound to nothing.
            Some(_) => self.ring.filter(&filter::nothing()),
        };
        match stopped {
            // Nothing arrives from an interface that is not there.
            Err(cause) if !is_missing(&cause) => Err(self.refused(cause)),
            _ => Ok(()),
        }
    }

    /// What the kernel counted since this was last asked.
    pub(super) fn count(&mut self) -> Result<Statistics, LiveError> {
        let mut counted = self.ring.statistics().map_err(|cause| self.refused(cause))?;
        counted.add(std::mem::take(&mut self.counted));
        Ok(counted)
    }

    /// How it stands with the interface.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// How it stood, in order, since this was last asked.
    pub(super) fn changes(&mut self) -> Vec<Standing> {
        std::mem::take(&mut self.changes)
    }

    /// Whether, since this was last asked, it came to read alone what several did.
    pub(super) const fn was_left_alone(&mut self) -> bool {
        std::mem::replace(&mut self.left_alone, false)
    }

    /// Whether another lane reads from now on what this one did.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Size of the ring, and how much of it waits to be read, in whole blocks.
    pub(super) fn ring_bytes(&self) -> (u64, u64) {
        (self.ring.bytes(), self.ring.waiting_bytes())
    }

    fn refused(&self, cause: io::Error) -> LiveError {
        LiveError::Refused { interface: self.interface.clone(), cause }
    }
}

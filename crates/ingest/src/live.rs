//! A live interface: the frames that arrive on it, in batches. It listens only; nothing here can send.
//!
//! The socket is opened with protocol 0, so that nothing arrives before the ring, the promiscuous mode and the
//! refusal of outgoing frames are set; then it is bound. Opening needs `CAP_NET_RAW`; nothing after it does, so a
//! caller gives every privilege away once [`Live::open`] has returned.
//!
//! # What is put right
//! The kernel takes the outermost VLAN tag out of a frame; it is put back where it was, so that a batch holds what was
//! on the wire. Times are the kernel's, when it received the frame.
//!
//! # What is lost
//! Frames that found the ring full are counted by the kernel ([`Live::lost`]). It also counts those that came to the
//! socket at all, so that at the end none is left that was neither read nor counted ([`Live::stop`]). What the kernel or
//! the card dropped before the socket saw it is read from `/proc/net` ([`Live::before`]).
//!
//! # What goes wrong with time and cable
//! An interface that goes down or away is waited for ([`News`]). The system's clock is held against its steady
//! clock: a difference that changes by more than [`CLOCK_STEP_NS_MIN`] is a step, and is told.
#![expect(clippy::disallowed_methods, reason = "an edge: holds the kernel's clock against the steady one")]

use crate::batch::{BATCH_BYTES, Batch, FrameHead};
use crate::before::{Before, Counters};
use crate::filter::{self, EXCLUDED_MAX, Network};
use crate::format::Faults;
use crate::ring::{Refused, Ring, Step};
use model::{CaptureSummary, CaptureTime, LinkType};
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Size of the ring unless somebody says otherwise, in bytes: a second at 500 Mbit/s.
pub const RING_BYTES: usize = 64 << 20;
/// Largest ring, in bytes. Our limit: it is memory of the kernel that cannot be swapped out.
pub const RING_BYTES_MAX: usize = 4 << 30;
/// Least change between the system's clock and the steady one that counts as a step, in nanoseconds. Our limit: clocks
/// that are slewed stay far below it between two batches.
pub const CLOCK_STEP_NS_MIN: i64 = 500_000_000;
/// Both link addresses: what stands before a VLAN tag.
const ADDRESSES_BYTES: usize = 12;
/// How long a missing or switched-off interface is left alone before it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Why an interface cannot be watched, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// There is no such interface.
    #[error("there is no network interface `{interface}` here; `ip link` lists those there are")]
    NoInterface {
        /// The name that was given.
        interface: String,
    },
    /// This process may not.
    #[error(
        "listening on a network interface needs the capability CAP_NET_RAW: run as root, or give it to the program \
         once with `setcap cap_net_raw=ep /path/to/lazaret`, or use the systemd unit"
    )]
    NotAllowed {
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The ring was refused.
    #[error("the kernel has no room for a ring of {} MiB; ask for a smaller one", bytes >> 20)]
    NoRoom {
        /// Bytes asked for.
        bytes: usize,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The interface carries something else than is read here.
    #[error("`{interface}` is of hardware type {hardware} (see ARPHRD in if_arp.h), which is not read")]
    Hardware {
        /// The name that was given.
        interface: String,
        /// The type.
        hardware: u16,
    },
    /// Too many networks are to be left out, or the interface's frames cannot be told apart by them.
    #[error(
        "frames of `{interface}` cannot be left out by network: that works on Ethernet and tunnels, for up to {EXCLUDED_MAX} networks"
    )]
    Exclusion {
        /// The name that was given.
        interface: String,
    },
    /// Anything else.
    #[error("cannot listen on `{interface}`")]
    Refused {
        /// The name that was given.
        interface: String,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
}

/// How it stands with the interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is switched on.
    Up,
    /// It is switched off.
    Down,
    /// It is not there.
    Gone,
}

/// What happened that is no frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum News {
    /// The interface went down, went away or came back.
    Standing(Standing),
    /// The system's clock was set: by so many nanoseconds, negative where it went back.
    ClockStep(i64),
}

/// An interface that is listened to.
pub struct Live {
    ring: Ring,
    interface: String,
    index: i32,
    link: LinkType,
    standing: Standing,
    news: Vec<News>,
    faults: Faults,
    clock: Clock,
    /// How often the clock was set, and by how much since this was last asked.
    clock_steps: u64,
    stepped: i64,
    counters: Option<Counters>,
    frames: u64,
    bytes: u64,
    /// Frames that came to the socket, as the kernel counts.
    arrived: u64,
    lost: u64,
    /// Frames lost before the socket saw them, as far as known.
    lost_before: u64,
    freezes: u64,
    lag: Duration,
    first: Option<CaptureTime>,
    last: Option<CaptureTime>,
}

impl Live {
    /// Starts to listen on `interface` with a ring of `ring_bytes`, which is rounded to whole blocks. Frames from and to
    /// `excluded` networks are dropped by the kernel, uncounted.
    ///
    /// # Errors
    /// [`LiveError`], which says what to do.
    pub fn open(interface: &str, ring_bytes: usize, excluded: &[Network]) -> Result<Self, LiveError> {
        let name = || interface.to_owned();
        let ring =
            Ring::open(interface, ring_bytes.min(RING_BYTES_MAX)).map_err(|refused| match refused {
                Refused { step: Step::Find, cause } if is_missing(&cause) => {
                    LiveError::NoInterface { interface: name() }
                }
                Refused { step: Step::Socket, cause } if cause.kind() == io::ErrorKind::PermissionDenied => {
                    LiveError::NotAllowed { cause }
                }
                Refused { step: Step::Map, cause } => LiveError::NoRoom { bytes: ring_bytes, cause },
                Refused { cause, .. } => LiveError::Refused { interface: name(), cause },
            })?;
        let refused = |cause| LiveError::Refused { interface: name(), cause };
        let hardware = ring.hardware(interface).map_err(refused)?;
        let link = link_of(hardware).ok_or_else(|| LiveError::Hardware { interface: name(), hardware })?;
        let index = ring.index_of(interface).map_err(refused)?;
        if !excluded.is_empty() {
            let program = filter::program(link, excluded).filter(|_| excluded.len() <= EXCLUDED_MAX);
            let program = program.ok_or_else(|| LiveError::Exclusion { interface: name() })?;
            ring.filter(&program).map_err(refused)?;
        }
        // Before the first frame, so that none is missed in it.
        let counters = Counters::open(interface);
        ring.listen(index).map_err(|listen| refused(listen.cause))?;
        Ok(Self {
            ring,
            interface: name(),
            index,
            link,
            standing: Standing::Up,
            news: Vec::new(),
            faults: Faults::default(),
            clock: Clock::start(),
            clock_steps: 0,
            stepped: 0,
            counters,
            frames: 0,
            bytes: 0,
            arrived: 0,
            lost: 0,
            lost_before: 0,
            freezes: 0,
            lag: Duration::ZERO,
            first: None,
            last: None,
        })
    }

    /// Fills `batch` with what has arrived; where nothing has, waits for it no longer than `wait`, or until a signal
    /// comes. The batch may stay empty.
    ///
    /// # Errors
    /// Where the socket broke in a way that waiting does not mend.
    pub fn fill(&mut self, batch: &mut Batch, wait: Duration) -> Result<(), LiveError> {
        // What the last batch held is not left lying while nothing arrives.
        batch.bytes.fill(0);
        batch.bytes.clear();
        batch.heads.clear();
        batch.first_order = self.frames;
        self.take(batch);
        if batch.is_empty() {
            self.rest(wait)?;
            self.take(batch);
        }
        if let Some(step) = self.clock.step() {
            self.clock_steps += 1;
            self.stepped = self.stepped.saturating_add(step);
            self.happened(News::ClockStep(step));
        }
        if let Some(last) = batch.heads.last() {
            self.lag = Duration::from_nanos(u64::try_from(self.clock.now - last.time).unwrap_or(0));
        }
        self.count()
    }

    fn count(&mut self) -> Result<(), LiveError> {
        let counted = self.ring.statistics().map_err(|cause| self.refused(cause))?;
        self.arrived += counted.arrived;
        self.lost += counted.lost;
        self.freezes += counted.freezes;
        Ok(())
    }

    /// Ends the listening. Until [`Self::unread`] is zero, frames that arrived before are still in the ring.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn stop(&mut self) -> Result<(), LiveError> {
        match self.ring.stop(self.index) {
            Ok(()) => {}
            // Nothing arrives from an interface that is not there.
            Err(refused) if is_missing(&refused.cause) => {}
            Err(refused) => return Err(self.refused(refused.cause)),
        }
        self.count()
    }

    /// Gives up what [`Self::unread`] says: it is counted as lost.
    pub const fn give_up_unread(&mut self) {
        self.lost += self.unread();
    }

    /// Copies frames out of the ring.
    fn take(&mut self, batch: &mut Batch) {
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
            self.frames += 1;
            self.bytes += bytes as u64;
            let time = CaptureTime::from_nanos(packet.time);
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
            // A batch is at most its limit and one frame long.
            let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            batch.heads.push(FrameHead {
                time: packet.time,
                number: self.frames,
                at: short(at),
                bytes: short(bytes),
                original_bytes,
                capture: 0,
                link: self.link,
            });
        }
    }

    /// Waits for frames, and where the interface is down or gone, for it.
    fn rest(&mut self, wait: Duration) -> Result<(), LiveError> {
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
        if self.standing == Standing::Gone || index != self.index {
            match self.ring.listen(index) {
                Ok(()) => self.index = index,
                // It went away again meanwhile.
                Err(refused) if is_missing(&refused.cause) => return Ok(()),
                Err(refused) => return Err(self.refused(refused.cause)),
            }
        }
        match self.ring.is_up(&self.interface) {
            Ok(true) => self.stands(Standing::Up),
            Ok(false) => self.stands(Standing::Down),
            Err(cause) if is_missing(&cause) => self.stands(Standing::Gone),
            Err(cause) => return Err(self.refused(cause)),
        }
        Ok(())
    }

    /// Tells a change, once.
    fn stands(&mut self, standing: Standing) {
        if self.standing != standing {
            self.standing = standing;
            self.happened(News::Standing(standing));
        }
    }

    fn happened(&mut self, news: News) {
        let what = match news {
            News::Standing(Standing::Up) => "the interface came back".to_owned(),
            News::Standing(Standing::Down) => {
                "the interface went down; what passed until it came back was not seen".to_owned()
            }
            News::Standing(Standing::Gone) => {
                "the interface went away; what passed until it came back was not seen".to_owned()
            }
            News::ClockStep(by) => {
                let way = if by < 0 { "back" } else { "forward" };
                let seconds = by.unsigned_abs() as f64 / 1e9;
                format!(
                    "the sensor's clock was set {way} by {seconds:.1} s; times before and after do not compare"
                )
            }
        };
        self.faults.push(self.frames, self.bytes, what);
        self.news.push(news);
    }

    fn refused(&self, cause: io::Error) -> LiveError {
        LiveError::Refused { interface: self.interface.clone(), cause }
    }

    /// By how many nanoseconds the clock was set since this was last asked, where it was: among the frames of the last batch, or
    /// after them.
    pub const fn clock_step(&mut self) -> Option<i64> {
        match std::mem::replace(&mut self.stepped, 0) {
            0 => None,
            by => Some(by),
        }
    }

    /// How often the clock was set.
    #[must_use]
    pub const fn clock_steps(&self) -> u64 {
        self.clock_steps
    }

    /// What happened since this was last asked, in order.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Frames that arrived.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Their bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames that the kernel dropped because the ring was full.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Frames that came to the socket and were neither read nor lost: they wait in the ring.
    #[must_use]
    pub const fn unread(&self) -> u64 {
        self.arrived.saturating_sub(self.lost).saturating_sub(self.frames)
    }

    /// What became of frames before the socket saw them, since the start; none where `/proc` does not tell.
    pub fn before(&mut self) -> Option<Before> {
        let before = self.counters.as_mut()?.since_start()?;
        self.lost_before = self.lost_before.max(before.lost());
        Some(before)
    }

    /// Frames that were lost before the socket saw them, as [`Self::before`] said last.
    #[must_use]
    pub const fn lost_before(&self) -> u64 {
        self.lost_before
    }

    /// Times the ring was full.
    #[must_use]
    pub const fn freezes(&self) -> u64 {
        self.freezes
    }

    /// Time from the arrival of the last frame of the last batch to its reading.
    #[must_use]
    pub const fn lag(&self) -> Duration {
        self.lag
    }

    /// How it stands with the interface.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Size of the ring, in bytes.
    #[must_use]
    pub fn ring_bytes(&self) -> u64 {
        self.ring.bytes()
    }

    /// Bytes of the ring that wait to be read, in whole blocks.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.ring.waiting_bytes()
    }

    /// What was read so far, as the report names it.
    #[must_use]
    pub fn summary(&self) -> CaptureSummary {
        CaptureSummary {
            name: self.interface.clone(),
            sha256: None,
            format: "live",
            compression: None,
            frames: self.frames,
            bytes: self.bytes,
            first: self.first,
            last: self.last,
            links: vec![self.link],
            faults: self.faults.list(),
        }
    }
}

/// Whether the kernel says that there is no such interface.
fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

/// What the first byte of a frame is on hardware of that kind; `ARPHRD_NONE` is what tunnels have.
const fn link_of(hardware: u16) -> Option<LinkType> {
    /// `if_arp.h`: no link header.
    const ARPHRD_NONE: u16 = 0xfffe;
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(LinkType::Ethernet),
        libc::ARPHRD_IEEE80211 => Some(LinkType::Ieee80211),
        libc::ARPHRD_IEEE80211_RADIOTAP => Some(LinkType::Radiotap),
        ARPHRD_NONE => Some(LinkType::RawIp),
        _ => None,
    }
}

/// The system's clock held against the steady one.
struct Clock {
    steady: Instant,
    /// What the system's clock said when `steady` was taken, with all steps since.
    start: i64,
    /// What it says now, in nanoseconds since the epoch.
    now: i64,
}

impl Clock {
    fn start() -> Self {
        let now = system_now();
        Self { steady: Instant::now(), start: now, now }
    }

    /// By how much the clock was set since the last call, where it was.
    fn step(&mut self) -> Option<i64> {
        self.now = system_now();
        let steady = i64::try_from(self.steady.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.moved(self.now, steady)
    }

    /// The difference follows what slewing does to it; only what comes at once is a step.
    fn moved(&mut self, now: i64, steady: i64) -> Option<i64> {
        let by = now.saturating_sub(steady).saturating_sub(self.start);
        self.start = self.start.saturating_add(by);
        (by.saturating_abs() >= CLOCK_STEP_NS_MIN).then_some(by)
    }
}

fn system_now() -> i64 {
    let now = SystemTime::now();
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    now.duration_since(UNIX_EPOCH).map_or_else(|before| -nanos(before.duration()), nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_once_and_one_that_is_slewed_is_not() {
        const SECOND: i64 = 1_000_000_000;
        let mut clock = Clock { steady: Instant::now(), start: 1000 * SECOND, now: 0 };
        assert_eq!(clock.moved(1001 * SECOND, SECOND), None);
        // Back by an hour.
        assert_eq!(clock.moved((1002 - 3600) * SECOND, 2 * SECOND), Some(-3600 * SECOND));
        assert_eq!(clock.moved((1003 - 3600) * SECOND, 3 * SECOND), None);
        // Forward again.
        assert_eq!(clock.moved(1004 * SECOND, 4 * SECOND), Some(3600 * SECOND));
        // Slewed by a thousandth for a day.
        for second in 5..86_400 {
            assert_eq!(clock.moved((1000 + second) * SECOND + second * 1_000_000, second * SECOND), None);
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_with_what_to_do() {
        for name in ["lazaret-none", "a-name-longer-than-any-interface", ""] {
            match Live::open(name, RING_BYTES, &[]) {
                // Whoever may not open a socket is told so first.
                Err(LiveError::NotAllowed { .. }) => {}
                Err(error @ LiveError::NoInterface { .. }) => {
                    assert!(error.to_string().contains("ip link"), "{error}");
                }
                Err(other) => panic!("{name}: {other}"),
                Ok(_) => panic!("{name} was opened"),
            }
        }
    }
}

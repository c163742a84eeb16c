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
//! # Several workers
//! A socket for each, in one group of the kernel's (`PACKET_FANOUT`), each with a ring and a thread that reads it
//! (`live/fan.rs`). Their frames are brought into the order of the kernel's times (`live/order.rs`), and numbered in it, before anybody
//! sees them. With one worker there is one socket, and whoever calls [`Live::fill`] reads it.
//!
//! # What goes wrong with time and cable
//! An interface that goes down or away is waited for ([`News`]). The system's clock is held against its steady
//! clock: a difference that changes by more than [`CLOCK_STEP_NS_MIN`] is a step, and is told.
#![expect(clippy::disallowed_methods, reason = "an edge: holds the kernel's clock against the steady one")]

mod fan;
mod lane;
mod order;

use crate::batch::Batch;
use crate::before::{Before, Counters};
use crate::filter::{self, EXCLUDED_MAX, Instruction, Network};
use crate::format::Faults;
use crate::ring::{BLOCKS, Refused, Ring, Socket, Statistics, Step};
use fan::{Fan, Said};
use lane::{BLOCKS_SHARED, Group, Lane, SPARES, Share};
use model::{CaptureSummary, CaptureTime, LinkType};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Size of the ring unless somebody says otherwise, in bytes: a second at 500 Mbit/s.
pub const RING_BYTES: usize = 64 << 20;
/// Largest ring, in bytes. Our limit: it is memory of the kernel that cannot be swapped out.
pub const RING_BYTES_MAX: usize = 4 << 30;
/// Least change between the system's clock and the steady one that counts as a step, in nanoseconds. Our limit: clocks
/// that are slewed stay far below it between two batches.
pub const CLOCK_STEP_NS_MIN: i64 = 500_000_000;
/// Most workers. Our limit: the flow stage has as many shards; more are taken for so many.
const WORKERS_MAX: usize = 16;

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
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
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
    /// The interface went away and came back so often that one worker reads it alone from now on.
    LeftAlone,
}

/// Who reads.
enum Source {
    /// Whoever fills a batch.
    One(Box<Lane>),
    /// Several threads.
    Several(Box<Fan>),
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    bytes: u64,
    first: Option<CaptureTime>,
    last: Option<CaptureTime>,
}

impl Seen {
    /// One more frame.
    fn count(&mut self, time: CaptureTime, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// An interface that is listened to.
pub struct Live {
    source: Source,
    interface: String,
    link: LinkType,
    standing: Standing,
    /// How often it was no longer up, where several read.
    falls: u64,
    news: Vec<News>,
    faults: Faults,
    clock: Clock,
    /// How often the clock was set, and by how much since this was last asked.
    clock_steps: u64,
    stepped: i64,
    counters: Option<Counters>,
    seen: Seen,
    /// Frames that came to the socket, as the kernel counts.
    arrived: u64,
    lost: u64,
    /// Frames lost before the socket saw them, as far as known.
    lost_before: u64,
    freezes: u64,
    /// All rings together, and what waits in them, where several read.
    rings_bytes: (u64, u64),
    lag: Duration,
}

impl Live {
    /// Starts to listen on `interface` with `workers` sockets, which have rings of `ring_bytes` together, rounded to whole blocks.
    /// Frames from and to `excluded` networks are dropped by the kernel, uncounted.
    ///
    /// # Errors
    /// [`LiveError`], which says what to do.
    pub fn open(
        interface: &str,
        ring_bytes: usize,
        workers: usize,
        excluded: &[Network],
    ) -> Result<Self, LiveError> {
        let name = || interface.to_owned();
        let refused = |cause| LiveError::Refused { interface: name(), cause };
        let not_opened = |no| not_opened(no, interface, ring_bytes);
        let workers = workers.clamp(1, WORKERS_MAX);
        let all_bytes = ring_bytes.min(RING_BYTES_MAX);
        let bytes = all_bytes / workers;
        let blocks = if workers > 1 { BLOCKS_SHARED } else { BLOCKS };
        let socket = Socket::open().map_err(not_opened)?;
        socket.index_of(interface).map_err(not_opened)?;
        let ring = Ring::on(socket, bytes, blocks).map_err(not_opened)?;
        let hardware = ring.hardware(interface).map_err(refused)?;
        let link = link_of(hardware).ok_or_else(|| LiveError::Hardware { interface: name(), hardware })?;
        let index = ring.index_of(interface).map_err(refused)?;
        let program = filter::program(link, excluded).filter(|_| excluded.len() <= EXCLUDED_MAX);
        let program = program.ok_or_else(|| LiveError::Exclusion { interface: name() })?;
        // Before the first frame, so that none is missed in it.
        let counters = Counters::open(interface);
        let listen = |ring, share| Lane::listen(ring, (interface, index), link, share).map_err(refused);
        let source = if workers > 1 {
            let mut shares = shares(index, workers, &program, (bytes, all_bytes)).map_err(not_opened)?;
            let other = |share| {
                let ring = Socket::open().and_then(|socket| Ring::on(socket, bytes, blocks));
                listen(ring.map_err(not_opened)?, Some(share))
            };
            let others = shares.split_off(1).into_iter().map(other);
            let lanes: Result<_, _> = std::iter::once(listen(ring, shares.pop())).chain(others).collect();
            Source::Several(Box::new(Fan::of(interface, lanes?)))
        } else {
            if !excluded.is_empty() {
                ring.filter(&program).map_err(refused)?;
            }
            Source::One(Box::new(listen(ring, None)?))
        };
        Ok(Self {
            source,
            interface: name(),
            link,
            standing: Standing::Up,
            falls: 0,
            news: Vec::new(),
            faults: Faults::default(),
            clock: Clock::start(),
            clock_steps: 0,
            stepped: 0,
            counters,
            seen: Seen::default(),
            arrived: 0,
            lost: 0,
            lost_before: 0,
            freezes: 0,
            rings_bytes: (0, 0),
            lag: Duration::ZERO,
        })
    }

    /// Fills `batch` with what has arrived; where nothing has, waits for it no longer than `wait`, or until a signal
    /// comes. The batch may stay empty.
    ///
    /// # Errors
    /// Where the socket broke in a way that waiting does not mend.
    pub fn fill(&mut self, batch: &mut Batch, wait: Duration) -> Result<(), LiveError> {
        // What the last batch held is not left lying while nothing arrives.
        batch.wipe();
        batch.first_order = self.seen.frames;
        match &self.source {
            Source::One(_) => self.fill_from_one(batch, wait)?,
            Source::Several(_) => self.fill_from_several(batch, wait)?,
        }
        if let Some(last) = batch.heads.last() {
            self.lag = Duration::from_nanos(u64::try_from(self.clock.now - last.time).unwrap_or(0));
        }
        Ok(())
    }

    fn fill_from_one(&mut self, batch: &mut Batch, wait: Duration) -> Result<(), LiveError> {
        let Source::One(lane) = &mut self.source else { return Ok(()) };
        lane.take(batch, &mut self.seen);
        if batch.is_empty() {
            let rested = lane.rest(wait);
            let changes = lane.changes();
            changes.into_iter().for_each(|standing| self.stands(standing));
            rested?;
        }
        let Source::One(lane) = &mut self.source else { return Ok(()) };
        if batch.is_empty() {
            lane.take(batch, &mut self.seen);
        }
        let counted = lane.count()?;
        self.counted(counted);
        if let Some(step) = self.look_at_clock() {
            self.stepped = self.stepped.saturating_add(step);
        }
        Ok(())
    }

    fn fill_from_several(&mut self, batch: &mut Batch, wait: Duration) -> Result<(), LiveError> {
        let until = Instant::now() + wait;
        loop {
            self.gather()?;
            // After that, so that it is known of every frame that was gathered whether it may be of a new clock.
            let step = self.look_at_clock();
            let Source::Several(fan) = &mut self.source else { return Ok(()) };
            let now = Instant::now();
            if let Some(step) = step {
                fan.order().clock_set(step, now);
            }
            let stepped = fan.order().fill(batch, &mut self.seen, now);
            self.stepped = self.stepped.saturating_add(stepped.unwrap_or(0));
            if stepped.is_some() || !batch.is_empty() || now >= until {
                return Ok(());
            }
            fan.wait(until);
        }
    }

    /// Takes what the threads have read, and what they say.
    fn gather(&mut self) -> Result<(), LiveError> {
        let Source::Several(fan) = &mut self.source else { return Ok(()) };
        let Said { standing, falls, counted, ring_bytes, waiting_bytes, left_alone } = fan.gather()?;
        self.rings_bytes = (ring_bytes, waiting_bytes);
        self.counted(counted);
        if falls > self.falls && (standing, self.standing) == (Standing::Up, Standing::Up) {
            // Down and up again while nobody looked.
            self.stands(Standing::Down);
        }
        self.falls = falls;
        if standing != self.standing {
            self.stands(standing);
        }
        if left_alone {
            self.happened(News::LeftAlone);
        }
        Ok(())
    }

    /// By how much the clock was set since this was last asked, where it was; that is told.
    fn look_at_clock(&mut self) -> Option<i64> {
        let step = self.clock.step()?;
        self.clock_steps += 1;
        self.happened(News::ClockStep(step));
        Some(step)
    }

    const fn counted(&mut self, more: Statistics) {
        self.arrived += more.arrived;
        self.lost += more.lost;
        self.freezes += more.freezes;
    }

    /// Ends the listening. Until [`Self::unread`] is zero, frames that arrived before are still in the ring.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn stop(&mut self) -> Result<(), LiveError> {
        match &mut self.source {
            Source::One(lane) => {
                lane.stop()?;
                let counted = lane.count()?;
                self.counted(counted);
                Ok(())
            }
            Source::Several(fan) => {
                fan.stop()?;
                self.gather()
            }
        }
    }

    /// Gives up what [`Self::unread`] says: it is counted as lost.
    pub const fn give_up_unread(&mut self) {
        self.lost += self.unread();
    }

    /// Tells a change.
    fn stands(&mut self, standing: Standing) {
        self.standing = standing;
        self.happened(News::Standing(standing));
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
            News::LeftAlone => {
                format!(
                    "the interface came back for the {SPARES}th time: one worker reads it alone from here on"
                )
            }
        };
        self.faults.push(self.seen.frames, self.seen.bytes, what);
        self.news.push(news);
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
        self.seen.frames
    }

    /// Their bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.seen.bytes
    }

    /// Frames that the kernel dropped because the ring was full.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Frames that came to the socket and were neither read nor lost: they wait in the ring.
    #[must_use]
    pub const fn unread(&self) -> u64 {
        self.arrived.saturating_sub(self.lost).saturating_sub(self.seen.frames)
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

    /// Size of all rings, in bytes.
    #[must_use]
    pub fn ring_bytes(&self) -> u64 {
        self.rings().0
    }

    /// Bytes of the rings that wait to be read, in whole blocks; where several read, with what they have read and what waits for
    /// others.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.rings().1
    }

    fn rings(&self) -> (u64, u64) {
        match &self.source {
            Source::One(lane) => lane.ring_bytes(),
            Source::Several(_) => self.rings_bytes,
        }
    }

    /// Frames that each of several workers has read; empty where one reads alone.
    #[must_use]
    pub fn ring_frames(&self) -> Vec<u64> {
        match &self.source {
            Source::One(_) => Vec::new(),
            Source::Several(fan) => fan.frames(),
        }
    }

    /// Frames that were handed on after one with a later time, because another worker had not been able to read for half a second.
    #[must_use]
    pub const fn late(&self) -> u64 {
        match &self.source {
            Source::One(_) => 0,
            Source::Several(fan) => fan.late(),
        }
    }

    /// What was read so far, as the report names it.
    #[must_use]
    pub fn summary(&self) -> CaptureSummary {
        CaptureSummary {
            name: self.interface.clone(),
            sha256: None,
            format: "live",
            compression: None,
            frames: self.seen.frames,
            bytes: self.seen.bytes,
            first: self.seen.first,
            last: self.seen.last,
            links: vec![self.link],
            faults: self.faults.list(),
        }
    }
}

/// What is said of a socket that could not be opened.
fn not_opened(no: Refused, interface: &str, bytes: usize) -> LiveError {
    match no {
        Refused { step: Step::Find, cause } if is_missing(&cause) => {
            LiveError::NoInterface { interface: interface.to_owned() }
        }
        Refused { step: Step::Socket, cause } if cause.kind() == io::ErrorKind::PermissionDenied => {
            LiveError::NotAllowed { cause }
        }
        Refused { step: Step::Map, cause } => LiveError::NoRoom { bytes, cause },
        Refused { cause, .. } => LiveError::Refused { interface: interface.to_owned(), cause },
    }
}

/// What each of several workers has of the interface of that number.
fn shares(
    index: i32,
    workers: usize,
    program: &[Instruction],
    ring_bytes: (usize, usize),
) -> Result<Vec<Share>, Refused> {
    let group = Arc::new(Group::of(index));
    let share = |number| {
        let spares: Result<_, _> = (0..SPARES).map(|_| Socket::open()).collect();
        let program = filter::without_outgoing(program);
        Ok(Share { number, group: Arc::clone(&group), program, spares: spares?, ring_bytes, next: None })
    };
    (0..workers).map(share).collect()
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
        for (name, workers) in [("lazaret-none", 1), ("a-name-longer-than-any-interface", 2), ("", 16)] {
            match Live::open(name, RING_BYTES, workers, &[]) {
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

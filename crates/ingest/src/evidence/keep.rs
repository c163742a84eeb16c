//! Writing the ring: frames are copied into chunks on the sensor's thread, sealed and written on another.
#![expect(clippy::disallowed_methods, reason = "an edge: a ring's age is counted by the steady clock")]

use super::segment::{self, Begin, CHUNK_BYTES, SALT_BYTES, Sealer};
use super::{LOCK, Master, RingError, name, random, refused, segments, unlock};
use crate::Batch;
use model::CaptureTime;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Smallest ring, in bytes. Our limit: it has 16 segments of a MiB then.
pub const RING_SIZE_MIN: u64 = 16 << 20;
/// Largest and smallest segment, in bytes; it is a 256th of the ring in between.
const SEGMENT_BYTES: (u64, u64) = (1 << 20, 64 << 20);
/// A segment takes frames for this share of the ring's age at most, so that what is too old goes in small parts.
const AGE_PARTS: u32 = 8;
/// Chunks that wait to be written. Our limit, of memory: what comes beyond is lost to the ring, and counted.
const WAITING_MAX: usize = 64;
/// How long a frame that was read waits in a chunk that does not fill, before it is handed over to be written. With what the disk
/// has not taken yet ([`EvidenceCounts::frames_waiting`]) this is what a killed process can lose of what it has read.
pub const EVIDENCE_WAIT_MAX: Duration = Duration::from_millis(200);
/// How often the system is asked to bring what was written onto the disk: what a power cut may cost.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// How often age and room are looked at while nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Room that is left to others (findings first of all): a 20th of the file system, within these bounds, in bytes.
const RESERVE_BYTES: (u64, u64) = (4 << 20, 1 << 30);

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceLimits {
    /// Size of all segments, in bytes, [`RING_SIZE_MIN`] at least.
    pub bytes: u64,
    /// No frame is kept for longer.
    pub age: Duration,
}

/// What time is to the ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// That of the steady clock; what cannot be written in time is lost to the ring.
    Life,
    /// That of the frames, as fast as they can be read; reading waits for the ring.
    Played,
}

/// How the ring does. Counts are since the start; the rest is now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EvidenceCounts {
    /// Frames written.
    pub frames: u64,
    /// Frames that could not be written: full disk, slow disk.
    pub frames_lost: u64,
    /// Frames that were handed over and are not written yet: the disk is slower than they come.
    pub frames_waiting: u64,
    /// Size of all segments.
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Age of the oldest, in seconds.
    pub oldest_seconds: u64,
    /// Segments that were deleted before their time, because the disk was full.
    pub early: u64,
}

#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    lost: AtomicU64,
    waiting: AtomicU64,
    bytes: AtomicU64,
    segments: AtomicU64,
    oldest: AtomicU64,
    early: AtomicU64,
}

/// A ring that is ready to be written, by this process alone.
pub struct Evidence {
    folder: PathBuf,
    limits: EvidenceLimits,
    master: Master,
    lock: File,
    old: VecDeque<Old>,
    next: u64,
}

/// A segment that is there.
#[derive(Debug)]
struct Old {
    path: PathBuf,
    bytes: u64,
    /// When its first frame came, in nanoseconds since the start: negative for those found at the start.
    since: i64,
}

impl Evidence {
    /// Opens the ring in `folder`, made where there is none, with its passphrase. Takes about half a second.
    ///
    /// # Errors
    /// [`RingError`], which says what to do.
    pub fn open(folder: &Path, secret: &[u8], limits: EvidenceLimits) -> Result<Self, RingError> {
        let mut make = std::fs::DirBuilder::new();
        make.recursive(true).mode(0o700).create(folder).map_err(refused("make", folder))?;
        let path = folder.join(LOCK);
        let mut options = File::options();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.map_err(refused("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(RingError::InUse { folder: folder.to_owned() });
            }
            Err(std::fs::TryLockError::Error(cause)) => return Err(refused("lock", &path)(cause)),
        }
        let master = unlock(folder, secret, true)?;
        let mut found: Vec<(u64, PathBuf)> = segments(folder).map_err(refused("list", folder))?.collect();
        found.sort();
        let next = found.last().map_or(1, |(number, _)| number.saturating_add(1));
        let now = SystemTime::now();
        let mut old = VecDeque::new();
        for (_, path) in found {
            let about = std::fs::metadata(&path).map_err(refused("read", &path))?;
            let written = about.created().or_else(|_| about.modified()).unwrap_or(now);
            // One from the future was written before the clock was set back: it is as young as can be.
            let age = now.duration_since(written).unwrap_or_default();
            old.push_back(Old { bytes: about.len(), since: -nanos(age), path });
        }
        let limits = EvidenceLimits { bytes: limits.bytes.max(RING_SIZE_MIN), ..limits };
        Ok(Self { folder: folder.to_owned(), limits, master, lock, old, next })
    }

    /// Begins to write what a sensor brings, on a thread that is made now.
    ///
    /// # Errors
    /// Where there is no thread or no randomness.
    pub fn start(
        self,
        sensor: &str,
        period: &str,
        started: i64,
        pace: Pace,
    ) -> Result<EvidenceRecorder, RingError> {
        let begin = Begin {
            run: random()?,
            started: CaptureTime::from_nanos(started),
            sensor: sensor.to_owned(),
            period: period.to_owned(),
        };
        let counters = Arc::new(Counters::default());
        let (to, from) = sync_channel(WAITING_MAX);
        let (back, spare) = sync_channel(WAITING_MAX);
        let folder = self.folder.clone();
        let scribe = Scribe {
            folder: self.folder,
            limits: self.limits,
            master: self.master,
            _lock: self.lock,
            old: self.old,
            next: self.next,
            begin,
            current: None,
            now: 0,
            synced: Instant::now(),
            counters: Arc::clone(&counters),
            failing: false,
        };
        let thread = std::thread::Builder::new().name("evidence".to_owned());
        let thread =
            thread.spawn(move || scribe.run(&from, &back)).map_err(refused("start a thread for", &folder))?;
        Ok(EvidenceRecorder {
            to,
            spare,
            thread: Some(thread),
            pace,
            started: Instant::now(),
            first: None,
            now: Duration::ZERO,
            pending: Vec::new(),
            pending_frames: 0,
            pending_since: Duration::ZERO,
            counters,
        })
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

enum Job {
    /// A chunk of frames, how many they are, and when the first of them came.
    Frames {
        chunk: Vec<u8>,
        frames: u64,
        since: i64,
        now: i64,
    },
    Period(String),
}

/// The sensor's side.
pub struct EvidenceRecorder {
    to: SyncSender<Job>,
    spare: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
    pace: Pace,
    started: Instant,
    first: Option<CaptureTime>,
    now: Duration,
    pending: Vec<u8>,
    pending_frames: u64,
    pending_since: Duration,
    counters: Arc<Counters>,
}

impl EvidenceRecorder {
    /// Takes the frames of a batch, which may be empty: time passes too.
    pub fn take(&mut self, batch: &Batch) {
        if self.pace == Pace::Life {
            self.now = self.started.elapsed();
        }
        for frame in batch.frames() {
            if self.pace == Pace::Played {
                let first = *self.first.get_or_insert(frame.time);
                self.now = self.now.max(frame.time.since(first));
            }
            if self.pending.is_empty() {
                self.pending_since = self.now;
            }
            segment::add(&mut self.pending, &frame);
            self.pending_frames += 1;
            if self.pending.len() >= CHUNK_BYTES || self.is_old() {
                self.flush();
            }
        }
        if self.is_old() {
            self.flush();
        }
    }

    /// Whether what waits has waited long enough.
    fn is_old(&self) -> bool {
        self.now.saturating_sub(self.pending_since) >= EVIDENCE_WAIT_MAX
    }

    /// Hands over what waits for more, so that it is on its way to the disk before something is said of it.
    pub fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let spare = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK_BYTES));
        let chunk = std::mem::replace(&mut self.pending, spare);
        let frames = std::mem::take(&mut self.pending_frames);
        self.send(Job::Frames { chunk, frames, since: nanos(self.pending_since), now: nanos(self.now) });
    }

    /// What comes from now on belongs to another period.
    pub fn period(&mut self, name: &str) {
        self.flush();
        // What names frames must not be lost where some of them are, so this waits: periods are long.
        drop(self.to.send(Job::Period(name.to_owned())));
    }

    fn send(&self, job: Job) {
        // Before it is sent: the other side may be done with it at once.
        if let Job::Frames { frames, .. } = &job {
            self.counters.waiting.fetch_add(*frames, Ordering::Relaxed);
        }
        let lost = match self.pace {
            Pace::Played => self.to.send(job).err().map(|back| back.0),
            Pace::Life => match self.to.try_send(job) {
                Ok(()) => None,
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job),
            },
        };
        if let Some(Job::Frames { mut chunk, frames, .. }) = lost {
            chunk.fill(0);
            self.counters.waiting.fetch_sub(frames, Ordering::Relaxed);
            self.counters.lost.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// How the ring does.
    #[must_use]
    pub fn counts(&self) -> EvidenceCounts {
        let Counters { frames, lost, waiting, bytes, segments, oldest, early } = &*self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EvidenceCounts {
            frames: read(frames),
            frames_lost: read(lost),
            frames_waiting: read(waiting),
            bytes: read(bytes),
            segments: read(segments),
            oldest_seconds: read(oldest),
            early: read(early),
        }
    }

    /// Writes what waits, ends the segment, and gives how the ring did.
    pub fn end(mut self) -> EvidenceCounts {
        self.flush();
        // The thread ends where nobody can send to it any more.
        let (nobody, _) = sync_channel(0);
        drop(std::mem::replace(&mut self.to, nobody));
        if let Some(thread) = self.thread.take() {
            // A panic there is a fault of ours, which the hook has told.
            drop(thread.join());
        }
        self.counts()
    }
}

/// The segment that is written.
struct Current {
    file: File,
    sealer: Sealer,
    path: PathBuf,
    bytes: u64,
    frames: u64,
    since: i64,
}

/// The thread that writes.
struct Scribe {
    folder: PathBuf,
    limits: EvidenceLimits,
    master: Master,
    _lock: File,
    old: VecDeque<Old>,
    next: u64,
    begin: Begin,
    current: Option<Current>,
    now: i64,
    synced: Instant,
    counters: Arc<Counters>,
    /// Said once, not for every chunk.
    failing: bool,
}

impl Scribe {
    fn run(mut self, from: &Receiver<Job>, back: &SyncSender<Vec<u8>>) {
        let mut life = None;
        self.count();
        loop {
            match from.recv_timeout(LOOK_EVERY) {
                Ok(Job::Frames { mut chunk, frames, since, now }) => {
                    (self.now, life) = (self.now.max(now), Some((now, Instant::now())));
                    self.keep(&mut chunk, frames, since);
                    // Overwritten where it could not be sealed; else nothing stands in clear there.
                    chunk.fill(0);
                    chunk.clear();
                    // Where enough are spare, its memory is given back.
                    drop(back.try_send(chunk));
                }
                Ok(Job::Period(name)) => self.period(name),
                Err(RecvTimeoutError::Timeout) => {
                    // Nothing came: time goes on from the last that did.
                    let from = *life.get_or_insert((self.now, Instant::now()));
                    self.now = self.now.max(from.0.saturating_add(nanos(from.1.elapsed())));
                    // Whether there is room is asked again when there is something to write.
                    let _ = self.tidy();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.count();
        }
        self.close();
        self.count();
    }

    fn keep(&mut self, chunk: &mut Vec<u8>, frames: u64, since: i64) {
        let written = if self.tidy() {
            self.write(chunk, frames, since)
        } else {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let counter = if written.is_ok() { &self.counters.frames } else { &self.counters.lost };
        counter.fetch_add(frames, Ordering::Relaxed);
        self.counters.waiting.fetch_sub(frames, Ordering::Relaxed);
        match written {
            Ok(()) if self.failing => {
                self.failing = false;
                eprintln!("lazaret: the evidence ring can be written again");
            }
            Err(cause) if !self.failing => {
                self.failing = true;
                let folder = self.folder.display();
                eprintln!(
                    "lazaret: the evidence ring `{folder}` cannot be written ({cause}): frames are not kept, the watch goes on"
                );
            }
            _ => {}
        }
    }

    fn write(&mut self, chunk: &mut Vec<u8>, frames: u64, since: i64) -> io::Result<()> {
        if self.current.is_none() {
            self.current = Some(self.open(since)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let front = current.sealer.seal(chunk)?;
        while let Err(cause) = append(current, &front, chunk) {
            // The oldest evidence goes before the newest, and all of it before anybody else is without room.
            if cause.kind() != io::ErrorKind::StorageFull || !delete_oldest(&mut self.old, &self.counters) {
                self.current = None;
                self.find();
                return Err(cause);
            }
        }
        current.frames += frames;
        if self.synced.elapsed() >= SYNC_EVERY {
            self.synced = Instant::now();
            current.file.sync_data()?;
        }
        Ok(())
    }

    /// A new segment.
    fn open(&mut self, since: i64) -> io::Result<Current> {
        let salt: [u8; SALT_BYTES] = random().map_err(io::Error::other)?;
        let (mut sealer, front) = Sealer::new(&self.master, self.next, &salt)?;
        let mut begin = self.begin.chunk();
        let begins = sealer.seal(&mut begin)?;
        let path = self.folder.join(name(self.next));
        let file = loop {
            let opened = File::options().write(true).create_new(true).mode(0o600).open(&path);
            let made = opened.and_then(|mut file| {
                file.write_all(&[&front[..], &begins, &begin].concat())?;
                Ok(file)
            });
            match made {
                Ok(file) => break file,
                Err(cause) => {
                    drop(std::fs::remove_file(&path));
                    let full = cause.kind() == io::ErrorKind::StorageFull;
                    if !full || !delete_oldest(&mut self.old, &self.counters) {
                        return Err(cause);
                    }
                }
            }
        };
        self.next = self.next.saturating_add(1);
        let bytes = (front.len() + begins.len() + begin.len()) as u64;
        Ok(Current { file, sealer, path, bytes, frames: 0, since })
    }

    fn period(&mut self, name: String) {
        let mut chunk = segment::period(&name);
        self.begin.period = name;
        let Some(current) = &mut self.current else { return };
        let written = current.sealer.seal(&mut chunk).and_then(|front| append(current, &front, &chunk));
        if written.is_err() {
            // The next segment says it.
            self.close();
        }
    }

    /// Ends the segment that is written.
    fn close(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        let mut end = segment::end(current.frames);
        // Where it cannot be written, the segment has no end, which whoever reads it is told.
        let written = current.sealer.seal(&mut end).and_then(|front| append(&mut current, &front, &end));
        drop(written.and_then(|()| current.file.sync_data()));
        let Current { path, bytes, since, .. } = current;
        self.old.push_back(Old { path, bytes, since });
    }

    /// After a segment was given up: it is among the old ones, as far as it is there.
    fn find(&mut self) {
        let known: Vec<PathBuf> = self.old.iter().map(|old| old.path.clone()).collect();
        let Ok(found) = segments(&self.folder) else { return };
        let mut found: Vec<_> = found.filter(|(_, path)| !known.contains(path)).collect();
        found.sort();
        for (_, path) in found {
            let bytes = std::fs::metadata(&path).map_or(0, |about| about.len());
            self.old.push_back(Old { path, bytes, since: self.now });
        }
    }

    /// Deletes what is too old or too much; whether there is room for more.
    fn tidy(&mut self) -> bool {
        let age = nanos(self.limits.age);
        let part = self.limits.bytes / 256;
        let part = part.clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
        let now = self.now;
        if self.current.as_ref().is_some_and(|current| {
            let full = current.bytes >= part || !current.sealer.has_room();
            full || now.saturating_sub(current.since) >= age / i64::from(AGE_PARTS)
        }) {
            self.close();
        }
        while self.old.front().is_some_and(|old| now.saturating_sub(old.since) >= age) {
            if !delete(&mut self.old) {
                break;
            }
        }
        // One more segment must have room.
        while self.bytes().saturating_add(part) > self.limits.bytes && delete(&mut self.old) {}
        self.has_room()
    }

    /// Whether the disk has room for evidence, the oldest of which is deleted to make it. The last room is for findings.
    fn has_room(&mut self) -> bool {
        loop {
            // Where the system does not say, a write that fails will.
            let Ok(about) = rustix::fs::statvfs(&self.folder) else { return true };
            let unit = about.f_frsize.max(1);
            let reserve = about.f_blocks.saturating_mul(unit) / 20;
            let room = about.f_bavail.saturating_mul(unit);
            if room >= reserve.clamp(RESERVE_BYTES.0, RESERVE_BYTES.1) {
                return true;
            }
            if self.old.is_empty() {
                self.close();
            }
            if !delete_oldest(&mut self.old, &self.counters) {
                return false;
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.old.iter().map(|old| old.bytes).sum::<u64>() + self.current.as_ref().map_or(0, |one| one.bytes)
    }

    fn count(&self) {
        let segments = self.old.len() + usize::from(self.current.is_some());
        let oldest = self.old.front().map(|old| old.since);
        let oldest = oldest.or(self.current.as_ref().map(|current| current.since)).unwrap_or(self.now);
        let oldest = u64::try_from(self.now.saturating_sub(oldest)).unwrap_or(0) / 1_000_000_000;
        let Counters { bytes, segments: count, oldest: age, .. } = &*self.counters;
        bytes.store(self.bytes(), Ordering::Relaxed);
        count.store(segments as u64, Ordering::Relaxed);
        age.store(oldest, Ordering::Relaxed);
    }
}

/// Writes a chunk at the end, or nothing of it.
fn append(current: &mut Current, front: &[u8], chunk: &[u8]) -> io::Result<()> {
    let written = current.file.write_all(front).and_then(|()| current.file.write_all(chunk));
    match written {
        Ok(()) => {
            current.bytes += (front.len() + chunk.len()) as u64;
            Ok(())
        }
        Err(cause) => {
            current.file.set_len(current.bytes)?;
            current.file.seek(io::SeekFrom::Start(current.bytes))?;
            Err(cause)
        }
    }
}

/// Deletes the oldest segment; false where there is none, or it cannot be.
fn delete(old: &mut VecDeque<Old>) -> bool {
    let Some(first) = old.front() else { return false };
    match std::fs::remove_file(&first.path) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return false,
    }
    old.pop_front();
    true
}

/// The same, before its time.
fn delete_oldest(old: &mut VecDeque<Old>, counters: &Counters) -> bool {
    let deleted = delete(old);
    counters.early.fetch_add(u64::from(deleted), Ordering::Relaxed);
    deleted
}

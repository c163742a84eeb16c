//! Keeping frames.

use super::{
    ArchiveError, FRAMES, HEADER_BYTES, Header, INTERFACE, Key, RECORD_BYTES_MAX, SEGMENTS_MAX, Seal, name_of, put,
    segments,
};
use crate::batch::Batch;
use model::CaptureTime;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Largest part of a disk that is left free, in bytes. Ours: findings are to have room when frames take all there is.
/// On a disk of less than ten times this, a tenth is left.
pub const RESERVE_BYTES_MAX: u64 = 512 << 20;
/// Bytes of frames that make a record.
const RECORD_BYTES: usize = 256 << 10;
/// Records that may wait for the disk. Our limit: what comes while they wait is not kept, and counted.
const WAITING_RECORDS_MAX: usize = 64;
/// Least and largest size of a segment, in bytes; a sixteenth of the ring between them.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Size of all segments together, in bytes.
    pub bytes: u64,
    /// Age of the newest frame of a segment against the newest of all, in nanoseconds of capture time.
    pub age_ns: i64,
}

impl Limits {
    fn segment_bytes(self) -> u64 {
        (self.bytes / 16).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    }
}

/// What became of frames; counted while they are written.
#[derive(Debug, Default)]
pub struct Keeping {
    kept: AtomicU64,
    unkept: AtomicU64,
    bytes: AtomicU64,
}

impl Keeping {
    /// Frames written.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Frames that were not, because the disk was too slow, full or broken.
    #[must_use]
    pub fn unkept(&self) -> u64 {
        self.unkept.load(Ordering::Relaxed)
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Keeps frames, on a thread of its own, so that a disk never makes a sensor wait.
#[derive(Debug)]
pub struct Writer {
    record: Vec<u8>,
    frames: u64,
    last: CaptureTime,
    to: Option<SyncSender<Record>>,
    thread: Option<JoinHandle<()>>,
    keeping: Arc<Keeping>,
}

/// Frames that become one record.
struct Record {
    plain: Vec<u8>,
    frames: u64,
    last: CaptureTime,
}

impl Writer {
    /// Opens the folder, makes it where it is not there, and starts a run of `interface`. The thread is started by
    /// [`Self::start`], after this process has given its privileges away.
    ///
    /// # Errors
    /// When the folder cannot be made, listed or written to, or the system gives no randomness.
    pub fn open(folder: &Path, key: Key, interface: &str, limits: Limits) -> Result<Disk, ArchiveError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| ArchiveError::File { what: "make", path: folder.to_owned(), cause })?;
        let mut known = VecDeque::new();
        let mut bytes = 0;
        for (serial, path) in segments(folder)? {
            let meta = path.metadata().ok();
            let length = meta.as_ref().map_or(0, std::fs::Metadata::len);
            bytes += length;
            // Of what an earlier run wrote, the time of the file stands for that of its last frame.
            let written = meta.and_then(|meta| meta.modified().ok());
            let since = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            let last = since.and_then(|since| i64::try_from(since.as_nanos()).ok());
            known.push_back(Segment { serial, bytes: length, last: CaptureTime::from_nanos(last.unwrap_or(0)) });
        }
        let mut run = [0; 16];
        getrandom::fill(&mut run).map_err(ArchiveError::Random)?;
        let next = known.back().map_or(1, |segment: &Segment| segment.serial + 1);
        let keeping = Arc::new(Keeping::default());
        keeping.bytes.store(bytes, Ordering::Relaxed);
        let (folder, interface) = (folder.to_owned(), interface.to_owned());
        let mut disk = Disk { folder, key, interface, limits, run, known, next, bytes, open: None, keeping };
        // What is wrong with the folder shows now, and not when the first frame comes.
        disk.begin()?;
        Ok(disk)
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut disk: Disk) -> io::Result<Self> {
        let (to, from) = sync_channel::<Record>(WAITING_RECORDS_MAX);
        let keeping = Arc::clone(&disk.keeping);
        let thread = std::thread::Builder::new().name("ring".to_owned()).spawn(move || {
            while let Ok(record) = from.recv() {
                disk.write(&record);
            }
            disk.end();
        })?;
        let (to, thread) = (Some(to), Some(thread));
        Ok(Self { record: vec![FRAMES], frames: 0, last: CaptureTime::default(), to, thread, keeping })
    }

    /// Keeps the frames of a batch. They are on their way to the disk when this returns: at the end of every batch, so
    /// that a process that is killed has written all but the last moment.
    pub fn keep(&mut self, batch: &Batch) {
        for frame in batch.frames() {
            if self.record.len() + frame.bytes.len() + 64 > RECORD_BYTES_MAX.min(RECORD_BYTES + frame.bytes.len()) {
                self.send();
            }
            put(&mut self.record, &frame);
            self.frames += 1;
            self.last = frame.time;
        }
        self.send();
    }

    fn send(&mut self) {
        if self.frames == 0 {
            return;
        }
        let plain = std::mem::replace(&mut self.record, vec![FRAMES]);
        let record = Record { plain, frames: std::mem::take(&mut self.frames), last: self.last };
        let Some(to) = &self.to else { return };
        if let Err(TrySendError::Full(record) | TrySendError::Disconnected(record)) = to.try_send(record) {
            self.keeping.unkept.fetch_add(record.frames, Ordering::Relaxed);
        }
    }

    /// What became of frames so far.
    #[must_use]
    pub fn keeping(&self) -> &Keeping {
        &self.keeping
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.send();
        self.to = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to write.
            drop(thread.join());
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    serial: u64,
    bytes: u64,
    last: CaptureTime,
}

/// The folder, and the segment that is being written.
pub struct Disk {
    folder: PathBuf,
    key: Key,
    interface: String,
    limits: Limits,
    run: [u8; 16],
    /// Segments that are there, the one being written left out, oldest first.
    known: VecDeque<Segment>,
    next: u64,
    /// Bytes of all of them, the one being written included.
    bytes: u64,
    open: Option<Open>,
    keeping: Arc<Keeping>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("folder", &self.folder).finish_non_exhaustive()
    }
}

struct Open {
    file: File,
    seal: Seal,
    record: u64,
    segment: Segment,
}

impl Disk {
    fn path(&self, serial: u64) -> PathBuf {
        self.folder.join(name_of(serial))
    }

    /// Starts a segment.
    fn begin(&mut self) -> Result<(), ArchiveError> {
        let serial = self.next;
        let path = self.path(serial);
        let failed = |cause| ArchiveError::File { what: "write", path: path.clone(), cause };
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(ArchiveError::Random)?;
        let header = Header::new(&self.key, salt, self.run, serial);
        let seal = Seal::new(&self.key, &header);
        let name = self.interface.as_bytes();
        let length = u16::try_from(name.len()).unwrap_or(0);
        let first = [&[INTERFACE], &length.to_le_bytes()[..], name].concat();
        let start = [&header.bytes()[..], &seal.sealed(0, &first).unwrap_or_default()].concat();
        let opened = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = opened.map_err(failed)?;
        if let Err(cause) = file.write_all(&start) {
            drop(std::fs::remove_file(&path));
            return Err(failed(cause));
        }
        self.next += 1;
        let bytes = start.len() as u64;
        self.grow(bytes);
        let segment = Segment { serial, bytes, last: CaptureTime::default() };
        self.open = Some(Open { file, seal, record: 1, segment });
        Ok(())
    }

    fn grow(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.keeping.bytes.store(self.bytes, Ordering::Relaxed);
    }

    /// Ends the segment that is being written.
    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            // What cannot be synced now is the system's to write later; the records themselves are whole.
            drop(open.file.sync_data());
            self.known.push_back(open.segment);
        }
    }

    /// Writes a record, and makes the oldest give way where there is no room.
    fn write(&mut self, record: &Record) {
        let full = self.open.as_ref().is_some_and(|open| open.segment.bytes >= self.limits.segment_bytes());
        if full {
            self.end();
        }
        self.make_room(record);
        let written = loop {
            match self.append(record) {
                Ok(()) => break true,
                // The disk is full, or a quota is reached.
                Err(cause) if is_full(&cause) && self.drop_oldest() => {}
                Err(_) => break false,
            }
        };
        let count = if written { &self.keeping.kept } else { &self.keeping.unkept };
        count.fetch_add(record.frames, Ordering::Relaxed);
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.open.is_none() {
            self.begin().map_err(|error| match error {
                ArchiveError::File { cause, .. } => cause,
                other => io::Error::other(other),
            })?;
        }
        let Some(open) = &mut self.open else { return Err(io::Error::other("no segment")) };
        let sealed = open.seal.sealed(open.record, &record.plain);
        let sealed = sealed.ok_or_else(|| io::Error::other("a record too long"))?;
        if let Err(cause) = open.file.write_all(&sealed) {
            // A part of a record would hide the ones after it.
            open.file.set_len(open.segment.bytes)?;
            io::Seek::seek(&mut open.file, io::SeekFrom::Start(open.segment.bytes))?;
            return Err(cause);
        }
        open.record += 1;
        open.segment.bytes += sealed.len() as u64;
        open.segment.last = record.last;
        let bytes = sealed.len() as u64;
        self.grow(bytes);
        Ok(())
    }

    /// Lets the oldest segments go that the limits do not allow beside this record.
    fn make_room(&mut self, record: &Record) {
        let coming = (record.plain.len() + HEADER_BYTES) as u64;
        let old = |segment: &Segment| record.last.nanos_since(segment.last) > self.limits.age_ns;
        let mut aged = self.known.front().is_some_and(old);
        while aged || self.bytes + coming > self.limits.bytes || self.known.len() >= SEGMENTS_MAX || self.is_tight(coming) {
            if !self.drop_oldest() {
                break;
            }
            let old = |segment: &Segment| record.last.nanos_since(segment.last) > self.limits.age_ns;
            aged = self.known.front().is_some_and(old);
        }
    }

    /// Whether less than the reserve would be left free.
    fn is_tight(&self, coming: u64) -> bool {
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return false };
        let reserve = RESERVE_BYTES_MAX.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 10);
        disk.f_bavail.saturating_mul(disk.f_frsize) < reserve.saturating_add(coming)
    }

    /// Deletes the oldest segment; false where only the one being written is left.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.known.pop_front() else { return false };
        let removed = std::fs::remove_file(self.path(oldest.serial));
        let gone = removed.is_ok() || removed.is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
        if gone {
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.keeping.bytes.store(self.bytes, Ordering::Relaxed);
        }
        gone
    }
}

fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

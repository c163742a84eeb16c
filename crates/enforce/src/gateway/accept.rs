//! Accepting connections of devices, and keeping each of their cycles.

use super::original::{Central, Line};
use super::session::Session;
use super::{Buffer, BufferError, Cycle, Form};
use model::{CaptureTime, Endpoint};
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::TcpStreamExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Connections at a time; further ones are closed at once and counted. Our limit: a central station handles 64 beds,
/// and a device that reconnects may leave one behind.
pub const CONNECTIONS_MAX: u64 = 256;
/// Read at a time.
const READ_BYTES: usize = 16 << 10;
/// A connection that brings nothing for so long is closed: a device that lost its power left it behind, and nothing is ever sent
/// that would find that out. Our limit: a cycle comes each second.
const SILENT_MAX: Duration = Duration::from_secs(600);
/// After an error of a listener.
const AGAIN_TO_ACCEPT: Duration = Duration::from_millis(200);
/// Between two tries to keep a cycle that the buffer did not take.
const AGAIN: Duration = Duration::from_secs(1);

/// What the gateway has done so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open.
    pub open: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections closed because there were too many.
    pub turned_away: AtomicU64,
    /// Connections that were not read on; see [`super::Unread`].
    pub unread: AtomicU64,
    /// Cycles kept.
    pub cycles: AtomicU64,
    /// Cycles that the buffer did not take at the first try.
    pub stalled: AtomicU64,
}

/// What waits for one receiver.
pub struct Lane {
    form: Form,
    buffer: Mutex<Box<dyn Buffer>>,
    kept: Condvar,
    /// Messages handed on.
    pub delivered: AtomicU64,
    /// Messages that the receiver refused for good.
    pub refused: AtomicU64,
    /// Times that the receiver was lost.
    pub lost: AtomicU64,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Lane {
    /// Messages of that form, kept in `buffer`.
    #[must_use]
    pub fn new(form: Form, buffer: Box<dyn Buffer>) -> Self {
        Self {
            form,
            buffer: Mutex::new(buffer),
            kept: Condvar::new(),
            delivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// The buffer, for whoever delivers.
    pub(super) fn buffer(&self) -> MutexGuard<'_, Box<dyn Buffer>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something was kept, or `most` is over.
    pub(super) fn wait(&self, most: Duration) {
        let buffer = self.buffer();
        // What came while the last was settled woke nobody.
        if buffer.waiting().is_ok_and(|waiting| waiting > 0) {
            return;
        }
        drop(self.kept.wait_timeout(buffer, most).unwrap_or_else(PoisonError::into_inner));
    }

    /// Messages that wait for the receiver, where the buffer says.
    #[must_use]
    pub fn waiting(&self) -> Option<i64> {
        self.buffer().waiting().ok()
    }

    /// Keeps a cycle; whether there was anything to keep.
    fn put(&self, cycle: &Cycle) -> Result<bool, BufferError> {
        let source = cycle.source();
        let last = self.buffer().last(&source)?;
        // Nobody waits for the buffer while a message is written: its source has one connection.
        let Some(text) = cycle.message(self.form, last)? else { return Ok(false) };
        self.buffer().put(&source, cycle.received, &text)?;
        self.kept.notify_one();
        Ok(true)
    }
}

/// The station that devices find.
pub struct Station {
    /// The receivers, each with what waits for it.
    pub lanes: Vec<Lane>,
    /// Who gets the devices' own streams.
    pub central: Option<Central>,
    ending: AtomicBool,
    /// What was done.
    pub counters: Counters,
    tell: Box<dyn Fn(String) + Send + Sync>,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Station {
    /// Keeps cycles for each of `lanes`, hands the streams on to `central`, and says by `tell` what people should know.
    #[must_use]
    pub fn new(
        lanes: Vec<Lane>,
        central: Option<Central>,
        tell: Box<dyn Fn(String) + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self { lanes, central, ending: AtomicBool::new(false), counters: Counters::default(), tell })
    }

    /// Listens; connections are taken once [`Station::serve`] is called.
    ///
    /// # Errors
    /// What the system says of the address.
    pub fn listen(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind(SocketAddr::new(ip, port))
    }

    /// Takes connections as long as the process lives. One thread, which sleeps until one comes, and one more for each.
    pub fn serve(self: &Arc<Self>, listener: &TcpListener) {
        while !self.is_ending() {
            match listener.accept() {
                Ok((stream, device)) => self.take(stream, device),
                // Of one connection, or of the system's limits: the next may do.
                Err(_) => std::thread::sleep(AGAIN_TO_ACCEPT),
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, device: SocketAddr) {
        let counters = &self.counters;
        if counters.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            counters.open.fetch_sub(1, Ordering::Relaxed);
            counters.turned_away.fetch_add(1, Ordering::Relaxed);
            return;
        }
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        let station = Arc::clone(self);
        std::thread::spawn(move || {
            if let Err(error) = station.read(&stream, device) {
                station.say(format!("connection of {}: {error}", device.ip()));
            }
            station.counters.open.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Reads a connection to its end. Nothing is ever written to it.
    fn read(self: &Arc<Self>, mut stream: &TcpStream, device: SocketAddr) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENT_MAX))?;
        let local = stream.local_addr()?;
        let end = |at: SocketAddr| Endpoint { ip: at.ip(), port: at.port() };
        let mut session = Session::new(end(device), end(local));
        let mut line = Line::new(self, device.ip());
        if line.is_some() {
            session = session.with_original();
        }
        let (mut bytes, mut cycles) = (vec![0; READ_BYTES], Vec::new());
        let mut unread = false;
        while !self.is_ending() {
            // A device that waits for our acknowledgement before it sends the rest of its cycle waits for up to 40 ms
            // else; the kernel forgets this after a while.
            stream.set_quickack(true)?;
            let count = match stream.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A device that was switched off is no matter for people.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            };
            // What cannot be read is still taken, as a silent station takes it.
            if unread {
                continue;
            }
            let outcome = session.feed(bytes.get(..count).unwrap_or_default(), now(), &mut cycles);
            for mut cycle in cycles.drain(..) {
                let original = cycle.original.take();
                self.keep(&cycle);
                if let Some(line) = &mut line {
                    line.put(original, cycle.received);
                }
            }
            if let Err(why) = outcome {
                unread = true;
                self.counters.unread.fetch_add(1, Ordering::Relaxed);
                self.say(format!(
                    "{} to port {} {}; nothing of it is handed on",
                    device.ip(),
                    local.port(),
                    why.as_str()
                ));
            }
        }
        Ok(())
    }

    /// Keeps a cycle for every receiver, however long that takes: meanwhile nothing is read, and the device's own buffers
    /// fill.
    fn keep(&self, cycle: &Cycle) {
        let mut said = false;
        let mut kept = false;
        for lane in &self.lanes {
            loop {
                match lane.put(cycle) {
                    Ok(put) => {
                        kept |= put;
                        break;
                    }
                    Err(error) => {
                        if !said {
                            self.counters.stalled.fetch_add(1, Ordering::Relaxed);
                            let source = cycle.source();
                            self.say(format!("a cycle of {source} cannot be kept, trying again: {error}"));
                            said = true;
                        }
                    }
                }
                if self.is_ending() {
                    return;
                }
                std::thread::sleep(AGAIN);
            }
        }
        if kept {
            self.counters.cycles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends everything soon.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.lanes.iter().for_each(|lane| lane.kept.notify_all());
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    pub(super) fn say(&self, words: String) {
        (self.tell)(words);
    }
}

/// The clock: an edge reads it.
#[expect(clippy::disallowed_methods, reason = "this edge says when it accepted and delivered")]
pub(super) fn now() -> CaptureTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    CaptureTime::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

//! The device's own stream, handed to a central station of the hospital that may have it.
//!
//! ```text
//! device ──TCP──► cycles, as they were accepted, byte for byte ──► a queue of a few ──TCP──► central station
//! ```
//! * A connection of the device is one to the station. What the station sends is read and thrown away: nothing goes back.
//! * Only whole cycles go, each after the buffers of the other receivers have it, in order. What is not understood does
//!   not.
//! * **Nothing is filled in afterwards.** The protocol carries no time, so an old cycle would be shown as the patient's
//!   state of now. What the station does not take within [`STALE_MIN`] is left out and counted, and the connection is
//!   closed and made anew, so that the station sees that something is missing. The new one begins with what the device last
//!   said of who lies there.
//! * Patients are named in it, as they are on the device's own wire. It is never on disk.

use super::accept::{Station, now};
use super::carrier::connect;
use model::CaptureTime;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Cycles of a device that wait for the station. Our limit; a further one is left out. Age matters more: see [`STALE_MIN`].
const QUEUE_MAX: usize = 32;
/// From acceptance to handing on: what is older is left out. Our limit: a few cycles.
pub const STALE_MIN: Duration = Duration::from_secs(5);
/// How long the station may take to accept a connection, or bytes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pieces of what the station says that are thrown away at a time. Our limit; the rest comes with the next cycle.
const PIECES_MAX: usize = 16;

/// A cycle as the device sent it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bytes {
    /// What the device last said of who lies there; empty where the cycle itself says it, or nothing did.
    pub head: Arc<[u8]>,
    /// The cycle.
    pub cycle: Vec<u8>,
}

/// The station.
#[derive(Debug)]
pub struct Central {
    address: String,
    /// Connections open.
    pub open: AtomicU64,
    /// Cycles handed on.
    pub cycles: AtomicU64,
    /// Cycles left out.
    pub left_out: AtomicU64,
}

impl Central {
    /// At `HOST:PORT`.
    #[must_use]
    pub const fn new(address: String) -> Self {
        Self { address, open: AtomicU64::new(0), cycles: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

struct Parcel {
    bytes: Bytes,
    accepted: CaptureTime,
    /// Cycles before it were left out.
    after_gap: bool,
}

/// One device's way to the station.
pub(super) struct Line {
    queue: SyncSender<Parcel>,
    station: Arc<Station>,
    missed: bool,
}

impl Line {
    /// For a device; nothing is connected before the first cycle. None where no station may have it.
    pub(super) fn new(station: &Arc<Station>, device: IpAddr) -> Option<Self> {
        station.central.as_ref()?;
        let (queue, parcels) = sync_channel(QUEUE_MAX);
        let own = Arc::clone(station);
        std::thread::spawn(move || hand_on(&own, device, &parcels));
        Some(Self { queue, station: Arc::clone(station), missed: false })
    }

    /// Hands a cycle on, or leaves it out; never waits.
    pub(super) fn put(&mut self, bytes: Option<Bytes>, accepted: CaptureTime) {
        let after_gap = self.missed;
        let put =
            bytes.is_some_and(|bytes| self.queue.try_send(Parcel { bytes, accepted, after_gap }).is_ok());
        self.missed = !put;
        if let (false, Some(central)) = (put, &self.station.central) {
            central.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Until the device's connection ends.
fn hand_on(station: &Station, device: IpAddr, parcels: &Receiver<Parcel>) {
    let Some(central) = &station.central else { return };
    let mut stream: Option<TcpStream> = None;
    let mut lost = false;
    for parcel in parcels {
        if parcel.after_gap {
            close(central, &mut stream);
        }
        let sent = if now().since(parcel.accepted) < STALE_MIN {
            send(central, &mut stream, &parcel.bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"))
        };
        match sent {
            Ok(()) => {
                central.cycles.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut lost) {
                    station.say(format!("{} takes the stream of {device} again", central.address));
                }
            }
            Err(error) => {
                close(central, &mut stream);
                central.left_out.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut lost, true) {
                    let address = &central.address;
                    station.say(format!(
                        "{address} does not take the stream of {device}, cycles are left out: {error}"
                    ));
                }
            }
        }
    }
    close(central, &mut stream);
}

fn close(central: &Central, stream: &mut Option<TcpStream>) {
    if stream.take().is_some() {
        central.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn send(central: &Central, stream: &mut Option<TcpStream>, bytes: &Bytes) -> io::Result<()> {
    if let Some(open) = stream
        && throw_away(open).is_err()
    {
        // The station closed it, which a station may.
        close(central, stream);
    }
    let stream = match stream {
        Some(stream) => stream,
        empty => {
            let fresh = connect(&central.address, PATIENCE)?;
            central.open.fetch_add(1, Ordering::Relaxed);
            let stream = empty.insert(fresh);
            stream.write_all(&bytes.head)?;
            stream
        }
    };
    stream.write_all(&bytes.cycle)
}

/// Reads what the station says.
fn throw_away(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut piece = [0; 4096];
    for _ in 0..PIECES_MAX {
        match stream.read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    stream.set_nonblocking(false)
}

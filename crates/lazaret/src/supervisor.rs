//! Telling systemd that the sensor is ready, alive, ending: datagrams to a local socket, nothing on a network.
//!
//! # Source
//! sd_notify(3), sd_watchdog_enabled(3).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever started this process, where that is systemd and wants to be told.
pub(crate) struct Supervisor {
    socket: Option<UnixDatagram>,
    every: Option<Duration>,
}

impl Supervisor {
    /// From `NOTIFY_SOCKET` and `WATCHDOG_USEC`. Connected before the process gives up opening files.
    pub(crate) fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let address = match name.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&address.ok()?).ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        });
        let every = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        // Twice as often as is asked for.
        Self { socket, every: every.map(Duration::from_micros).map(|every| every / 2) }
    }

    /// How often to call [`Self::alive`]; never where nobody watches.
    pub(crate) const fn every(&self) -> Option<Duration> {
        self.every
    }

    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket {
            // A supervisor that does not listen restarts us; there is nobody else to tell.
            drop(socket.send(what.as_bytes()));
        }
    }
}

//! What becomes of frames before a socket sees them: the kernel's counters in `/proc/net`.
//!
//! The files are opened once and read again and again, so that a process may give up opening files in between.
//!
//! # Source
//! proc_pid_net(5); Linux `net/core/net-procfs.c`: `dev` has the receive columns bytes, packets, errs, drop, fifo, …;
//! `softnet_stat` has one line per processor, hexadecimal, the second column counting frames dropped because the
//! backlog (`net.core.netdev_max_backlog`) was full, of all interfaces together.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};

/// Longest file that is read, in bytes. Our limit: thousands of interfaces; what is beyond is not seen.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Frames before the socket, since some moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Before {
    /// Frames that the interface received.
    pub received: u64,
    /// Frames that the card could not hand over because its queue was full. They were lost.
    pub overrun: u64,
    /// Frames that the interface dropped for any reason. Not all were lost: a tagged frame that no VLAN interface takes
    /// is counted here though the socket has it.
    pub dropped: u64,
    /// Frames that the kernel dropped because a processor's backlog was full, of all interfaces. They were lost, here or
    /// on another interface.
    pub backlog: u64,
}

impl Before {
    /// Frames that are lost for certain, though perhaps another interface's.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.overrun.saturating_add(self.backlog)
    }

    fn since(&self, start: &Self) -> Self {
        // An interface that went away and came back counts from zero again.
        let since = |now: u64, start: u64| now.checked_sub(start).unwrap_or(now);
        Self {
            received: since(self.received, start.received),
            overrun: since(self.overrun, start.overrun),
            dropped: since(self.dropped, start.dropped),
            backlog: since(self.backlog, start.backlog),
        }
    }
}

/// The counters of one interface, from when they were opened.
#[derive(Debug)]
pub(crate) struct Counters {
    interface: String,
    device: File,
    backlog: File,
    start: Before,
}

impl Counters {
    /// None where `/proc` is not there.
    pub(crate) fn open(interface: &str) -> Option<Self> {
        let device = File::open("/proc/net/dev").ok()?;
        let backlog = File::open("/proc/net/softnet_stat").ok()?;
        let mut counters =
            Self { interface: interface.to_owned(), device, backlog, start: Before::default() };
        counters.start = counters.now()?;
        Some(counters)
    }

    /// What was counted since then; none while the interface is away.
    pub(crate) fn since_start(&mut self) -> Option<Before> {
        Some(self.now()?.since(&self.start))
    }

    fn now(&mut self) -> Option<Before> {
        let device = text_of(&mut self.device).ok()?;
        let backlog = text_of(&mut self.backlog).ok()?;
        Some(Before { backlog: backlog_of(&backlog), ..device_of(&device, &self.interface)? })
    }
}

fn text_of(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The line of one interface in `/proc/net/dev`.
fn device_of(text: &str, interface: &str) -> Option<Before> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let mut numbers = line.split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    let (_bytes, received, _errors, dropped, overrun): (u64, u64, u64, u64, u64) =
        (next()?, next()?, next()?, next()?, next()?);
    Some(Before { received, overrun, dropped, backlog: 0 })
}

/// The sum of the second column of `/proc/net/softnet_stat`.
fn backlog_of(text: &str) -> u64 {
    let dropped = |line: &str| u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok();
    text.lines().filter_map(dropped).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth1: 9999999    1243    1    7    3     0          0         0        0       0    0    0    0     0       0          0
 eth10:       5       6    0    8    9     0          0         0        0       0    0    0    0     0       0          0
";

    #[test]
    fn the_line_of_an_interface_is_found_by_its_whole_name() {
        let counted = |received, dropped, overrun| Before { received, overrun, dropped, backlog: 0 };
        assert_eq!(device_of(DEVICE, "eth1"), Some(counted(1243, 7, 3)));
        assert_eq!(device_of(DEVICE, "eth10"), Some(counted(6, 8, 9)));
        assert_eq!(device_of(DEVICE, "eth"), None);
        assert_eq!(device_of("eth1: 1 2 x", "eth1"), None);
    }

    #[test]
    fn drops_of_all_processors_are_added_up() {
        let text = "00ab12b4 00000002 00000000\n00f48671 0000000a 00000000\nnonsense\n";
        assert_eq!(backlog_of(text), 12);
    }

    #[test]
    fn an_interface_that_came_back_counts_from_zero() {
        let start = Before { received: 100, overrun: 0, dropped: 5, backlog: 1 };
        let now = Before { received: 7, overrun: 0, dropped: 6, backlog: 3 };
        let since = now.since(&start);
        assert_eq!((since.received, since.dropped, since.lost()), (7, 1, 2));
    }
}

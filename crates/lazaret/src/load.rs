//! What this process costs: memory and processor time.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Longest `statm` that is read, in bytes: seven numbers.
const STATM_BYTES_MAX: usize = 256;

/// Asks the system. The file is opened before the process gives up opening files.
pub(crate) struct Load {
    statm: Option<File>,
    page_bytes: u64,
}

impl Load {
    pub(crate) fn open() -> Self {
        Self { statm: File::open("/proc/self/statm").ok(), page_bytes: rustix::param::page_size() as u64 }
    }

    /// Resident memory, in bytes; none where the system does not say.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let mut text = [0; STATM_BYTES_MAX];
        let read = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..read)?).ok()?;
        // Size, resident, … in pages (proc(5)).
        text.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(self.page_bytes)
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu_seconds() -> f64 {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_takes_time() {
        let load = Load::open();
        assert!(load.resident_bytes().unwrap() > 100_000);
        let before = Load::cpu_seconds();
        // Ends only because time is taken.
        while Load::cpu_seconds() - before < 0.001 {
            std::hint::black_box(load.resident_bytes());
        }
    }
}

//! What the process asks of its allocator. The second of the two files that hold `unsafe`, for one call.

#![expect(unsafe_code, reason = "mimalloc's options are set through its C interface")]

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// `mi_option_purge_delay` of `mimalloc.h`, which the bindings do not name: milliseconds until freed pages go back to the
/// system, -1 for never.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps freed pages until the process ends, for a run that uses them again soon and then ends.
///
/// A scan frees and takes the same pages over and over. Given back in between, each is cleared anew by the kernel when it
/// is touched again, which cost a fifth of the CPU time of a scan with many connections (`docs/book/src/speed.md`). The
/// peak is what it was: bounded tables bound it. A sensor that runs for months does not call this.
pub fn keep_freed_pages() {
    // SAFETY: the call stores one integer in the allocator's table of options. It is "not thread safe" in that two
    // callers would race for that integer; callers call it once, before they start threads, and a torn choice could
    // only be another delay.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}

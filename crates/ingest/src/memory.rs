//! The process's memory: when freed pages go back to the system, and that what was freed can be made unreadable.
//!
//! The second of the two files that hold `unsafe`: an allocator has no safe interface.

#![expect(unsafe_code, reason = "an allocator and the options of mimalloc have no safe interface")]

use libmimalloc_sys::{mi_malloc, mi_option_set, mi_option_t, mi_realloc, mi_zalloc};
use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, Ordering};

/// `mi_option_purge_delay` of `mimalloc.h`, which the bindings do not name: milliseconds until freed pages go back to the
/// system, -1 for never.
const PURGE_DELAY: mi_option_t = 15;

static WIPES: AtomicBool = AtomicBool::new(false);

/// The allocator of the binary: mimalloc, which makes the millions of small pieces of a scan cheap, and which on
/// [request](wipe_freed_memory) leaves nothing readable in what was freed.
#[derive(Debug)]
pub struct Memory;

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

/// From here on every freed piece is overwritten with zeros: what frames held of patients does not outlive its use, in
/// a process that runs for months and may be dumped or swapped out.
pub fn wipe_freed_memory() {
    WIPES.store(true, Ordering::Relaxed);
}

/// Alignment of every piece that mimalloc gives for the asking, `MI_MAX_ALIGN_SIZE` of its `types.h`: that of C's `malloc`.
const USUAL_ALIGN: usize = 16;

/// Whether C's `malloc` aligns such a piece by itself. Asked for an alignment, mimalloc 3 takes a block that is larger by it
/// than was asked for wherever the size is no power of two, and so of the next class of sizes: slower, and up to a quarter
/// more memory.
#[inline]
const fn is_usual(size: usize, align: usize) -> bool {
    align <= USUAL_ALIGN && align <= size
}

// SAFETY: every call goes to mimalloc, which is a sound allocator, with the layout it came with. A piece is written to
// only where it is whole and about to be freed, so that nobody else may read or write it.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_usual(layout.size(), layout.align()) {
            // SAFETY: any size may be asked for; none gives null.
            return unsafe { mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's promises are those that mimalloc asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_usual(layout.size(), layout.align()) {
            // SAFETY: as above.
            return unsafe { mi_zalloc(layout.size()) }.cast();
        }
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if WIPES.load(Ordering::Relaxed) {
            wipe(piece, layout.size());
        }
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(piece, layout) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPES.load(Ordering::Relaxed) {
            if is_usual(size, layout.align()) {
                // SAFETY: the piece came from mimalloc, which moves it with its bytes where it has to.
                return unsafe { mi_realloc(piece.cast(), size) }.cast();
            }
            // SAFETY: as above.
            return unsafe { MiMalloc.realloc(piece, layout, size) };
        }
        // SAFETY: `size` is not zero and does not overflow when rounded up to the alignment: the caller's promise.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both pieces have at least this many bytes, and a fresh piece overlaps no other.
            unsafe { std::ptr::copy_nonoverlapping(piece, moved, layout.size().min(size)) };
            // SAFETY: the caller gave this piece up for the new one.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

/// Overwrites `bytes` bytes from `piece`, in a way that is not left out because nobody reads them again.
fn wipe(piece: *mut u8, bytes: usize) {
    // SAFETY: `piece` has this many bytes, and its owner has given it up.
    unsafe { std::ptr::write_bytes(piece, 0, bytes) };
    // The compiler must take it that somebody looks.
    std::hint::black_box(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_aligned_as_asked_and_keeps_its_bytes_when_it_grows() {
        for align in [1, 2, 8, 16, 32, 64] {
            for size in (1..=320).chain([4095, 4096, 69_632, 2 << 20]) {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the layout is not empty; the piece is used within its size, by one owner, and freed once with
                // the layout it has by then.
                unsafe {
                    let piece = Memory.alloc(layout);
                    assert!(piece.addr().is_multiple_of(align), "{layout:?}");
                    piece.write_bytes(0x5A, size);
                    let piece = Memory.realloc(piece, layout, size + 100);
                    assert!(piece.addr().is_multiple_of(align), "{layout:?} grown");
                    assert!((0..size).all(|at| *piece.add(at) == 0x5A), "{layout:?} grown");
                    Memory.dealloc(piece, Layout::from_size_align(size + 100, align).unwrap());
                    let piece = Memory.alloc_zeroed(layout);
                    assert!(
                        piece.addr().is_multiple_of(align) && (0..size).all(|at| *piece.add(at) == 0),
                        "{layout:?}"
                    );
                    Memory.dealloc(piece, layout);
                }
            }
        }
    }
}

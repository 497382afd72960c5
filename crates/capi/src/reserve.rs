//! An allocator with a reserve, so that a host outlives its memory running out.
//!
//! Rust ends the process when an allocation fails that is not asked for by one of the `try_` functions. So what the
//! system does not have is taken from a part of the library's own memory, if it is small; and work ends as an error, at
//! its next step, once some of the reserve is in use ([`room`]). The rest is for ending it. What is large as its input
//! is asked for by the functions of [`memory`], and fails by itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use linked_list_allocator::LockedHeap;
use wuerst::core::memory;

/// The size of the reserve, in bytes. It costs address space alone as long as nothing is taken from it.
const SIZE: usize = 32 << 20;

/// Larger requests are not served, so that one alone cannot use it up. The tables of a tokenizer of 30,000 words are blocks of
/// 2 MiB, which its library does not ask for in a way that can fail.
const LARGEST: usize = SIZE / 4;

/// As long as more than that is in use, nothing new is begun and nothing goes on.
const SPARED: usize = 1 << 20;

/// What there has to be beside, for the small allocations until it is asked again. Above the largest block that glibc
/// ever keeps for itself (32 MiB), so that asking changes nothing in how it works.
#[cfg(unix)]
const BESIDE: usize = 33 << 20;

/// A block that is asked for to find out whether there are any.
const SMALL: usize = 1 << 10;

struct Reserve {
    bytes: UnsafeCell<[u8; SIZE]>,
    heap: LockedHeap,
    begun: Once,
    used: AtomicUsize,
}

// SAFETY: only the heap touches the bytes, behind its lock.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve {
    bytes: UnsafeCell::new([0; SIZE]),
    heap: LockedHeap::empty(),
    begun: Once::new(),
    used: AtomicUsize::new(0),
};

impl Reserve {
    fn holds(&self, pointer: *const u8) -> bool {
        pointer.addr().wrapping_sub(self.bytes.get().addr()) < SIZE
    }

    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return ptr::null_mut();
        }
        // SAFETY: the bytes are the heap's alone and for ever, and are given to it once.
        self.begun.call_once(|| unsafe { self.heap.lock().init(self.bytes.get().cast(), SIZE) });
        let mut heap = self.heap.lock();
        let pointer = heap.allocate_first_fit(layout).map_or(ptr::null_mut(), NonNull::as_ptr);
        self.used.store(heap.used(), Ordering::Relaxed);
        pointer
    }

    /// # Safety
    /// It was taken, with this layout.
    unsafe fn give_back(&self, pointer: *mut u8, layout: Layout) {
        let Some(pointer) = NonNull::new(pointer) else { return };
        let mut heap = self.heap.lock();
        // SAFETY: promised by the caller.
        unsafe { heap.deallocate(pointer, layout) };
        self.used.store(heap.used(), Ordering::Relaxed);
    }
}

struct Reserving;

#[global_allocator]
static ALLOCATOR: Reserving = Reserving;

// SAFETY: every block is the system's or the reserve's, and goes back to where it came from; nothing here unwinds.
unsafe impl GlobalAlloc for Reserving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let pointer = unsafe { System.alloc(layout) };
        if pointer.is_null() { RESERVE.take(layout) } else { pointer }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            return pointer;
        }
        let pointer = RESERVE.take(layout);
        if !pointer.is_null() {
            // SAFETY: as many bytes were taken.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises; it goes where it came from.
        unsafe {
            if RESERVE.holds(pointer) {
                RESERVE.give_back(pointer, layout);
            } else {
                System.dealloc(pointer, layout);
            }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVE.holds(pointer) {
            // SAFETY: as the caller promises; the block is the system's.
            let moved = unsafe { System.realloc(pointer, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller promises a size that a layout can have; both blocks hold what is copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
            moved
        }
    }
}

/// Has the library's work ask here whether it may go on.
pub(crate) fn watch() {
    memory::watch_over(room);
}

fn room(bytes: usize, threads: usize) -> bool {
    RESERVE.used.load(Ordering::Relaxed) <= SPARED && has_small_blocks() && mapped(bytes, threads)
}

/// Whether the system still has small blocks. The standard library (for names of threads) and libraries in C ask it for
/// them, and the reserve cannot stand in.
fn has_small_blocks() -> bool {
    let Ok(layout) = Layout::from_size_align(SMALL, 16) else { return false };
    // SAFETY: a block of some bytes, which goes back where it came from.
    unsafe {
        // Used, as far as the compiler knows: it leaves out blocks that are not.
        let block = black_box(System.alloc(layout));
        if !block.is_null() {
            System.dealloc(block, layout);
        }
        !block.is_null()
    }
}

/// Whether the system would give so much more, which is not touched.
#[cfg(unix)]
fn mapped(bytes: usize, threads: usize) -> bool {
    let data = Mapping::new(bytes.saturating_add(BESIDE), libc::PROT_READ | libc::PROT_WRITE, 0);
    // Both at once; that of threads is address space alone, and most of it never memory.
    let threads = threads.saturating_mul(OF_THREAD);
    data.is_some() && (threads == 0 || Mapping::new(threads, libc::PROT_NONE, libc::MAP_NORESERVE).is_some())
}

/// Address space that a thread takes: a stack, and what glibc asks for to make it an arena of its own.
#[cfg(unix)]
const OF_THREAD: usize = (8 + 128) << 20;

/// Address space that nobody uses, given back when it is dropped.
#[cfg(unix)]
struct Mapping(*mut libc::c_void, usize);

#[cfg(unix)]
impl Mapping {
    fn new(size: usize, access: libc::c_int, more: libc::c_int) -> Option<Mapping> {
        // SAFETY: a new mapping, wherever the system likes.
        let place = unsafe {
            libc::mmap(ptr::null_mut(), size, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | more, -1, 0)
        };
        (place != libc::MAP_FAILED).then_some(Mapping(place, size))
    }
}

#[cfg(unix)]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and known to nobody else. Should it fail, there is nobody to tell.
        let _ = unsafe { libc::munmap(self.0, self.1) };
    }
}

#[cfg(not(unix))]
fn mapped(_: usize, _: usize) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 16).unwrap()
    }

    /// One test, since the reserve is the process's.
    #[test]
    fn the_reserve_serves_what_is_small_and_is_whole_again() {
        let whole = RESERVE.used.load(Ordering::Relaxed);
        assert!(RESERVE.take(layout(LARGEST + 1)).is_null());
        let first = RESERVE.take(layout(100));
        assert!(RESERVE.holds(first) && first.addr().is_multiple_of(16) && room(0, 0));
        // SAFETY: blocks of the reserve, used within their sizes, which go back by the ways of the allocator.
        unsafe {
            first.write_bytes(7, 100);
            // The system has memory, and the block moves there.
            let moved = ALLOCATOR.realloc(first, layout(100), 200);
            assert!(!RESERVE.holds(moved) && *moved.add(99) == 7);
            ALLOCATOR.dealloc(moved, layout(200));
        }
        assert_eq!(RESERVE.used.load(Ordering::Relaxed), whole);
        let many: Vec<*mut u8> = std::iter::repeat_with(|| RESERVE.take(layout(LARGEST)))
            .take_while(|block| !block.is_null())
            .collect();
        assert!(many.len() >= 3 && !room(0, 0));
        // SAFETY: as above.
        many.into_iter().for_each(|block| unsafe { ALLOCATOR.dealloc(block, layout(LARGEST)) });
        assert!(RESERVE.used.load(Ordering::Relaxed) == whole && room(0, 0));
        // More than the system has.
        assert!(!room(1 << 50, 0) && !room(0, 1 << 30) && room(0, 1));
        // SAFETY: not taken.
        assert!(unsafe { ALLOCATOR.alloc_zeroed(layout(1 << 50)) }.is_null());
    }
}

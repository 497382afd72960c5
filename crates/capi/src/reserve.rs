//! An allocator with a reserve, so that a host survives when memory runs out.
//!
//! Rust ends the process when an ordinary allocation fails. Small allocations that the system refuses are therefore
//! served from a part of the library's own memory. As soon as some of it is in use, work ends with an error at its next
//! step ([`room`]); the remaining reserve serves its cleanup. Allocations in proportion to an input go through
//! [`memory`], whose functions return an error themselves.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use linked_list_allocator::LockedHeap;
use wuerst::core::memory;

/// Size of the reserve in bytes. It takes only address space until it is used.
const SIZE: usize = 32 << 20;

/// Larger requests are not served, so that a single one cannot exhaust the reserve. Tokenizer tables of 30,000 words are
/// blocks of 2 MiB, allocated by a library that cannot handle failure.
const LARGEST: usize = SIZE / 4;

/// While more than this is in use, no work begins or continues.
const SPARED: usize = 1 << 20;

/// Memory that must be free in addition, for small allocations until the next check. Larger than the largest block that
/// glibc caches (32 MiB), so that the check does not change how glibc works.
#[cfg(unix)]
const BESIDE: usize = 33 << 20;

/// Size of a test allocation.
const SMALL: usize = 1 << 10;

struct Reserve {
    bytes: UnsafeCell<[u8; SIZE]>,
    heap: LockedHeap,
    begun: Once,
    used: AtomicUsize,
}

// SAFETY: only the heap accesses the bytes, behind its lock.
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
        // SAFETY: the bytes belong to the heap alone for the life of the process, and are given to it once.
        self.begun.call_once(|| unsafe { self.heap.lock().init(self.bytes.get().cast(), SIZE) });
        let mut heap = self.heap.lock();
        let pointer = heap.allocate_first_fit(layout).map_or(ptr::null_mut(), NonNull::as_ptr);
        self.used.store(heap.used(), Ordering::Relaxed);
        pointer
    }

    /// # Safety
    /// The block was taken from this reserve, with this layout.
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

// SAFETY: every block belongs to the system or the reserve, and is returned to its owner; nothing here unwinds.
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
            // SAFETY: the block has `size` bytes.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises; the block is returned to its owner.
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
        // SAFETY: the caller promises a valid size for a layout; both blocks hold the copied bytes.
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

/// Makes the library's work check [`room`] before it continues.
pub(crate) fn watch() {
    memory::watch_over(room);
}

fn room(bytes: usize, threads: usize) -> bool {
    RESERVE.used.load(Ordering::Relaxed) <= SPARED && has_small_blocks() && mapped(bytes, threads)
}

/// Whether the system still has small blocks. The standard library (for names of threads) and C libraries allocate them
/// directly, where the reserve cannot help.
fn has_small_blocks() -> bool {
    let Ok(layout) = Layout::from_size_align(SMALL, 16) else { return false };
    // SAFETY: a small block, which is returned to the system.
    unsafe {
        // `black_box`, because the compiler removes unused allocations.
        let block = black_box(System.alloc(layout));
        if !block.is_null() {
            System.dealloc(block, layout);
        }
        !block.is_null()
    }
}

/// Whether the system can map `bytes` more bytes and `threads` stacks. The pages are not touched.
#[cfg(unix)]
fn mapped(bytes: usize, threads: usize) -> bool {
    let data = Mapping::new(bytes.saturating_add(BESIDE), libc::PROT_READ | libc::PROT_WRITE, 0);
    // Both at once; stacks take address space, most of which is never touched.
    let threads = threads.saturating_mul(OF_THREAD);
    data.is_some() && (threads == 0 || Mapping::new(threads, libc::PROT_NONE, libc::MAP_NORESERVE).is_some())
}

/// Address space of a thread: its stack, and the arena that glibc reserves for it.
#[cfg(unix)]
const OF_THREAD: usize = (8 + 128) << 20;

/// A reserved range of address space, released when dropped.
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
        // SAFETY: made by `new`, and not shared. A failure cannot be reported from here.
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
    fn reserve_serves_small_blocks() {
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

//! Memory statistics of a session from ONNX Runtime's allocator.
#![allow(unsafe_code, reason = "ort has no safe call for what an allocator counts")]

use std::ffi::CStr;
use std::ptr;

use ort::AsPointer;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;

/// Bytes that a session's CPU allocator has handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ArenaStats {
    /// At present: between evaluations, the session's weights.
    pub(crate) in_use: u64,
    /// Peak so far.
    pub(crate) most: u64,
}

impl ArenaStats {
    /// Statistics of this session; `None` if the allocator does not count.
    pub(crate) fn of(session: &Session) -> Option<ArenaStats> {
        let cpu = (AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default);
        let info = MemoryInfo::new(cpu.0, cpu.1, cpu.2, cpu.3).ok()?;
        let allocator = Allocator::new(session, info).ok()?;
        let mut pairs = ptr::null_mut();
        // SAFETY: the allocator is valid, and the output writable.
        let status = unsafe { (ort::api().AllocatorGetStats)(allocator.ptr(), &mut pairs) };
        // SAFETY: a status of the same library, passed on by value.
        unsafe { ort::Error::<()>::result_from_status(status) }.ok()?;
        let number = |key: &CStr| {
            // SAFETY: pairs received above, and a text; the result belongs to the pairs.
            let text = unsafe { (ort::api().GetKeyValue)(pairs, key.as_ptr()) };
            // SAFETY: null, or a text that lives as long as the pairs.
            let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?;
            text.to_str().ok()?.parse().ok()
        };
        let arena =
            number(c"InUse").zip(number(c"MaxInUse")).map(|(in_use, most)| ArenaStats { in_use, most });
        // SAFETY: ours to release, and no reference into it remains.
        unsafe { (ort::api().ReleaseKeyValuePairs)(pairs) };
        arena
    }
}

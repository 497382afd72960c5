//! `wst_watch`: callbacks of a run.

use std::ffi::c_void;

use wuerst::{Result, Tensor};

use crate::grow::{Grows, zero};
use crate::tensor::{self, View};
use crate::text::Str;
use crate::value::Value;

/// `wst_watch` of the header.
#[repr(C)]
pub struct Watch {
    pub(crate) struct_size: usize,
    pub(crate) progress: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, done: u32, of: u32)>,
    pub(crate) preview: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, rgb: &View)>,
    pub(crate) warning: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, message: Str)>,
    pub(crate) user: *mut c_void,
    pub(crate) overall: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, fraction: f64)>,
    pub(crate) preview_every: u32,
    pub(crate) reserved: u32,
    pub(crate) part:
        Option<unsafe extern "C" fn(user: *mut c_void, output: Str, index: u32, of: u32, value: &Value)>,
}

// SAFETY: repr(C), the size first; zeros are no callbacks.
unsafe impl Grows for Watch {
    const NAME: &str = "wst_watch";
    const FIRST: usize = 40;
}

impl Watch {
    /// The callbacks that C gives, if it gives some.
    ///
    /// # Safety
    /// As [`Grows::read`].
    pub(crate) unsafe fn given(watch: *const Watch) -> Result<Option<Watch>> {
        // SAFETY: promised by the caller.
        let watch = unsafe { Watch::read(watch)? };
        watch.iter().try_for_each(|watch| zero(Watch::NAME, &[watch.reserved]))?;
        Ok(watch)
    }
}

// SAFETY: the header says that of a run in the background the callbacks are called in its own thread.
unsafe impl Send for Watch {}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Every call below passes the host's own pointer to the host's own function, in the thread of the run, with views that are good until it returns.
impl wuerst::Watch for Watch {
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        if let Some(progress) = self.progress {
            // SAFETY: see above.
            unsafe { progress(self.user, Str::of(node), count(done), count(of)) }
        }
    }

    fn overall(&mut self, node: &str, fraction: f64) {
        if let Some(overall) = self.overall {
            // SAFETY: see above.
            unsafe { overall(self.user, Str::of(node), fraction) }
        }
    }

    fn preview_every(&self) -> usize {
        // 0 is the default, and means every one.
        self.preview_every as usize
    }

    fn wants_preview(&self) -> bool {
        self.preview.is_some()
    }

    fn preview(&mut self, node: &str, rgb: &Tensor) {
        if let Some(preview) = self.preview {
            let shape = tensor::shape(rgb);
            // SAFETY: see above.
            unsafe { preview(self.user, Str::of(node), &View::of(rgb, &shape)) }
        }
    }

    fn part(&mut self, output: &str, index: usize, of: usize, value: &wuerst::Value) {
        if let Some(part) = self.part {
            // SAFETY: see above.
            unsafe { part(self.user, Str::of(output), count(index), count(of), &Value::from(value.clone())) }
        }
    }

    fn warning(&mut self, node: &str, message: &str) {
        if let Some(warning) = self.warning {
            // SAFETY: see above.
            unsafe { warning(self.user, Str::of(node), Str::of(message)) }
        }
    }
}

//! `wst_observer`: callbacks of a run.

use wuerst::{Result, Tensor};
pub(crate) use wuerst_sys::Observer;
use wuerst_sys::Versioned;

use crate::grow::{Grows, zero};
use crate::tensor;
use crate::text::Str;
use crate::value::Value;

/// The callbacks of a run.
pub(crate) struct Callbacks(Observer);

impl Callbacks {
    /// The callbacks from C, or `None` for NULL.
    ///
    /// # Safety
    /// As [`Grows::read`].
    pub(crate) unsafe fn read(observer: *const Observer) -> Result<Option<Callbacks>> {
        // SAFETY: promised by the caller.
        let observer = unsafe { Observer::read(observer)? };
        observer.iter().try_for_each(|observer| zero(Observer::NAME, &[observer.reserved]))?;
        Ok(observer.map(Callbacks))
    }
}

// SAFETY: the header states that a background run calls its callbacks in its own thread.
unsafe impl Send for Callbacks {}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Every call below passes the host's own pointer to the host's own function, in the thread of the run, with views valid
/// until it returns.
impl wuerst::Observer for Callbacks {
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        if let Some(progress) = self.0.progress {
            // SAFETY: see above.
            unsafe { progress(self.0.user, Str::of(node), count(done), count(of)) }
        }
    }

    fn overall(&mut self, node: &str, fraction: f64) {
        if let Some(overall) = self.0.overall {
            // SAFETY: see above.
            unsafe { overall(self.0.user, Str::of(node), fraction) }
        }
    }

    fn preview_every(&self) -> usize {
        // 0 is the default and means every step.
        self.0.preview_every as usize
    }

    fn wants_preview(&self) -> bool {
        self.0.preview.is_some()
    }

    fn preview(&mut self, node: &str, rgb: &Tensor) {
        if let Some(preview) = self.0.preview {
            let shape = tensor::shape(rgb);
            // SAFETY: see above.
            unsafe { preview(self.0.user, Str::of(node), &tensor::view(rgb, &shape)) }
        }
    }

    fn part(&mut self, output: &str, index: usize, of: usize, value: &wuerst::Value) {
        if let Some(part) = self.0.part {
            let value = Value::from(value.clone());
            // SAFETY: see above.
            unsafe {
                part(
                    self.0.user,
                    Str::of(output),
                    count(index),
                    count(of),
                    std::ptr::from_ref(&value).cast(),
                );
            }
        }
    }

    fn warning(&mut self, node: &str, message: &str) {
        if let Some(warning) = self.0.warning {
            // SAFETY: see above.
            unsafe { warning(self.0.user, Str::of(node), Str::of(message)) }
        }
    }
}

//! `wst_run`: runs in the background.

use crate::error::Error;
use crate::library::Library;
use crate::raw::{self, Versioned};
use crate::value::Value;
use std::ptr;
use std::time::Duration;

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Going on.
    Running,
    /// The run has succeeded, and its value is available.
    Done,
    /// The run was cancelled.
    Stopped,
    /// [`Run::take`] returns the error.
    Failed,
}

/// Progress of a run.
#[derive(Debug, Clone)]
pub struct Status {
    /// State of the run.
    pub state: State,
    /// 0 to 1, never decreasing.
    pub fraction: f64,
    /// Current node.
    pub node: String,
    /// Steps of the current node: done, and in total.
    pub steps: [u32; 2],
}

/// A run for one output. Dropping it cancels it and waits for its end.
pub struct Run {
    library: Library,
    handle: *mut raw::Run,
}

// SAFETY: the header allows every function from any thread, at the same time as any other.
unsafe impl Send for Run {}
// SAFETY: see `Send`.
unsafe impl Sync for Run {}

impl Drop for Run {
    fn drop(&mut self) {
        // SAFETY: our handle, freed once.
        unsafe { (self.library.functions().wst_run_free)(self.handle) }
    }
}

impl Run {
    pub(crate) fn own(library: Library, handle: *mut raw::Run) -> Run {
        Run { library, handle }
    }

    /// Reports the progress, without waiting.
    ///
    /// # Errors
    /// None are expected.
    pub fn poll(&self) -> Result<Status, Error> {
        let mut status = raw::Status::init();
        // SAFETY: the library fills it; the node's name belongs to the run.
        unsafe {
            let failure = (self.library.functions().wst_run_poll)(self.handle, &raw mut status);
            Error::take_error(self.library, failure)?;
            let state = match status.state {
                0 => State::Running,
                1 => State::Done,
                2 => State::Stopped,
                _ => State::Failed,
            };
            let node = status.node.text().to_owned();
            Ok(Status { state, fraction: status.fraction, node, steps: [status.done, status.of] })
        }
    }

    /// The newest preview that was not returned before. Previews are made from the first call on.
    ///
    /// # Errors
    /// None are expected.
    pub fn preview(&self) -> Result<Option<Value>, Error> {
        let library = self.library;
        // SAFETY: the run lives.
        let value =
            Error::handle(library, |out| unsafe { (library.functions().wst_run_preview)(self.handle, out) })?;
        Ok((!value.is_null()).then(|| Value::own(library, value)))
    }

    /// Waits until the run has ended or the time is over; returns whether it has ended.
    pub fn wait(&self, at_most: Duration) -> bool {
        let milliseconds = i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX);
        // SAFETY: the run lives.
        unsafe { (self.library.functions().wst_run_wait)(self.handle, milliseconds) != 0 }
    }

    /// Cancels the run.
    pub fn cancel(&self) {
        // SAFETY: the run lives.
        unsafe { (self.library.functions().wst_run_cancel)(self.handle) }
    }

    /// Waits for the value.
    ///
    /// # Errors
    /// Errors of the run.
    pub fn take(self) -> Result<Value, Error> {
        let mut value = ptr::null_mut();
        // SAFETY: the run is alive, and was begun for one output.
        let failure = unsafe { (self.library.functions().wst_run_take)(self.handle, &raw mut value, 1) };
        Error::take_error(self.library, failure)?;
        Ok(Value::own(self.library, value))
    }
}

//! `wst_job`: graphs with input values, from which outputs are requested.

use crate::error::{Error, views};
use crate::library::Library;
use crate::raw::{self, Digest, Str};
use crate::run::Run;
use crate::value::Value;
use std::ptr;
use std::sync::Arc;

/// A graph with values for its inputs. Cheap to clone; clones share the job.
#[derive(Clone)]
pub struct Job(Arc<Owned>);

struct Owned {
    library: Library,
    handle: *mut raw::Job,
}

// SAFETY: the header allows every function from any thread, at the same time as any other.
unsafe impl Send for Owned {}
// SAFETY: see `Send`.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: our handle, freed once.
        unsafe { (self.library.functions().wst_job_free)(self.handle) }
    }
}

impl Job {
    pub(crate) fn own(library: Library, handle: *mut raw::Job) -> Job {
        Job(Arc::new(Owned { library, handle }))
    }

    /// Sets an input from text, parsed according to its type.
    ///
    /// # Errors
    /// An unknown input, or a text that it does not accept.
    pub fn set_text(&self, input: &str, text: &str) -> Result<(), Error> {
        let Owned { library, handle } = *self.0;
        // SAFETY: the job is alive; the texts are valid until the call returns.
        Error::take_error(library, unsafe {
            (library.functions().wst_job_set_text)(handle, Str::of(input), Str::of(text))
        })
    }

    /// Sets an input to a value.
    ///
    /// # Errors
    /// An unknown input, or a value of another type.
    pub fn set(&self, input: &str, value: &Value) -> Result<(), Error> {
        let Owned { library, handle } = *self.0;
        // SAFETY: as above; the value is alive.
        Error::take_error(library, unsafe {
            (library.functions().wst_job_set)(handle, Str::of(input), value.handle())
        })
    }

    /// Resets an input to the graph's own value.
    ///
    /// # Errors
    /// An unknown input.
    pub fn unset(&self, input: &str) -> Result<(), Error> {
        let Owned { library, handle } = *self.0;
        // SAFETY: as above.
        Error::take_error(library, unsafe { (library.functions().wst_job_unset)(handle, Str::of(input)) })
    }

    /// A digest of everything that an output depends on. While it stays equal, the output does too. Runs nothing.
    ///
    /// # Errors
    /// Missing or refused inputs, a model or file that cannot be read.
    pub fn digest(&self, output: &str) -> Result<Digest, Error> {
        let Owned { library, handle } = *self.0;
        let mut digest = Digest::default();
        // SAFETY: as above; the output is our own variable.
        Error::take_error(library, unsafe {
            (library.functions().wst_job_digest)(handle, Str::of(output), &raw mut digest)
        })?;
        Ok(digest)
    }

    /// Begins a background run for one output.
    ///
    /// # Errors
    /// An unknown output; no thread can be created.
    pub fn start(&self, output: &str) -> Result<Run, Error> {
        let Owned { library, handle } = *self.0;
        let outputs = views(&[output]);
        // SAFETY: the job is alive, the names are valid until the call returns, and there is no observer.
        let run = Error::handle(library, |out| unsafe {
            (library.functions().wst_job_start)(handle, outputs.as_ptr(), outputs.len(), ptr::null(), out)
        })?;
        Ok(Run::own(library, run))
    }

    /// Computes an output and waits for it.
    ///
    /// # Errors
    /// Errors of the run.
    pub fn get(&self, output: &str) -> Result<Value, Error> {
        self.start(output)?.take()
    }
}

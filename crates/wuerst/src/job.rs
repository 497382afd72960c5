//! A job: one graph with its inputs, asked for outputs.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wuerst_core::{Cancel, Error, Result, Value, Watch};
use wuerst_graph::{Graph, Inputs, Report, Run};

use crate::engine::Engine;

/// One graph with the values of its inputs.
///
/// Every method takes `&self`, since [`Job::cancel`] is called while another thread is inside [`Job::get`].
/// Two threads that get from one job take turns; jobs of one engine run side by side.
pub struct Job {
    engine: Engine,
    graph: Graph,
    inputs: Mutex<Inputs>,
    /// Of the runs that have begun, or wait for their turn, since it was last thrown.
    cancel: Mutex<Cancel>,
    /// Of the last run; held during a run.
    report: Mutex<Report>,
}

impl Job {
    pub(crate) fn new(engine: Engine, graph: Graph) -> Job {
        let (inputs, cancel, report) = Default::default();
        Job { engine, graph, inputs, cancel, report }
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Sets an input for the runs that begin from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion; otherwise what is wrong with the value.
    pub fn set(&self, input: &str, value: impl Into<Value>) -> Result<()> {
        locked(&self.inputs).set(&self.graph, input, value)
    }

    /// Sets an input from text, read as the input's type demands: what a command line has.
    ///
    /// # Errors
    /// As [`Job::set`], and when the text does not read.
    pub fn set_text(&self, input: &str, text: &str) -> Result<()> {
        let port = &self.graph.inputs()[self.graph.input(input)?];
        let value = port.read(text).map_err(|message| Error::invalid(input, message))?;
        self.set(input, value)
    }

    /// Sets an input back to what the graph has.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion.
    pub fn unset(&self, input: &str) -> Result<()> {
        self.graph.input(input)?;
        locked(&self.inputs).unset(input);
        Ok(())
    }

    /// The value of an output. Runs what is needed and not remembered.
    ///
    /// # Errors
    /// As [`Job::get_all`].
    pub fn get(&self, output: &str, watch: &mut dyn Watch) -> Result<Value> {
        let mut values = self.get_all(&[output], watch)?;
        values.pop().ok_or_else(|| Error::Internal("a job without a result".into()))
    }

    /// The values of several outputs. Runs what is needed and not remembered, each node once.
    ///
    /// # Errors
    /// An unknown output, an input that is missing or refused, what a node said, or [`Error::Cancelled`]. The job
    /// can be asked again after any of them, and finished nodes stay remembered.
    pub fn get_all(&self, outputs: &[&str], watch: &mut dyn Watch) -> Result<Vec<Value>> {
        // Before its turn is waited for: whoever waits is stopped too.
        let cancel = locked(&self.cancel).clone();
        let mut report = locked(&self.report);
        let inputs = locked(&self.inputs).clone();
        let mut run = Run::new(&self.graph, &inputs, self.engine.cache(), &cancel, watch);
        let values = cancel.check().and_then(|()| run.outputs(outputs));
        *report = run.report().clone();
        values
    }

    /// Stops every [`Job::get`] that has been called and has not returned. From any thread, at any time.
    ///
    /// Without one it does nothing, so that a cancellation that comes too late does not hit the next run. A host
    /// that hands a job to another thread, and may cancel before that one has called `get`, keeps note of it itself.
    pub fn cancel(&self) {
        // Those that come later get another switch. Taken out, so that the lock is not held while hooks run.
        let cancel = std::mem::take(&mut *locked(&self.cancel));
        cancel.cancel();
    }

    /// What the last run did. Waits for a run in progress.
    pub fn report(&self) -> Report {
        locked(&self.report).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic in a node leaves behind is whole: inputs as they were, an older report.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("graph", &self.graph).finish_non_exhaustive()
    }
}

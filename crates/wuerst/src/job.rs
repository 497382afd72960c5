//! A job: one graph with its inputs, asked for outputs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wuerst_core::inside::{self, Inside};
use wuerst_core::{
    CancellableMutex, CancellationToken, Digest, Error, Observer, Origin, Result, Value, memory,
};
use wuerst_graph::{Cache, Graph, Inputs, Report, Run};

/// One graph with the values of its inputs.
///
/// Every method takes `&self`, since [`Job::cancel`] is called while another thread is inside [`Job::get`].
/// Two threads that get from one job take turns; jobs of one engine run side by side. Cheap to clone; clones are the
/// same job.
#[derive(Clone)]
pub struct Job(Arc<Inner>);

struct Inner {
    cache: Cache,
    graph: Graph,
    inputs: Mutex<Inputs>,
    /// Of the runs that have begun, or wait for their turn, since it was last thrown.
    cancel: Mutex<CancellationToken>,
    /// Whose turn it is. Not waited for by the lock below, which no cancellation reaches.
    mutex: CancellableMutex,
    /// Of the last run that is over.
    report: Mutex<Report>,
}

impl Job {
    pub(crate) fn new(cache: Cache, graph: Graph) -> Job {
        let (inputs, cancel, mutex, report) = Default::default();
        Job(Arc::new(Inner { cache, graph, inputs, cancel, mutex, report }))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Sets an input for the runs that begin from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion; otherwise what is wrong with the value.
    pub fn set(&self, input: &str, value: impl Into<Value>) -> Result<()> {
        locked(&self.0.inputs).set(&self.0.graph, input, value)
    }

    /// Sets an input from text, read as the input's type demands: what a command line has.
    ///
    /// # Errors
    /// As [`Job::set`], and when the text does not read.
    pub fn set_text(&self, input: &str, text: &str) -> Result<()> {
        let port = &self.0.graph.inputs()[self.0.graph.input(input)?];
        let value = port.read(text).map_err(|message| Error::invalid(input, message))?;
        self.set(input, value)
    }

    /// Sets an input back to what the graph has.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion.
    pub fn unset(&self, input: &str) -> Result<()> {
        self.0.graph.input(input)?;
        locked(&self.0.inputs).unset(input);
        Ok(())
    }

    /// The value of an output. Runs what is needed and not remembered.
    ///
    /// # Errors
    /// As [`Job::get_all`].
    pub fn get(&self, output: &str, observer: &mut dyn Observer) -> Result<Value> {
        let mut values = self.get_all(&[output], observer)?;
        values.pop().ok_or_else(|| Error::Internal("a job without a result".into()))
    }

    /// The values of several outputs. Runs what is needed and not remembered, each node once.
    ///
    /// # Errors
    /// An unknown output, an input that is missing or refused, what a node said, [`Error::Cancelled`], or
    /// [`Error::Invalid`] inside a callback or node, which cannot wait for a run. The job can be asked again after any of
    /// them, and finished nodes stay remembered.
    pub fn get_all(&self, outputs: &[&str], observer: &mut dyn Observer) -> Result<Vec<Value>> {
        inside::check("job")?;
        // Before its turn is waited for: whoever waits is stopped too.
        let cancel = self.switch();
        self.run(outputs, &cancel, observer)
    }

    /// What stops the runs that begin now.
    pub(crate) fn switch(&self) -> CancellationToken {
        locked(&self.0.cancel).clone()
    }

    pub(crate) fn run(
        &self,
        outputs: &[&str],
        cancel: &CancellationToken,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Value>> {
        memory::check(0)?;
        let _guard = self.0.mutex.lock(cancel)?;
        let _inside = Inside::enter();
        let inputs = locked(&self.0.inputs).clone();
        let mut run = Run::new(&self.0.graph, &inputs, &self.0.cache, cancel, observer);
        let values = run.outputs(outputs);
        *locked(&self.0.report) = run.report().clone();
        values
    }

    /// What an output depends on, as a digest: while it stays the same, so does the output, and a host that keeps
    /// results need not ask for it. Runs nothing.
    ///
    /// # Errors
    /// As [`Job::get`] before it runs anything; and [`Error::Invalid`] when the output depends on a node that is run every
    /// time.
    pub fn digest(&self, output: &str) -> Result<Digest> {
        let (inputs, cancel) = (locked(&self.0.inputs).clone(), self.switch());
        self.0.graph.digest(&inputs, output, &cancel)
    }

    /// Whether a trained model makes the pixels of an output, with the inputs as they are: what [`Origin::xmp`] states in a
    /// file. Runs nothing.
    ///
    /// # Errors
    /// An unknown output.
    pub fn origin(&self, output: &str) -> Result<Option<Origin>> {
        let (inputs, ports) = (locked(&self.0.inputs), self.0.graph.inputs());
        let given = |index: usize| inputs.get(&ports[index].name).is_some() || ports[index].default.is_some();
        self.0.graph.origin(output, &given)
    }

    /// Stops every [`Job::get`] and [`Job::digest`] that has been called and has not returned. From any thread, at any time.
    ///
    /// Without one it does nothing, so that a cancellation that comes too late does not hit the next run. A host
    /// that hands a job to another thread, and may cancel before that one has called `get`, keeps note of it itself.
    pub fn cancel(&self) {
        // Those that come later get another switch. Taken out, so that the lock is not held while hooks run.
        let cancel = std::mem::take(&mut *locked(&self.0.cancel));
        cancel.cancel();
    }

    /// What the last run that is over did. Never waits.
    pub fn report(&self) -> Report {
        locked(&self.0.report).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic in a node leaves behind is whole: inputs as they were, an older report.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("graph", &self.0.graph).finish_non_exhaustive()
    }
}

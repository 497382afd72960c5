//! Jobs: a graph with input values, from which outputs are requested.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wuerst_core::inside::{self, Inside};
use wuerst_core::{
    CancellableMutex, CancellationToken, Digest, Error, Observer, Origin, Result, Value, memory,
};
use wuerst_graph::{Cache, Graph, Inputs, Report, Run};
use wuerst_stages::{followed, replace};

use crate::save::{Format, picture};

/// A graph with values for its inputs.
///
/// Every method takes `&self`, since [`Job::cancel`] is called while another thread is inside [`Job::get`]. Concurrent
/// calls of `get` on one job run one after another; jobs of one engine run in parallel. Cheap to clone; clones share one
/// job.
#[derive(Clone)]
pub struct Job(Arc<Inner>);

struct Inner {
    cache: Cache,
    graph: Graph,
    inputs: Mutex<Inputs>,
    /// Shared by all runs started since the last cancellation.
    cancel: Mutex<CancellationToken>,
    /// Held by the current run. Separate from the locks below, which a cancellation cannot interrupt.
    mutex: CancellableMutex,
    /// Report of the last finished run.
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

    /// Sets an input for runs that begin later.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion; otherwise an error that describes the value's problem.
    pub fn set(&self, input: &str, value: impl Into<Value>) -> Result<()> {
        locked(&self.0.inputs).set(&self.0.graph, input, value)
    }

    /// Sets an input from text, parsed according to the input's type, as on a command line.
    ///
    /// # Errors
    /// As [`Job::set`], and if the text cannot be parsed.
    pub fn set_text(&self, input: &str, text: &str) -> Result<()> {
        let port = &self.0.graph.inputs()[self.0.graph.input(input)?];
        let value = port.read(text).map_err(|message| Error::invalid(input, message))?;
        self.set(input, value)
    }

    /// Resets an input to the graph's own value.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion.
    pub fn unset(&self, input: &str) -> Result<()> {
        self.0.graph.input(input)?;
        locked(&self.0.inputs).unset(input);
        Ok(())
    }

    /// Computes an output. Runs the nodes that are needed and not remembered.
    ///
    /// # Errors
    /// As [`Job::get_all`].
    pub fn get(&self, output: &str, observer: &mut dyn Observer) -> Result<Value> {
        let mut values = self.get_all(&[output], observer)?;
        values.pop().ok_or_else(|| Error::Internal("a job without a result".into()))
    }

    /// Computes an output and writes it as a file, whole or not at all: a picture as .png, a tensor as .npy, a text or a
    /// number as .txt, by the path's end. With `mark`, a picture that a model made says so.
    ///
    /// # Errors
    /// As [`Job::get`], and [`Error::File`]. A path whose format cannot hold the output's type is refused before a run.
    pub fn save(&self, output: &str, path: &Path, observer: &mut dyn Observer, mark: bool) -> Result<()> {
        inside::check("job")?;
        let format = Format::of(path)?;
        format.holds(output, &self.0.graph.outputs()[self.0.graph.output(output)?].ty)?;
        let value = self.get(output, observer)?;
        let about = picture::mark(self.origin(output)?, mark && format == Format::Png);
        let file = format.encode(output, &value, about.as_slice())?;
        let failed = |source| Error::File { path: path.to_owned(), source };
        replace(&followed(path).map_err(failed)?, &file).map_err(failed)
    }

    /// Computes several outputs. Runs each node that is needed and not remembered once.
    ///
    /// # Errors
    /// An unknown output, a missing or refused input, an error of a node, [`Error::Cancelled`], or [`Error::Invalid`]
    /// inside a callback or node, which cannot wait for a run. The job remains usable after any error, and finished nodes
    /// stay remembered.
    pub fn get_all(&self, outputs: &[&str], observer: &mut dyn Observer) -> Result<Vec<Value>> {
        inside::check("job")?;
        // Taken before waiting for the mutex, so that waiting runs are cancelled too.
        let cancel = self.switch();
        self.run(outputs, &cancel, observer)
    }

    /// The cancellation token for runs that begin now.
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

    /// A digest of everything that an output depends on. While it stays equal, the output does too, so a host that keeps
    /// results need not request the output. Runs nothing.
    ///
    /// # Errors
    /// As [`Job::get`] before it runs anything; and [`Error::Invalid`] if the output depends on a node that runs every time.
    pub fn digest(&self, output: &str) -> Result<Digest> {
        let (inputs, cancel) = (locked(&self.0.inputs).clone(), self.switch());
        self.0.graph.digest(&inputs, output, &cancel)
    }

    /// Whether a trained model makes the pixels of an output with the present inputs; [`Origin::xmp`] states it in a
    /// file. Runs nothing.
    ///
    /// # Errors
    /// An unknown output.
    pub fn origin(&self, output: &str) -> Result<Option<Origin>> {
        let (inputs, ports) = (locked(&self.0.inputs), self.0.graph.inputs());
        let given = |index: usize| inputs.get(&ports[index].name).is_some() || ports[index].default.is_some();
        self.0.graph.origin(output, &given)
    }

    /// Cancels all calls of [`Job::get`] and [`Job::digest`] in progress. May be called from any thread at any time.
    ///
    /// Without such a call it does nothing, so that a late cancellation does not affect the next run. A host that passes
    /// the job to another thread must itself record a cancellation that comes before that thread calls `get`.
    pub fn cancel(&self) {
        // Later runs get another token. Taken out, so that the lock is not held while hooks run.
        let cancel = std::mem::take(&mut *locked(&self.0.cancel));
        cancel.cancel();
    }

    /// Report of the last finished run. Never waits.
    pub fn report(&self) -> Report {
        locked(&self.0.report).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a node leaves consistent state: unchanged inputs, an older report.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("graph", &self.0.graph).finish_non_exhaustive()
    }
}

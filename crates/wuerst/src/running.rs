//! A run in a thread of its own, which its caller polls, awaits, or cancels.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use wuerst_core::{CancellationToken, Error, Observer, Result, Tensor, Value, inside, memory};

use crate::job::Job;

/// A run begun by [`Job::start`]. Dropping it cancels the run and waits for its thread, except inside a callback or node.
#[derive(Debug)]
pub struct Running {
    job: Job,
    outputs: Arc<[String]>,
    cancel: CancellationToken,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Progress of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// How it ended; `None` while it runs.
    pub ended: Option<Ended>,
    /// How far the whole run is, from 0 to 1.
    pub fraction: f64,
    /// Current node; empty before the first.
    pub node: String,
    /// Steps of the current node that are done, and their total; (0, 0) until the node reports steps.
    pub step: (usize, usize),
    /// Number of previews so far.
    pub previews: u64,
    /// Number of warnings so far.
    pub warnings: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The run has succeeded, and its values are available.
    Done,
    /// The run was cancelled.
    Cancelled,
    /// The run failed with another error.
    Failed,
}

/// A warning for the user; the run continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Node that gave the warning.
    pub node: String,
    /// Text of the warning.
    pub message: String,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    /// Whether previews were requested.
    previews: AtomicBool,
    /// Whether the run's handle was dropped; no callbacks are called after that.
    dropped: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    status: Status,
    preview: Option<Tensor>,
    warnings: Vec<Arc<Warning>>,
    result: Option<Result<Vec<Value>>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Does the work of [`Job::get_all`] in a thread of its own, with the input values at the time when the run begins.
    /// `observer` is called in that thread.
    ///
    /// # Errors
    /// If no thread can be created, and [`Error::NotFound`] for an unknown output. Later errors are returned by
    /// [`Running::take`].
    pub fn start(&self, outputs: &[&str], observer: Box<dyn Observer + Send>) -> Result<Running> {
        outputs.iter().try_for_each(|output| self.graph().output(output).map(drop))?;
        memory::check(0)?;
        Running::start(self.clone(), outputs.iter().map(|&output| output.to_owned()).collect(), observer)
    }
}

impl Running {
    fn start(job: Job, outputs: Arc<[String]>, observer: Box<dyn Observer + Send>) -> Result<Running> {
        let (shared, cancel) = (Arc::new(Shared::default()), CancellationToken::new());
        // Taken here, so that a cancellation of the job right after this call is not lost.
        let of_job = job.switch();
        let body = {
            let (job, shared, cancel) = (job.clone(), Arc::clone(&shared), cancel.clone());
            let outputs = Arc::clone(&outputs);
            move || {
                let own = cancel.clone();
                let _stopped_with_job = of_job.on_cancel(move || own.cancel());
                let mut seen = Seen { shared: &shared, observer };
                let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
                let run = catch_unwind(AssertUnwindSafe(|| job.run(&names, &cancel, &mut seen)));
                let result =
                    run.unwrap_or_else(|_| Err(Error::Internal("a run in the background panicked".into())));
                drop(seen);
                drop(job);
                let mut state = shared.state();
                state.status.ended = Some(match &result {
                    Ok(_) => Ended::Done,
                    Err(Error::Cancelled) => Ended::Cancelled,
                    Err(_) => Ended::Failed,
                });
                state.result = Some(result);
                shared.ended.notify_all();
            }
        };
        let thread = thread::Builder::new().name("wuerst-run".into()).spawn(body);
        let thread =
            thread.map_err(|e| Error::Runtime(format!("cannot create a thread for the run: {e}")))?;
        Ok(Running { job, outputs, cancel, shared, thread: Mutex::new(Some(thread)) })
    }

    /// The job of this run.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The requested outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Progress so far. Never waits.
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }

    /// The newest preview, unless it was returned before. Previews cost time, so they are made from the first call on; a
    /// newer one replaces one that was not fetched.
    pub fn preview(&self) -> Option<Tensor> {
        self.shared.previews.store(true, Ordering::Relaxed);
        self.shared.state().preview.take()
    }

    /// A warning by its index, from 0.
    pub fn warning(&self, index: usize) -> Option<Arc<Warning>> {
        self.shared.state().warnings.get(index).cloned()
    }

    /// Waits until the run has ended or the time is over; returns whether it has ended. Does not wait inside a callback
    /// or node of any run.
    pub fn wait(&self, at_most: Option<Duration>) -> bool {
        // A time beyond the clock's range is no limit.
        let until = at_most.and_then(|time| Instant::now().checked_add(time));
        let mut state = self.shared.state();
        while state.status.ended.is_none() && !inside::is_inside() {
            state = match until {
                None => self.shared.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.shared.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.status.ended.is_some()
    }

    /// Cancels this run, and no other run of the job. May be called from any thread at any time; does nothing once the
    /// run has ended.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for the requested outputs and returns them, once.
    ///
    /// # Errors
    /// As [`Job::get_all`]; [`Error::Invalid`] if they were taken before, or inside a callback or node while the run
    /// continues.
    pub fn take(&self) -> Result<Vec<Value>> {
        if !self.wait(None) {
            return Err(inside::refusal("run"));
        }
        let result = self.shared.state().result.take();
        result.unwrap_or_else(|| Err(Error::invalid("run", "its result was taken before")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel();
        self.shared.dropped.store(true, Ordering::SeqCst);
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A callback must not wait: the thread ends by itself and makes no more callbacks.
        if let Some(thread) = thread.filter(|_| !inside::is_inside()) {
            // The thread catches its own panics.
            let _ = thread.join();
        }
    }
}

/// Records progress for polling, and forwards it to the observer.
struct Seen<'a> {
    shared: &'a Shared,
    observer: Box<dyn Observer + Send>,
}

impl Seen<'_> {
    /// The observer, until the run's handle is dropped.
    fn observer(&mut self) -> Option<&mut (dyn Observer + Send)> {
        (!self.shared.dropped.load(Ordering::SeqCst)).then_some(&mut *self.observer)
    }
}

impl Observer for Seen<'_> {
    fn planned(&mut self, nodes: &[&str]) {
        if let Some(observer) = self.observer() {
            observer.planned(nodes);
        }
    }

    fn reused(&mut self, node: &str) {
        if let Some(observer) = self.observer() {
            observer.reused(node);
        }
    }

    fn started(&mut self, node: &str) {
        if let Some(observer) = self.observer() {
            observer.started(node);
        }
    }

    fn finished(&mut self, node: &str) {
        if let Some(observer) = self.observer() {
            observer.finished(node);
        }
    }

    fn progress(&mut self, node: &str, done: usize, of: usize) {
        {
            let status = &mut self.shared.state().status;
            status.node = node.to_owned();
            status.step = (done, of);
        }
        if let Some(observer) = self.observer() {
            observer.progress(node, done, of);
        }
    }

    fn overall(&mut self, node: &str, fraction: f64) {
        {
            let status = &mut self.shared.state().status;
            status.fraction = fraction;
            if !node.is_empty() && status.node != node {
                status.node = node.to_owned();
                status.step = (0, 0);
            }
        }
        if let Some(observer) = self.observer() {
            observer.overall(node, fraction);
        }
    }

    fn wants_preview(&self) -> bool {
        let dropped = self.shared.dropped.load(Ordering::SeqCst);
        self.shared.previews.load(Ordering::Relaxed) || (!dropped && self.observer.wants_preview())
    }

    fn part(&mut self, output: &str, index: usize, of: usize, value: &Value) {
        if let Some(observer) = self.observer() {
            observer.part(output, index, of, value);
        }
    }

    fn preview_every(&self) -> usize {
        self.observer.preview_every()
    }

    fn preview(&mut self, node: &str, rgb: &Tensor) {
        {
            let mut state = self.shared.state();
            state.status.previews += 1;
            if self.shared.previews.load(Ordering::Relaxed) {
                state.preview = Some(rgb.clone());
            }
        }
        if let Some(observer) = self.observer().filter(|observer| observer.wants_preview()) {
            observer.preview(node, rgb);
        }
    }

    fn warning(&mut self, node: &str, message: &str) {
        {
            let mut state = self.shared.state();
            let (node, message) = (node.to_owned(), message.to_owned());
            state.warnings.push(Arc::new(Warning { node, message }));
            state.status.warnings = state.warnings.len();
        }
        if let Some(observer) = self.observer() {
            observer.warning(node, message);
        }
    }
}

//! `wst_run`: a run in the background.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wuerst::{Ended, Error, Job, Running, Tensor};
use wuerst_sys::Status as StatusView;

use crate::boundary::{Out, fallible, infallible};
use crate::error::Failure;
use crate::grow::Shows;
use crate::handle::{self, Handle, alive, living};
use crate::job::{Outputs, give_all};
use crate::observer::{Callbacks, Observer};
use crate::text::Str;
use crate::value::Value;

/// A run held by C.
pub struct Run {
    running: Running,
    /// Warnings that C has read: its views of them stay valid as long as the run.
    seen: Mutex<Vec<Arc<wuerst::Warning>>>,
}

impl Run {
    /// The node's name as stored in the graph, which outlives the view.
    fn name(&self, node: &str) -> Str {
        let mut nodes = self.running.job().graph().nodes().iter();
        nodes.find(|one| one.id == node).map_or(Str::of(""), |one| Str::of(&one.id))
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_start(
    job: Option<&Handle<Job>>,
    outputs: *const Str,
    count: usize,
    observer: *const Observer,
    out: Out<*mut Handle<Run>>,
) -> *mut Failure {
    fallible(|| {
        let (job, out) = (alive(job, "job")?, out.non_null()?);
        // SAFETY: the header requires `count` strings, NULL or a struct begun with its _INIT macro whose callbacks may be
        // called from any thread, and a writable output.
        unsafe {
            let names = Outputs::read(outputs, count)?;
            let observer: Box<dyn wuerst::Observer + Send> = match Callbacks::read(observer)? {
                Some(observer) => Box::new(observer),
                None => Box::new(()),
            };
            let running = job.start(&names.0, observer)?;
            out.give(Handle::new(Run { running, seen: Default::default() }));
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_poll(run: Option<&Handle<Run>>, out: *mut StatusView) -> *mut Failure {
    fallible(|| {
        let run = alive(run, "run")?;
        let status = run.running.status();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let view = StatusView {
            struct_size: size_of::<StatusView>(),
            state: match status.ended {
                None => 0,
                Some(Ended::Done) => 1,
                Some(Ended::Cancelled) => 2,
                Some(Ended::Failed) => 3,
            },
            reserved: 0,
            fraction: status.fraction,
            node: run.name(&status.node),
            done: count(status.step.0),
            of: count(status.step.1),
            previews: status.previews,
            warnings: status.warnings as u64,
        };
        // SAFETY: the header requires a struct begun with its _INIT macro.
        unsafe { view.show(out) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_preview(run: Option<&Handle<Run>>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (run, out) = (alive(run, "run")?, out.non_null()?);
        let value = |tensor: Tensor| Box::into_raw(Box::new(Value::from(wuerst::Value::from(tensor))));
        let preview = run.running.preview().map_or(std::ptr::null_mut(), value);
        // SAFETY: the header requires a writable output.
        unsafe { out.write(preview) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_warning(
    run: Option<&Handle<Run>>,
    index: usize,
    node: Out<Str>,
    message: Out<Str>,
) -> c_int {
    infallible(0, || {
        let Some(run) = living(run) else { return 0 };
        let Some(warning) = run.running.warning(index) else { return 0 };
        // SAFETY: the header requires pointers that are NULL or writable.
        unsafe {
            node.offer(Str::of(&warning.node));
            message.offer(Str::of(&warning.message));
        }
        let mut seen = run.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.iter().any(|other| Arc::ptr_eq(other, &warning)) {
            seen.push(warning);
        }
        1
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_wait(run: Option<&Handle<Run>>, milliseconds: i64) -> c_int {
    infallible(0, || {
        let at_most = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        living(run).map_or(1, |run| run.running.wait(at_most).into())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_cancel(run: Option<&Handle<Run>>) {
    infallible((), || living(run).into_iter().for_each(|run| run.running.cancel()));
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_take(
    run: Option<&Handle<Run>>,
    values: *mut *mut Value,
    count: usize,
) -> *mut Failure {
    fallible(|| {
        let run = alive(run, "run")?;
        let room = run.running.outputs().len();
        if count != room {
            let message = format!("is {count}, and {room} outputs were asked for");
            return Err(Error::invalid("count", message));
        }
        // SAFETY: the header requires `count` writable outputs.
        unsafe { give_all(values, count, || run.running.take()) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_run_free(run: Option<Box<Handle<Run>>>) {
    handle::free(run);
}

//! `wst_job`: a graph with values for its inputs.

use wuerst::core::{Origin, Ty};
use wuerst::{Error, Job, Result};

use crate::boundary::{Out, fallible, infallible, non_null};
use crate::digest::{self, Digest};
use crate::error::Failure;
use crate::graph::Graph;
use crate::handle::{self, Handle, alive, living};
use crate::list;
use crate::observer::{Callbacks, Observer};
use crate::text::{Read, Str};
use crate::value::Value;

/// `WST_SAVE_UNMARKED` of the header.
const UNMARKED: u32 = wuerst_sys::numbers::SAVE_UNMARKED;

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_new(graph: Option<&Handle<Graph>>, out: Out<*mut Handle<Job>>) -> *mut Failure {
    fallible(|| {
        let (graph, out) = (alive(graph, "graph")?, out.non_null()?);
        // SAFETY: the header requires a writable output.
        unsafe { out.give(Handle::new(graph.engine.job(&graph.graph))) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_set(job: Option<&Handle<Job>>, input: Str, value: Option<&Value>) -> *mut Failure {
    fallible(|| {
        let (job, value) = (alive(job, "job")?, non_null(value, "value")?);
        // SAFETY: the header requires a string valid during the call.
        let input = unsafe { input.read("input")? };
        job.set(input, value.inner().clone())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_set_text(job: Option<&Handle<Job>>, input: Str, text: Str) -> *mut Failure {
    fallible(|| {
        let job = alive(job, "job")?;
        // SAFETY: the header requires strings valid during the call.
        let (input, path) = unsafe { (input.read("input")?, text.read_path("text")?) };
        let port = &job.graph().inputs()[job.graph().input(input)?];
        match path.to_str() {
            None if matches!(port.ty, Ty::Model | Ty::File) => job.set(input, port.ty.at_path(path)?),
            // SAFETY: as above.
            _ => job.set_text(input, unsafe { text.read("text")? }),
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_unset(job: Option<&Handle<Job>>, input: Str) -> *mut Failure {
    fallible(|| {
        let job = alive(job, "job")?;
        // SAFETY: the header requires a string valid during the call.
        job.unset(unsafe { input.read("input")? })
    })
}

/// Output names from C.
pub(crate) struct Outputs<'a>(pub(crate) Vec<&'a str>);

impl Outputs<'_> {
    /// # Safety
    /// `outputs` is NULL or points to `count` strings, which stay unchanged.
    pub(crate) unsafe fn read<'a>(outputs: *const Str, count: usize) -> Result<Outputs<'a>> {
        // SAFETY: promised by the caller.
        let outputs = unsafe { list::read("outputs", outputs, count, list::LONGEST)? };
        // SAFETY: as above.
        let names = outputs.iter().map(|output| unsafe { output.read("outputs") });
        Ok(Outputs(names.collect::<Result<_>>()?))
    }
}

/// Writes several values to C, all or none.
///
/// # Safety
/// `values` is NULL or has room for `count` handles.
pub(crate) unsafe fn give_all(
    values: *mut *mut Value,
    count: usize,
    get: impl FnOnce() -> Result<Vec<wuerst::Value>>,
) -> Result<()> {
    if values.is_null() && count > 0 {
        return Err(Error::invalid("values", "is NULL"));
    }
    for (index, value) in get()?.into_iter().enumerate().take(count) {
        let handle = Box::into_raw(Box::new(Value::from(value)));
        // SAFETY: promised by the caller.
        unsafe { values.add(index).write(handle) };
    }
    Ok(())
}

/// Runs a job with the observer from C.
///
/// # Safety
/// `observer` is NULL or a struct begun with its _INIT macro.
unsafe fn get(job: &Job, outputs: &[&str], observer: *const Observer) -> Result<Vec<wuerst::Value>> {
    // SAFETY: promised by the caller.
    match unsafe { Callbacks::read(observer)? } {
        Some(mut observer) => job.get_all(outputs, &mut observer),
        None => job.get_all(outputs, &mut ()),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_get(
    job: Option<&Handle<Job>>,
    output: Str,
    observer: *const Observer,
    out: *mut *mut Value,
) -> *mut Failure {
    fallible(|| {
        let job = alive(job, "job")?;
        if out.is_null() {
            return Err(Error::invalid("out", "is NULL"));
        }
        // SAFETY: the header requires a string valid during the call, for NULL or a struct begun with its
        // _INIT macro, and for a writable output.
        unsafe {
            let output = output.read("output")?;
            give_all(out, 1, || get(job, &[output], observer))
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_save(
    job: Option<&Handle<Job>>,
    output: Str,
    path: Str,
    observer: *const Observer,
    flags: u32,
) -> *mut Failure {
    fallible(|| {
        let job = alive(job, "job")?;
        if flags & !UNMARKED != 0 {
            return Err(Error::invalid("flags", format!("{flags} has unknown bits")));
        }
        // SAFETY: the header requires strings valid during the call, and NULL or a struct begun with its _INIT macro.
        unsafe {
            let (output, path, mark) =
                (output.read("output")?, path.read_path("path")?, flags & UNMARKED == 0);
            match Callbacks::read(observer)? {
                Some(mut observer) => job.save(output, path, &mut observer, mark),
                None => job.save(output, path, &mut (), mark),
            }
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_get_all(
    job: Option<&Handle<Job>>,
    outputs: *const Str,
    count: usize,
    observer: *const Observer,
    values: *mut *mut Value,
) -> *mut Failure {
    fallible(|| {
        let job = alive(job, "job")?;
        // SAFETY: the header requires `count` strings valid during the call, NULL or a struct begun with its _INIT macro,
        // and `count` writable outputs.
        unsafe {
            let outputs = Outputs::read(outputs, count)?;
            give_all(values, count, || get(job, &outputs.0, observer))
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_digest(job: Option<&Handle<Job>>, output: Str, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (job, out) = (alive(job, "job")?, out.non_null()?);
        // SAFETY: the header requires a string valid during the call, and a writable output.
        unsafe { out.write(digest::in_c(job.digest(output.read("output")?)?)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_xmp(job: Option<&Handle<Job>>, output: Str, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (job, out) = (alive(job, "job")?, out.non_null()?);
        // SAFETY: the header requires a string valid during the call, and a writable output.
        unsafe {
            let origin = job.origin(output.read("output")?)?;
            out.give(wuerst::Value::from(origin.map(Origin::xmp).unwrap_or_default()).into());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_cancel(job: Option<&Handle<Job>>) {
    infallible((), || living(job).into_iter().for_each(Job::cancel));
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_report(job: Option<&Handle<Job>>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (job, out) = (alive(job, "job")?, out.non_null()?);
        let report = wuerst::Value::from(job.report().to_json().to_string());
        // SAFETY: the header requires a writable output.
        unsafe { out.give(report.into()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_free(job: Option<Box<Handle<Job>>>) {
    handle::free(job);
}

//! `wst_job`: one graph with the values of its inputs.

use wuerst::Job;

use crate::boundary::{Out, fallible, given, infallible};
use crate::error::Failure;
use crate::graph::Graph;
use crate::grow::Grows;
use crate::text::Str;
use crate::value::Value;
use crate::watch::Watch;

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_new(graph: Option<&Graph>, out: Out<*mut Job>) -> *mut Failure {
    fallible(|| {
        let (graph, out) = (given(graph, "graph")?, out.given()?);
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.give(graph.engine.job(&graph.graph)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_set(job: Option<&Job>, input: Str, value: Option<&Value>) -> *mut Failure {
    fallible(|| {
        let (job, value) = (given(job, "job")?, given(value, "value")?);
        // SAFETY: the header asks for a string that is good during the call.
        let input = unsafe { input.read("input")? };
        job.set(input, value.inner().clone())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_set_text(job: Option<&Job>, input: Str, text: Str) -> *mut Failure {
    fallible(|| {
        let job = given(job, "job")?;
        // SAFETY: the header asks for strings that are good during the call.
        let (input, text) = unsafe { (input.read("input")?, text.read("text")?) };
        job.set_text(input, text)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_get(
    job: Option<&Job>,
    output: Str,
    watch: *const Watch,
    out: Out<*mut Value>,
) -> *mut Failure {
    fallible(|| {
        let (job, out) = (given(job, "job")?, out.given()?);
        // SAFETY: the header asks for a string that is good during the call, for NULL or a struct begun with its
        // _INIT macro, and for an output that may be written to.
        unsafe {
            let output = output.read("output")?;
            let value = match Watch::read(watch)? {
                Some(mut watch) => job.get(output, &mut watch)?,
                None => job.get(output, &mut ())?,
            };
            out.give(value.into());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_cancel(job: Option<&Job>) {
    infallible((), || job.into_iter().for_each(Job::cancel));
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_report(job: Option<&Job>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (job, out) = (given(job, "job")?, out.given()?);
        let report = wuerst::Value::from(job.report().to_json().to_string());
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.give(report.into()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_job_free(job: Option<Box<Job>>) {
    infallible((), || drop(job));
}

//! Assignment of a loaded model's operators to execution providers, as reported by ONNX Runtime.
#![allow(unsafe_code, reason = "ort has no safe call for the assignment of a session's graph")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtMemoryInfo};

/// Number of operators of each type, by execution provider: `{"cpu": {"MatMul": 96}}`.
pub type Operators = BTreeMap<String, BTreeMap<String, usize>>;

/// Session option required by [`assigned`].
pub(crate) const RECORD: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// The assignment in a session made with [`RECORD`]. Providers have the names of devices; operators outside the standard
/// set are prefixed with the name of their set.
pub(crate) fn assigned(session: &Session) -> ort::Result<Operators> {
    let api = ort::api();
    let mut all = Operators::new();
    let (mut graphs, mut count): (*const *const OrtEpAssignedSubgraph, usize) = (ptr::null(), 0);
    // SAFETY: the session is valid and the outputs are writable. The results belong to the session.
    let status = unsafe { (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut graphs, &mut count) };
    // SAFETY: a status of the same library, passed on by value.
    unsafe { ort::Error::<()>::result_from_status(status) }?;
    for graph in list(graphs, count) {
        let mut name = ptr::null();
        // SAFETY: an object of the session, and a writable output.
        let status = unsafe { (api.EpAssignedSubgraph_GetEpName)(graph, &mut name) };
        // SAFETY: as above.
        unsafe { ort::Error::<()>::result_from_status(status) }?;
        let operators = all.entry(provider(&text(name))).or_default();
        let (mut nodes, mut count): (*const *const OrtEpAssignedNode, usize) = (ptr::null(), 0);
        // SAFETY: as above.
        let status = unsafe { (api.EpAssignedSubgraph_GetNodes)(graph, &mut nodes, &mut count) };
        // SAFETY: as above.
        unsafe { ort::Error::<()>::result_from_status(status) }?;
        for node in list(nodes, count) {
            let (mut domain, mut operator) = (ptr::null(), ptr::null());
            // SAFETY: as above.
            let status = unsafe { (api.EpAssignedNode_GetDomain)(node, &mut domain) };
            // SAFETY: as above.
            unsafe { ort::Error::<()>::result_from_status(status) }?;
            // SAFETY: as above.
            let status = unsafe { (api.EpAssignedNode_GetOperatorType)(node, &mut operator) };
            // SAFETY: as above.
            unsafe { ort::Error::<()>::result_from_status(status) }?;
            let (domain, operator) = (text(domain), text(operator));
            let full = if domain.is_empty() || domain == "ai.onnx" {
                operator
            } else {
                format!("{domain}:{operator}")
            };
            *operators.entry(full).or_default() += 1;
        }
    }
    Ok(all)
}

/// Whether the session's inputs or outputs lie in memory that is not the CPU's, so a device computes at least these.
pub(crate) fn reads_or_writes_elsewhere(session: &Session) -> ort::Result<bool> {
    let api = ort::api();
    let (inputs, outputs) = (session.inputs().len(), session.outputs().len());
    let functions =
        [(api.SessionGetMemoryInfoForInputs, inputs), (api.SessionGetMemoryInfoForOutputs, outputs)];
    for (function, count) in functions {
        let mut infos: Vec<*const OrtMemoryInfo> = vec![ptr::null(); count];
        // SAFETY: the session is valid, and there is room for one pointer of each.
        let status = unsafe { function(session.ptr(), infos.as_mut_ptr(), count) };
        // SAFETY: a status of the same library, passed on by value.
        unsafe { ort::Error::<()>::result_from_status(status) }?;
        for info in infos.into_iter().filter(|info| !info.is_null()) {
            let mut name = ptr::null();
            // SAFETY: an object of the session, and a writable output.
            let status = unsafe { (api.MemoryInfoGetName)(info, &mut name) };
            // SAFETY: as above.
            unsafe { ort::Error::<()>::result_from_status(status) }?;
            if text(name) != "Cpu" {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Copies an array that ONNX Runtime returns as pointer and count.
fn list<T: Copy>(first: *const T, count: usize) -> Vec<T> {
    if first.is_null() {
        return vec![];
    }
    // SAFETY: an array of the session, valid as long as the session.
    unsafe { std::slice::from_raw_parts(first, count) }.to_vec()
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: a text of the session, valid as long as the session.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Short name of a provider, as in device names: `cuda` for `CUDAExecutionProvider`.
pub(super) fn provider(name: &str) -> String {
    match name.trim_end_matches("ExecutionProvider") {
        "Dml" => "directml".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

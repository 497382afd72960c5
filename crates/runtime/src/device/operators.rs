//! Which operators of a loaded model ran to which execution provider, asked of ONNX Runtime.
#![allow(unsafe_code, reason = "ort has no safe call for the assignment of a session's graph")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph};

/// How many operators of each type, by execution provider: `{"cpu": {"MatMul": 96}}`.
pub type Operators = BTreeMap<String, BTreeMap<String, usize>>;

/// The session option that makes [`assigned`] possible.
pub(crate) const RECORD: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// What runs where in a session that was made with [`RECORD`]. Providers are called as devices are; operators that are
/// not of the standard set have its name before theirs.
pub(crate) fn assigned(session: &Session) -> ort::Result<Operators> {
    let api = ort::api();
    let mut all = Operators::new();
    let (mut graphs, mut count): (*const *const OrtEpAssignedSubgraph, usize) = (ptr::null(), 0);
    // SAFETY: the session is a good one, and the outputs may be written to. What they get belongs to the session.
    let status = unsafe { (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut graphs, &mut count) };
    // SAFETY: a status of the same library, given away.
    unsafe { ort::Error::<()>::result_from_status(status) }?;
    for graph in list(graphs, count) {
        let mut name = ptr::null();
        // SAFETY: one of the session's, and an output.
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

/// What ONNX Runtime gives as a pointer and a count.
fn list<T: Copy>(first: *const T, count: usize) -> Vec<T> {
    if first.is_null() {
        return vec![];
    }
    // SAFETY: an array of the session's, which lives as long as it.
    unsafe { std::slice::from_raw_parts(first, count) }.to_vec()
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: a text of the session's, which lives as long as it.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// `cuda` for `CUDAExecutionProvider`: what is written before the colon of a device.
pub(super) fn provider(name: &str) -> String {
    match name.trim_end_matches("ExecutionProvider") {
        "Dml" => "directml".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

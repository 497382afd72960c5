//! Inputs, outputs and nodes of a graph, for C.

use std::ffi::c_int;

use wuerst_sys::Node as NodeView;

use crate::boundary::{Out, fallible, infallible};
use crate::contents::Contents;
use crate::error::Failure;
use crate::graph::Graph;
use crate::grow::Shows;
use crate::handle::{Handle, alive, living};
use crate::ports::{self, PortView};
use crate::text::Str;

fn count(graph: Option<&Handle<Graph>>, of: impl Fn(&Contents) -> usize) -> usize {
    infallible(0, || living(graph).map_or(0, |graph| of(graph.contents())))
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_input_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.inputs.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_input(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut PortView,
) -> *mut Failure {
    // SAFETY: the header requires a struct begun with its _INIT macro.
    fallible(|| unsafe { ports::show(&alive(graph, "graph")?.contents().inputs, index, out) })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_output_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.outputs.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_output(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut PortView,
) -> *mut Failure {
    // SAFETY: the header requires a struct begun with its _INIT macro.
    fallible(|| unsafe { ports::show(&alive(graph, "graph")?.contents().outputs, index, out) })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_node_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.nodes.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_node(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut NodeView,
) -> *mut Failure {
    fallible(|| {
        let node = ports::at(&alive(graph, "graph")?.contents().nodes, index)?;
        // SAFETY: the header requires a struct begun with its _INIT macro.
        unsafe { node.view().show(out) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_missing_model(
    graph: Option<&Handle<Graph>>,
    index: usize,
    argument: Out<Str>,
    message: Out<Str>,
) -> c_int {
    infallible(0, || {
        let missing = living(graph).and_then(|graph| graph.contents().missing.get(index));
        let Some((name, why)) = missing else { return 0 };
        // SAFETY: the header asks for pointers that are NULL or may be written to.
        unsafe {
            argument.offer(Str::of(name));
            message.offer(Str::of(why));
        }
        1
    })
}

//! `wst_graph`: a checked graph.

use std::sync::OnceLock;

use wuerst::core::CancellationToken;
use wuerst::{Engine, GraphKind};
use wuerst_sys::Change;

use crate::boundary::{Out, fallible};
use crate::contents::Contents;
use crate::digest::{self, Digest};
use crate::error::Failure;
use crate::handle::{self, Handle, alive};
use crate::list;
use crate::ports;
use crate::text::{Read, Str};
use crate::value::Value;

/// # Safety
/// Strings and value are valid for `'a`.
unsafe fn change<'a>(given: &Change, index: usize) -> wuerst::Result<wuerst::Change<'a>> {
    // SAFETY: promised by the caller.
    let (name, text, value) = unsafe {
        let field = |field: &str| format!("{field} of change {index}");
        let value = given.value.cast::<Value>().as_ref();
        (given.name.read(&field("name"))?, given.text.read(&field("text"))?, value)
    };
    Ok(match value {
        Some(value) => wuerst::Change::Value(name, value.inner().clone()),
        None => (name, text).into(),
    })
}

/// A graph and its engine, so that C need not keep both.
pub struct Graph {
    pub(crate) engine: Engine,
    pub(crate) graph: wuerst::Graph,
    /// Contents for C, made on first use.
    contents: OnceLock<Contents>,
}

impl Graph {
    fn new(engine: &Engine, graph: wuerst::Graph) -> Handle<Graph> {
        Handle::new(Graph { graph, engine: engine.clone(), contents: OnceLock::new() })
    }

    pub(crate) fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| Contents::of(&self.graph))
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_new(
    engine: Option<&Handle<Engine>>,
    yaml: Str,
    out: Out<*mut Handle<Graph>>,
) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (alive(engine, "engine")?, out.non_null()?);
        // SAFETY: the header requires a string valid during the call, and a writable output.
        unsafe { out.give(Graph::new(engine, engine.graph(yaml.read("yaml")?)?)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_new_with(
    engine: Option<&Handle<Engine>>,
    yaml: Str,
    changes: *const Change,
    count: usize,
    out: Out<*mut Handle<Graph>>,
) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (alive(engine, "engine")?, out.non_null()?);
        // SAFETY: the header requires an array of `count` changes, whose strings and values are valid during the call,
        // and a writable output.
        unsafe {
            let changes = list::read("changes", changes, count, list::LONGEST)?;
            let changes = changes.iter().enumerate().map(|(index, given)| change(given, index));
            let changes = changes.collect::<wuerst::Result<Vec<_>>>()?;
            out.give(Graph::new(engine, engine.graph_with(yaml.read("yaml")?, &changes)?));
        }
        Ok(())
    })
}

/// Opens a graph file; `load` reads and checks its text.
fn open(
    engine: Option<&Handle<Engine>>,
    path: Str,
    out: Out<*mut Handle<Graph>>,
    load: impl FnOnce(&Engine, &str) -> wuerst::Result<wuerst::Graph>,
) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (alive(engine, "engine")?, out.non_null()?);
        // SAFETY: the header requires a string valid during the call.
        let yaml = wuerst::graph::read_file(unsafe { path.read_path("path")? })?;
        // SAFETY: the header requires a writable output.
        unsafe { out.give(Graph::new(engine, load(engine, &yaml)?)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_open(
    engine: Option<&Handle<Engine>>,
    path: Str,
    out: Out<*mut Handle<Graph>>,
) -> *mut Failure {
    open(engine, path, out, Engine::graph)
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_open_without_models(
    engine: Option<&Handle<Engine>>,
    path: Str,
    out: Out<*mut Handle<Graph>>,
) -> *mut Failure {
    open(engine, path, out, |engine, yaml| engine.graph_without_models(yaml, &[]))
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_left_out(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: Out<*mut Value>,
) -> *mut Failure {
    fallible(|| {
        let (graph, out) = (alive(graph, "graph")?, out.non_null()?);
        let input = ports::at(graph.graph.inputs(), index)?;
        let value = graph.graph.left_out(&input.name)?;
        let value = value.map_or(std::ptr::null_mut(), |value| Box::into_raw(Box::new(Value::from(value))));
        // SAFETY: the header requires a writable output.
        unsafe { out.write(value) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_digest(graph: Option<&Handle<Graph>>, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (graph, out) = (alive(graph, "graph")?, out.non_null()?);
        // SAFETY: the header requires a writable output.
        unsafe { out.write(digest::in_c(graph.graph.identity(&CancellationToken::new())?)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_add_graph(
    engine: Option<&Handle<Engine>>,
    kind: Str,
    yaml: Str,
) -> *mut Failure {
    fallible(|| {
        let engine = alive(engine, "engine")?;
        // SAFETY: the header requires strings valid during the call.
        let (kind, yaml) = unsafe { (kind.read("kind")?, yaml.read("yaml")?) };
        engine.add_graph(kind, yaml)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_open_graph(
    engine: Option<&Handle<Engine>>,
    kind: Str,
    path: Str,
) -> *mut Failure {
    fallible(|| {
        let engine = alive(engine, "engine")?;
        // SAFETY: the header requires strings valid during the call.
        let (kind, path) = unsafe { (kind.read("kind")?, path.read_path("path")?) };
        let text = wuerst::graph::read_file(path)?;
        let graph = GraphKind::new(kind, &text).in_folder(path.parent().unwrap_or(path));
        engine.add_graphs(&[graph]).map_err(|refused| refused.error)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_free(graph: Option<Box<Handle<Graph>>>) {
    handle::free(graph);
}

//! `wst_graph`: a checked graph.

use std::path::PathBuf;

use wuerst::Engine;

use crate::boundary::{Out, fallible, given, infallible};
use crate::error::Failure;
use crate::text::Str;

/// A graph with the engine that it was checked for, so that C need not keep them together.
pub struct Graph {
    pub(crate) engine: Engine,
    pub(crate) graph: wuerst::Graph,
}

impl Graph {
    fn load(engine: &Engine, yaml: &str) -> wuerst::Result<Graph> {
        Ok(Graph { graph: engine.graph(yaml)?, engine: engine.clone() })
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_new(engine: Option<&Engine>, yaml: Str, out: Out<*mut Graph>) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (given(engine, "engine")?, out.given()?);
        // SAFETY: the header asks for a string that is good during the call, and an output that may be written to.
        unsafe { out.give(Graph::load(engine, yaml.read("yaml")?)?) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_open(engine: Option<&Engine>, path: Str, out: Out<*mut Graph>) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (given(engine, "engine")?, out.given()?);
        // SAFETY: the header asks for a string that is good during the call.
        let path = PathBuf::from(unsafe { path.read("path")? });
        let yaml = wuerst::graph::read_file(&path)?;
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.give(Graph::load(engine, &yaml)?) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_free(graph: Option<Box<Graph>>) {
    infallible((), || drop(graph));
}

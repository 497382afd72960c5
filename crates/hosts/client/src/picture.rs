//! Graphs that make one picture, from text or from another picture, and so can serve as a generator or a filter.

use crate::engine::Engine;
use crate::error::Error;
use crate::graph::{Graph, Kind, Port};
use std::path::Path;

/// A graph with the ports that an adapter uses.
#[derive(Clone)]
pub struct PictureGraph {
    /// The checked graph.
    pub graph: Graph,
    /// All inputs, in the order of the file.
    pub inputs: Vec<Port>,
    /// The input for a picture, `u8[h,w,3]`, if there is one: the graph can be a filter.
    pub frame: Option<String>,
    /// The first output with a picture.
    pub picture: String,
}

impl PictureGraph {
    /// Reads and checks a graph file.
    ///
    /// # Errors
    /// All problems of the graph; no output that is a picture; an input that is neither a picture nor can be typed.
    pub fn open(engine: &Engine, file: &Path) -> Result<PictureGraph, Error> {
        let graph = engine.open(file)?;
        let inputs = graph.inputs()?;
        let first =
            |ports: &[Port]| ports.iter().find(|port| port.is_picture()).map(|port| port.name.clone());
        let frame = first(&inputs);
        let other = inputs
            .iter()
            .find(|port| port.kind == Kind::Tensor && !port.optional && Some(&port.name) != frame.as_ref());
        if let Some(port) = other {
            let message =
                format!("{}: this host cannot provide `{}: {}`", file.display(), port.name, port.type_text);
            return Err(Error::new(message));
        }
        let picture = first(&graph.outputs()?).ok_or_else(|| {
            Error::new(format!("{}: the graph has no output of the type u8[h,w,3]", file.display()))
        })?;
        Ok(PictureGraph { graph, inputs, frame, picture })
    }
}

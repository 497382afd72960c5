//! Names and declarations known during a check.

use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Lora, Models, NodeKind, Port, Registry};

use super::{declarations, loras};
use crate::file::doc::{Doc, Entry};
use crate::file::problems::{Place, Problems};
use crate::graph::ValueSource;

/// Reports that do not make the file wrong.
#[derive(Default)]
pub(crate) struct Notes {
    /// Default models and files of inputs that do not exist.
    pub(crate) missing_defaults: Problems,
    /// Old names.
    pub(crate) warnings: Problems,
}

/// Resolves names in one graph. `None` stands for a wrong entry that is reported already.
pub(crate) struct Scope<'a> {
    pub(crate) inputs: Vec<(&'a str, Option<Port>)>,
    pub(crate) nodes: Vec<(&'a str, Option<Arc<dyn NodeKind>>)>,
    /// Index of each name in `inputs` and `nodes`.
    pub(crate) input_named: HashMap<&'a str, usize>,
    pub(crate) node_named: HashMap<&'a str, usize>,
    /// LoRAs of each node.
    pub(crate) loras: Vec<Vec<Lora>>,
    pub(crate) models: &'a Models,
    /// Resolves names given by the caller of the graph.
    pub(crate) host: Models,
    /// Resolves names in a node kind's own defaults, if the kind is a graph: they stand in its file.
    pub(crate) models_of: fn(&dyn NodeKind) -> Option<&Models>,
}

/// An argument: its place, its port, and its source if known.
pub(super) struct Argument {
    pub(super) place: Place,
    /// Index of the node in the file, and of the port in the node's signature.
    pub(super) node: usize,
    pub(super) port: usize,
    pub(super) source: Option<ValueSource>,
}

impl<'a> Scope<'a> {
    /// Reads the declarations in the order of the file. `host` resolves the names of models in changes.
    pub(crate) fn read(
        doc: &'a Doc,
        registry: &'a Registry,
        host: &Models,
        models_of: fn(&dyn NodeKind) -> Option<&Models>,
        problems: &mut Problems,
        notes: &mut Notes,
    ) -> Scope<'a> {
        declarations::needs(&doc.needs, registry, problems);
        declarations::devices(doc, registry, problems, &mut notes.warnings);
        let nodes = declarations::kinds(doc, registry, problems, &mut notes.warnings);
        Scope {
            loras: loras::of_nodes(doc, &nodes, (registry.models(), models_of), problems),
            inputs: declarations::inputs(
                &doc.inputs,
                registry.models(),
                problems,
                &mut notes.missing_defaults,
            ),
            nodes,
            input_named: named(&doc.inputs),
            node_named: named(&doc.nodes),
            models: registry.models(),
            host: host.by_host(),
            models_of,
        }
    }
}

fn named<T>(entries: &[Entry<T>]) -> HashMap<&str, usize> {
    entries.iter().enumerate().map(|(index, entry)| (entry.name.as_str(), index)).collect()
}

//! What is known while a graph is checked.

use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Models, NodeKind, Port, Registry};

use super::declarations;
use crate::file::doc::{Doc, Entry};
use crate::file::problems::{Place, Problems};
use crate::graph::ValueSource;

/// What is noted of a file that may be right all the same.
#[derive(Default)]
pub(crate) struct Notes {
    /// Defaults of inputs, models and files, that are not there.
    pub(crate) missing_defaults: Problems,
    /// Old names.
    pub(crate) warnings: Problems,
}

/// What names mean in one graph. `None` stands for what is wrong, and reported already.
pub(crate) struct Scope<'a> {
    pub(crate) inputs: Vec<(&'a str, Option<Port>)>,
    pub(crate) nodes: Vec<(&'a str, Option<Arc<dyn NodeKind>>)>,
    /// Where in `inputs` and `nodes` a name is found.
    pub(crate) input_named: HashMap<&'a str, usize>,
    pub(crate) node_named: HashMap<&'a str, usize>,
    pub(crate) models: &'a Models,
    /// The same in what comes from whoever runs the graph.
    pub(crate) host: Models,
    /// The same in a node kind's own defaults, where the kind is a graph: they are written in its file.
    pub(crate) models_of: fn(&dyn NodeKind) -> Option<&Models>,
}

/// An argument: where it stands, the port that it is for, and what it is, as far as that is known.
pub(super) struct Argument {
    pub(super) place: Place,
    /// Index of the node in the file, and of the port in the node's signature.
    pub(super) node: usize,
    pub(super) port: usize,
    pub(super) source: Option<ValueSource>,
}

impl<'a> Scope<'a> {
    /// What the file declares, in the order in which it does. `host` is what the names of models mean in changes.
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
        Scope {
            inputs: declarations::inputs(
                &doc.inputs,
                registry.models(),
                problems,
                &mut notes.missing_defaults,
            ),
            nodes: declarations::kinds(doc, registry, problems, &mut notes.warnings),
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

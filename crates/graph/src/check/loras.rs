//! Checks the LoRAs of nodes: the node has a model of its own, and the files exist.

use std::sync::Arc;

use wuerst_core::{File, Lora, Models, NodeKind, Ty};

use crate::file::doc::{Doc, Entry};
use crate::file::lora::LoraDoc;
use crate::file::problems::Problems;

/// Resolves names in a node kind's own file, if the kind is a graph.
type ModelsOf = fn(&dyn NodeKind) -> Option<&Models>;

/// Names of nodes and their kinds.
type Kinds<'a> = [(&'a str, Option<Arc<dyn NodeKind>>)];

/// The LoRAs of each node, whose names resolve among the models.
pub(super) fn of_nodes(
    doc: &Doc,
    kinds: &Kinds<'_>,
    (models, models_of): (&Models, ModelsOf),
    problems: &mut Problems,
) -> Vec<Vec<Lora>> {
    let mut all = Vec::with_capacity(doc.nodes.len());
    for (entry, (_, kind)) in doc.nodes.iter().zip(kinds) {
        let loras = &entry.value.loras;
        let wrong = loras.first().zip(kind.as_ref()).and_then(|(first, kind)| {
            let spec = kind.spec();
            let has_model = spec.signature.inputs.iter().any(|port| port.ty == Ty::Model);
            let why = match models_of(&**kind) {
                Some(_) => format!("`{}` is a graph: give the LoRA to a node of that graph", spec.kind),
                None if !has_model => format!("`{}` has no model that a LoRA could change", spec.kind),
                None => return None,
            };
            Some((first.place.clone(), why))
        });
        let known = kind.is_some() && wrong.is_none();
        if let Some((place, why)) = wrong {
            problems.add(place, why);
        }
        let opened = loras.iter().filter(|_| known).filter_map(|lora| opened(lora, models, problems));
        all.push(opened.collect());
    }
    all
}

fn opened(lora: &Entry<LoraDoc>, models: &Models, problems: &mut Problems) -> Option<Lora> {
    let LoraDoc { file: name, strength } = &lora.value;
    let found = models.find(name).map_err(|why| format!("no LoRA `{name}`: {why}"));
    let file = found.and_then(|path| File::open(name, &path).map_err(|e| e.to_string()));
    match file {
        Ok(file) => Some(Lora { file, strength: *strength }),
        Err(message) => {
            problems.add(lora.place.clone(), message);
            None
        }
    }
}

//! Models and files that a graph reads: their purpose, name and content.

use std::collections::BTreeMap;
use std::path::{self, Path};

use anyhow::Result;
use wuerst::core::{CancellationToken, Lora, Model, Models, Port, Ty};
use wuerst::graph::ValueSource;
use wuerst::stages::companions;
use wuerst::{Engine, Graph, Value};

use crate::pairs::Texts;

/// Values of inputs that are known already, by name.
pub(crate) type Found = BTreeMap<String, Value>;

/// A model or file that a graph reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Used {
    /// The input or argument, such as `image` or `load.file`; empty for a file that belongs to a model.
    pub place: String,
    /// Name as written.
    pub name: String,
    /// Name for pictures: without the user's folders.
    pub shown: String,
    /// Digest of its content.
    pub digest: String,
    /// Whether it is a file of a graph; otherwise a model, or a file that belongs to one.
    pub is_file: bool,
}

/// Models and files of a graph: those in it, and those set as inputs. Reads each once, for its digest.
pub(crate) fn used(engine: &Engine, graph: &Graph, inputs: &Texts, found: &Found) -> Result<Vec<Used>> {
    let registry = engine.registry();
    let mut values: Vec<(String, Value)> = vec![];
    for node in graph.nodes() {
        for (port, source) in node.kind.spec().signature.inputs.iter().zip(&node.args) {
            if let ValueSource::Literal(value) = source {
                values.push((format!("{}.{}", node.id, port.name), value.clone()));
            }
        }
    }
    let named = |port: &&Port| {
        matches!(port.ty, Ty::Model | Ty::File) || matches!(found.get(&port.name), Some(Value::File(_)))
    };
    for port in graph.inputs().iter().filter(named) {
        let (value, models) = match (found.get(&port.name), inputs.get(&port.name), &port.default) {
            (Some(value), ..) => (value.clone(), registry.models().clone()),
            (None, Some(text), _) => (Value::from(text.as_str()), registry.models().by_host()),
            (None, None, Some(default)) => (default.clone(), registry.models().clone()),
            (None, None, None) => continue,
        };
        let value = match port.ty {
            // The file of a tensor.
            Ty::Tensor { .. } => value,
            _ => port.admit(&port.name, value, &models)?,
        };
        values.push((port.name.clone(), value));
    }
    let cancel = CancellationToken::new();
    let mut used = vec![];
    let of_nodes = graph.nodes().iter().flat_map(|node| node.loras.clone());
    let of_stages = engine.model_cache().stage_loras()?.into_iter().flat_map(|(_, loras)| loras);
    for Lora { file, .. } in of_nodes.chain(of_stages) {
        let (name, digest) = (file.name().to_owned(), file.identify(&cancel)?.to_string());
        used.push(Used { place: String::new(), shown: base(&name).to_owned(), name, digest, is_file: false });
    }
    for (place, value) in values {
        match &value {
            Value::Model(model) => {
                let (name, shown) = (model.name().to_owned(), shown(registry.models(), model));
                let digest = model.identify(&cancel)?.to_string();
                used.push(Used { place, name, shown, digest, is_file: false });
                for file in companions(engine.model_cache(), model)? {
                    let (name, digest) = (file.name().to_owned(), file.identify(&cancel)?.to_string());
                    used.push(Used {
                        place: String::new(),
                        shown: name.clone(),
                        name,
                        digest,
                        is_file: false,
                    });
                }
            }
            Value::File(file) => {
                let (name, digest) = (file.name().to_owned(), file.identify(&cancel)?.to_string());
                used.push(Used { place, shown: base(&name).to_owned(), name, digest, is_file: true });
            }
            _ => {}
        }
    }
    Ok(used)
}

/// LoRAs that options and settings give stages, by stage: names of files, with strengths.
pub(crate) fn loras(engine: &Engine) -> Result<Texts> {
    let stages = engine.model_cache().stage_loras()?.into_iter().map(|(stage, loras)| {
        let shown = |lora: &Lora| format!("{}{{strength={}}}", lora.file.name(), lora.strength);
        (stage.to_string(), loras.iter().map(shown).collect::<Vec<_>>().join(", "))
    });
    Ok(stages.collect())
}

/// Name of a model: relative to the models folder if it is inside, as in graphs.
fn shown(models: &Models, model: &Model) -> String {
    let found = models.find(model.name()).ok().and_then(|path| path::absolute(path).ok());
    let whole = found.is_some_and(|path| path == model.path());
    if whole { model.name().to_owned() } else { base(model.name()).to_owned() }
}

/// The last part of a path.
pub(crate) fn base(name: &str) -> &str {
    Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name)
}

/// Digests by name; several if a name stands for several files.
pub(crate) fn digests<'a>(used: impl Iterator<Item = &'a Used>) -> Texts {
    let mut files = Texts::new();
    for Used { shown, digest, .. } in used {
        let digests = files.entry(shown.clone()).or_default();
        if !digests.contains(digest.as_str()) {
            digests.push_str(digest);
        }
    }
    files
}

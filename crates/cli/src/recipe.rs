//! How a picture was made, kept in the picture: enough to make it again.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wuerst::core::{Cancel, Digest, Port, Ty, regular};
use wuerst::graph::Source;
use wuerst::stages::{companions, png_texts};
use wuerst::{Engine, Graph, Value};

use crate::seed;

/// Names and values as the command line writes them.
pub(crate) type Texts = BTreeMap<String, String>;

/// Graphs that are node kinds, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kinds {
    /// Their texts.
    pub texts: Texts,
    /// The folders that their files lie in, as they were named.
    pub folders: Texts,
}

/// How an output of a graph was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recipe {
    /// The graph's text.
    pub graph: String,
    /// The output.
    pub output: String,
    /// The inputs that were set.
    pub inputs: Texts,
    /// What was changed in the graph: arguments, as `prior.steps`, and kinds of nodes, as `prior`.
    pub changes: Texts,
    /// The graphs that were node kinds.
    pub graphs: Kinds,
    /// A digest of the content of every model, tokenizer and file, by its name; of several where one name leads to several.
    pub files: Texts,
}

/// Where a PNG file keeps each part.
const GRAPH: &str = "graph";
const OUTPUT: &str = "output";
const INPUTS: &str = "inputs";
const CHANGES: &str = "arguments";
const GRAPHS: &str = "graphs";
const FOLDERS: &str = "folders";
const FILES: &str = "files";

impl Recipe {
    /// A recipe without an output yet, in which seeds are what counts of them. Reads every model once, for its digest.
    pub(crate) fn new(
        engine: &Engine,
        graph: &Graph,
        text: &str,
        mut inputs: Texts,
        mut changes: Texts,
    ) -> Result<Recipe> {
        let mut files = Texts::new();
        let mut add = |name: &str, digest: Digest| {
            let digest = digest.to_string();
            let digests: &mut String = files.entry(name.to_owned()).or_default();
            if !digests.contains(&digest) {
                digests.push_str(&digest);
            }
        };
        let cancel = Cancel::new();
        for value in used(engine, graph, &inputs)? {
            match &value {
                Value::Model(model) => {
                    add(model.name(), model.identify(&cancel)?);
                    for file in companions(engine.sessions(), model)? {
                        add(file.name(), file.identify(&cancel)?);
                    }
                }
                Value::File(file) => add(file.name(), file.identify(&cancel)?),
                _ => {}
            }
        }
        seed::reduce(graph, &mut inputs, &mut changes);
        Ok(Recipe { graph: text.to_owned(), inputs, changes, files, ..Recipe::default() })
    }

    /// Pairs of keyword and text, for a PNG file.
    pub(crate) fn pairs(&self) -> Result<Vec<(&'static str, String)>> {
        let mut pairs = vec![
            ("Software", concat!("wuerst ", env!("CARGO_PKG_VERSION")).to_owned()),
            (OUTPUT, self.output.clone()),
            (INPUTS, serde_json::to_string(&self.inputs)?),
            (CHANGES, serde_json::to_string(&self.changes)?),
            (FILES, serde_json::to_string(&self.files)?),
            (GRAPH, self.graph.clone()),
        ];
        for (keyword, texts) in [(GRAPHS, &self.graphs.texts), (FOLDERS, &self.graphs.folders)] {
            if !texts.is_empty() {
                pairs.push((keyword, serde_json::to_string(texts)?));
            }
        }
        Ok(pairs)
    }

    /// The recipe in a PNG file.
    pub(crate) fn read(path: &Path) -> Result<Recipe> {
        let shown = path.display();
        let mut parts = parts(path)?;
        let mut text = |keyword: &str| {
            parts.remove(keyword).with_context(|| {
                format!(
                    "{shown} does not say how it was made (`{keyword}` is missing): pictures that `wuerst generate` and \
                     `wuerst run` write do, unless --no-metadata is given"
                )
            })
        };
        let texts = |keyword: &str, text: Result<String>| -> Result<Texts> {
            let texts = serde_json::from_str(&text?);
            texts.with_context(|| format!("{shown}: `{keyword}` is not as wuerst writes it"))
        };
        let (graph, output) = (text(GRAPH)?, text(OUTPUT)?);
        let [inputs, changes, files] = [INPUTS, CHANGES, FILES].map(|keyword| texts(keyword, text(keyword)));
        // Pictures in which no graph was a node's kind do not have them.
        let mut some =
            |keyword: &str| parts.remove(keyword).map_or(Ok(Texts::new()), |text| texts(keyword, Ok(text)));
        let graphs = Kinds { texts: some(GRAPHS)?, folders: some(FOLDERS)? };
        Ok(Recipe { graph, output, inputs: inputs?, changes: changes?, graphs, files: files? })
    }

    /// The arguments that were replaced.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&String, &String)> {
        self.changes.iter().filter(|(name, _)| name.contains('.'))
    }

    /// The nodes that were of another kind.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&String, &String)> {
        self.changes.iter().filter(|(name, _)| !name.contains('.'))
    }

    /// Inputs and arguments that name files and models, with what they name: a picture of a stranger's names any file of the
    /// user's.
    pub(crate) fn files_to_read<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = |name: &str| match name.split_once('.') {
            None => graph.inputs().iter().find(|port| port.name == name).map(|port| &port.ty),
            Some((node, port)) => {
                let mut steps = graph.nodes().iter();
                let step = steps.find(|step| step.id == node)?;
                step.node.spec().signature.input(port).map(|(_, port)| &port.ty)
            }
        };
        let pairs =
            self.inputs.iter().chain(self.arguments()).map(|(name, text)| (name.as_str(), text.as_str()));
        // What is wired is no name.
        pairs.filter(move |(name, text)| {
            !text.starts_with('$') && named(name).is_some_and(|ty| matches!(ty, Ty::File | Ty::Model))
        })
    }

    /// The models and files that are not what they were.
    pub(crate) fn changed<'a>(&'a self, now: &'a Recipe) -> impl Iterator<Item = &'a str> {
        let other = |(name, digest): &(&String, &String)| now.files.get(*name) != Some(*digest);
        self.files.iter().filter(other).map(|(name, _)| name.as_str())
    }
}

/// The texts that a PNG file says of itself, by keyword.
fn parts(path: &Path) -> Result<Texts> {
    let shown = path.display();
    let file = regular::open(path, regular::Links::Followed);
    let file = file.map_err(|error| anyhow!("{shown} cannot be read: {error}"))?;
    let keywords = [GRAPH, OUTPUT, INPUTS, CHANGES, GRAPHS, FOLDERS, FILES];
    png_texts(BufReader::new(file), &keywords).map_err(|error| anyhow!("{shown} {error}"))
}

/// The models and files of a graph: those in it, and those that are inputs.
fn used(engine: &Engine, graph: &Graph, inputs: &Texts) -> Result<Vec<Value>> {
    let literal = |source: &Source| match source {
        Source::Literal(value) => Some(value.clone()),
        _ => None,
    };
    let mut used: Vec<Value> = graph.nodes().iter().flat_map(|step| &step.args).filter_map(literal).collect();
    let registry = engine.registry();
    let named = |port: &&Port| matches!(port.ty, Ty::Model | Ty::File);
    for port in graph.inputs().iter().filter(named) {
        let (text, models) = match (inputs.get(&port.name), &port.default) {
            (Some(text), _) => (Value::from(text.as_str()), registry.models().by_host()),
            (None, Some(default)) => (default.clone(), registry.models().clone()),
            (None, None) => continue,
        };
        used.push(port.admit(&port.name, text, &models)?);
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;

    #[test]
    fn a_recipe_is_read_from_the_picture_that_it_is_in() {
        let texts = |name: &str, value: &str| Texts::from([(name.to_owned(), value.to_owned())]);
        let recipe = Recipe {
            graph: "wuerstchen: 1\n# Würstchen\n".into(),
            output: "image".into(),
            inputs: texts("prompt", "a \"red\" 🍎\n"),
            changes: texts("prior.steps", "2"),
            graphs: Kinds {
                texts: texts("house.prior", "wuerstchen: 1\n"),
                folders: texts("house.prior", "parts"),
            },
            files: texts("prior", "00ff"),
        };
        let picture = Value::from(wuerst::Tensor::from_vec(&[1, 1, 3], vec![1u8, 2, 3]).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, picture::encode("image", &picture, &recipe.pairs().unwrap()).unwrap()).unwrap();
        assert_eq!(Recipe::read(&path).unwrap(), recipe);
        let now = Recipe { files: texts("prior", "00fe"), ..recipe.clone() };
        assert_eq!(recipe.changed(&now).collect::<Vec<_>>(), ["prior"]);
        assert_eq!(recipe.changed(&recipe.clone()).count(), 0);

        std::fs::write(&path, picture::encode("image", &picture, &[]).unwrap()).unwrap();
        assert!(Recipe::read(&path).unwrap_err().to_string().contains("--no-metadata"));
        std::fs::write(&path, "no picture").unwrap();
        assert!(Recipe::read(&path).unwrap_err().to_string().contains("no PNG picture"));
    }
}

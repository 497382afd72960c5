//! How a picture was made, kept in the picture: enough to make it again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use wuerst::core::{Port, Ty};
use wuerst::graph::Source;
use wuerst::stages::png_texts;
use wuerst::{Engine, Graph, Value};

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
    /// A digest of the content of every model and file, by its name; of several where one name leads to several.
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
    /// A recipe without an output yet. Reads every model once, for its digest.
    pub(crate) fn new(
        engine: &Engine,
        graph: &Graph,
        text: &str,
        inputs: Texts,
        changes: Texts,
    ) -> Result<Recipe> {
        let mut files = Texts::new();
        for (name, path) in used(engine, graph, &inputs)? {
            let digest = digest(&path).with_context(|| path.display().to_string())?;
            let digests: &mut String = files.entry(name).or_default();
            if !digests.contains(&digest) {
                digests.push_str(&digest);
            }
        }
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

    /// The models and files that are not what they were.
    pub(crate) fn changed<'a>(&'a self, now: &'a Recipe) -> impl Iterator<Item = &'a str> {
        let other = |(name, digest): &(&String, &String)| now.files.get(*name) != Some(*digest);
        self.files.iter().filter(other).map(|(name, _)| name.as_str())
    }
}

/// The texts that a PNG file says of itself, by keyword.
fn parts(path: &Path) -> Result<Texts> {
    let shown = path.display();
    // A pipe could be waited for without end.
    let about = fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?;
    if !about.is_file() {
        bail!("{shown} is no regular file: name a picture");
    }
    let file = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let keywords = [GRAPH, OUTPUT, INPUTS, CHANGES, GRAPHS, FOLDERS, FILES];
    png_texts(BufReader::new(file), &keywords).map_err(|error| anyhow!("{shown} {error}"))
}

/// The models and files of a graph: those in it, and those that are inputs.
fn used(engine: &Engine, graph: &Graph, inputs: &Texts) -> Result<Vec<(String, PathBuf)>> {
    let mut used = vec![];
    let mut add = |value: &Value| match value {
        Value::Model(model) => used.push((model.name().to_owned(), model.path().to_owned())),
        Value::File(file) => used.push((file.name().to_owned(), file.path().to_owned())),
        _ => {}
    };
    for source in graph.nodes().iter().flat_map(|step| &step.args) {
        if let Source::Literal(value) = source {
            add(value);
        }
    }
    let registry = engine.registry();
    let named = |port: &&Port| matches!(port.ty, Ty::Model | Ty::File);
    for port in graph.inputs().iter().filter(named) {
        let (text, models) = match (inputs.get(&port.name), &port.default) {
            (Some(text), _) => (Value::from(text.as_str()), registry.models().by_host()),
            (None, Some(default)) => (default.clone(), registry.models().clone()),
            (None, None) => continue,
        };
        add(&port.admit(&port.name, text, &models)?);
    }
    Ok(used)
}

/// A digest (BLAKE3) of the content of a file, and of `FILE.data` beside it; of a folder nothing.
fn digest(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut data = path.as_os_str().to_owned();
    data.push(".data");
    for path in [path, Path::new(&data)].into_iter().filter(|path| path.is_file()) {
        hasher.update_reader(File::open(path)?)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
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

//! Recipes: how a picture was made, stored in the picture so that it can be reproduced.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wuerst::Graph;
use wuerst::core::{Steady, regular};
use wuerst::stages::png_texts;

use crate::comfyui;
use crate::pairs::Texts;
use crate::seed;
use crate::used::{Used, digests};

/// How an output of a graph was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recipe {
    /// The graph's text.
    pub graph: String,
    /// The output.
    pub output: String,
    /// Inputs that were set.
    pub inputs: Texts,
    /// Changes to the graph: arguments, such as `prior.steps`, and kinds of nodes, such as `prior`.
    pub changes: Texts,
    /// Texts of the graphs that were node kinds, by kind.
    pub graphs: Texts,
    /// Digests of the content of every model, tokenizer and file, by its name; several if a name stands for several files.
    pub files: Texts,
    /// Digest of each file, by the input or argument that it was given for.
    pub digests: Texts,
    /// LoRAs that options gave stages, by stage: names of files, with strengths.
    pub loras: Texts,
    /// Whether ComfyUI made the picture: numbers below their range then count as left out.
    pub of_comfyui: bool,
}

/// Keywords of the parts in a PNG file.
const GRAPH: &str = "graph";
const OUTPUT: &str = "output";
const INPUTS: &str = "inputs";
const CHANGES: &str = "arguments";
const GRAPHS: &str = "graphs";
const FILES: &str = "files";
const DIGESTS: &str = "digests";
const LORAS: &str = "loras";

impl Recipe {
    /// The recipe of a run of `graph`, with seeds reduced to their effective part; otherwise as [`Recipe::new`].
    pub(crate) fn of(
        graph: &Graph,
        text: &str,
        mut inputs: Texts,
        mut changes: Texts,
        used: &[Used],
    ) -> Recipe {
        seed::reduce(graph, &mut inputs, &mut changes);
        Recipe::new(text, inputs, changes, used)
    }

    /// A recipe, still without an output and graphs that are node kinds. Paths of models and files lose their folders,
    /// since pictures are shared and folders are often named after users and clients.
    pub(crate) fn new(text: &str, inputs: Texts, changes: Texts, used: &[Used]) -> Recipe {
        let input = |(name, text): (String, String)| {
            let known = used.iter().find(|used| used.place == name && used.name == text);
            let text = known.map_or(text, |used| used.shown.clone());
            (name, text)
        };
        let change = |(name, text): (String, String)| {
            // A dollar at the start of a name is written twice.
            let named = text.strip_prefix('$').unwrap_or(&text);
            let known = used.iter().find(|used| !used.place.is_empty() && used.name == named);
            let text = known.map_or(text.clone(), |used| used.shown.clone());
            (name, text)
        };
        let files = used.iter().filter(|used| used.is_file);
        Recipe {
            graph: text.to_owned(),
            inputs: inputs.into_iter().map(input).collect(),
            changes: changes.into_iter().map(change).collect(),
            files: digests(used.iter()),
            digests: files.map(|used| (used.place.clone(), used.digest.clone())).collect(),
            ..Recipe::default()
        }
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
        for (keyword, texts) in [(GRAPHS, &self.graphs), (DIGESTS, &self.digests), (LORAS, &self.loras)] {
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
        if let (false, Some(prompt)) = (parts.contains_key(GRAPH), parts.get(comfyui::KEYWORD)) {
            return comfyui::recipe(prompt)
                .map_err(|error| anyhow!("{shown} was made by ComfyUI: {error:#}"));
        }
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
        // Omitted if there are no such graphs or files.
        let mut some =
            |keyword: &str| parts.remove(keyword).map_or(Ok(Texts::new()), |text| texts(keyword, Ok(text)));
        let (graphs, digests, loras) = (some(GRAPHS)?, some(DIGESTS)?, some(LORAS)?);
        let of_comfyui = false;
        Ok(Recipe {
            graph,
            output,
            inputs: inputs?,
            changes: changes?,
            graphs,
            files: files?,
            digests,
            loras,
            of_comfyui,
        })
    }

    /// Arguments that were replaced.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&String, &String)> {
        self.changes.iter().filter(|(name, _)| name.contains('.'))
    }

    /// Nodes whose kind was changed.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&String, &String)> {
        self.changes.iter().filter(|(name, _)| !name.contains('.'))
    }
}

/// The texts of a PNG file, by keyword.
fn parts(path: &Path) -> Result<Texts> {
    let shown = path.display();
    let file = regular::open(path, regular::Links::Followed);
    let file = file.map_err(|error| anyhow!("{shown} cannot be read: {error}"))?;
    let keywords = [GRAPH, OUTPUT, INPUTS, CHANGES, GRAPHS, FILES, DIGESTS, LORAS, comfyui::KEYWORD];
    png_texts(BufReader::new(Steady(file)), &keywords).map_err(|error| anyhow!("{shown} {error}"))
}

#[cfg(test)]
mod tests {
    use wuerst::Value;

    use super::*;
    use wuerst::save::picture;

    #[test]
    fn recipe_is_read_from_picture() {
        let texts = |name: &str, value: &str| Texts::from([(name.to_owned(), value.to_owned())]);
        let recipe = Recipe {
            graph: "wuerstchen: 1\n# Würstchen\n".into(),
            output: "image".into(),
            inputs: texts("prompt", "a \"red\" 🍎\n"),
            changes: texts("prior.steps", "2"),
            graphs: texts("house.prior", "wuerstchen: 1\n"),
            files: texts("prior", "00ff"),
            digests: texts("image", "00ff"),
            loras: texts("prior", "style.safetensors{strength=0.5}"),
            of_comfyui: false,
        };
        let picture = Value::from(wuerst::Tensor::from_vec(&[1, 1, 3], vec![1u8, 2, 3]).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, picture::encode("image", &picture, &recipe.pairs().unwrap()).unwrap()).unwrap();
        assert_eq!(Recipe::read(&path).unwrap(), recipe);

        std::fs::write(&path, picture::encode("image", &picture, &[]).unwrap()).unwrap();
        assert!(Recipe::read(&path).unwrap_err().to_string().contains("--no-metadata"));
        std::fs::write(&path, "no picture").unwrap();
        assert!(Recipe::read(&path).unwrap_err().to_string().contains("not a PNG picture"));
    }
}

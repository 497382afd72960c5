//! Pairs of names and values from the command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst::core::Ty;
use wuerst::{Change, Graph, Value};

/// Names with values, as written on the command line.
pub(crate) type Texts = BTreeMap<String, String>;

/// Values of `--set` for arguments and inputs: texts, and paths that are not UTF-8.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sets {
    pub(crate) texts: Vec<(String, String)>,
    arguments: BTreeMap<String, PathBuf>,
    inputs: BTreeMap<String, PathBuf>,
}

impl Sets {
    /// If a name is set twice, the last value counts.
    pub(crate) fn new(pairs: &[(String, OsString)]) -> Sets {
        let mut sets = Sets::default();
        for (name, value) in pairs {
            let paths = if is_argument(name) { &mut sets.arguments } else { &mut sets.inputs };
            match value.to_str() {
                Some(text) => {
                    paths.remove(name);
                    sets.texts.push((name.clone(), text.to_owned()));
                }
                None => {
                    sets.texts.retain(|(other, _)| other != name);
                    paths.insert(name.clone(), value.into());
                }
            }
        }
        sets
    }

    /// Whether a path is set for the name.
    pub(crate) fn has_path(&self, name: &str) -> bool {
        self.arguments.contains_key(name) || self.inputs.contains_key(name)
    }

    /// The changes to the graph with paths.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.arguments.iter().map(|(name, path)| Change::Path(name, path))
    }

    /// The values of inputs set by paths, by name; files for tensors.
    pub(crate) fn values(&self, graph: &Graph) -> Result<BTreeMap<String, Value>> {
        let value = |name: &str, path: &Path| {
            let port = &graph.inputs()[graph.input(name)?];
            let ty = if matches!(port.ty, Ty::Tensor { .. }) { &Ty::File } else { &port.ty };
            let value = ty.at_path(path).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
            Ok((name.to_owned(), value))
        };
        let is_tensor = |name: &str| {
            graph.input(name).is_ok_and(|input| matches!(graph.inputs()[input].ty, Ty::Tensor { .. }))
        };
        let tensors = self.texts.iter().filter(|(name, _)| !is_argument(name) && is_tensor(name));
        let tensors = tensors.map(|(name, text)| value(name, Path::new(text)));
        tensors.chain(self.inputs.iter().map(|(name, path)| value(name, path))).collect()
    }

    /// The paths of arguments and of inputs, in the form for messages and pictures.
    pub(crate) fn shown(&self) -> [Texts; 2] {
        let shown = |(name, path): (&String, &PathBuf)| (name.clone(), path.to_string_lossy().into_owned());
        [&self.arguments, &self.inputs].map(|paths| paths.iter().map(shown).collect())
    }
}

/// Whether a name is an argument of a node, `node.port`, and not an input.
fn is_argument(name: &str) -> bool {
    name.contains('.')
}

/// Reads `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    match name.trim() {
        "" => Err("write it as name=value".to_owned()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Names and values, borrowed.
pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Separates changes to the graph (a node's kind, by its name, and arguments, as `node.port`) from values of inputs.
pub(crate) fn split<'a>(
    sets: &'a [(String, String)],
    kinds: &'a [(String, String)],
) -> (Pairs<'a>, Pairs<'a>) {
    let pairs =
        |pairs: &'a [(String, String)]| pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (arguments, inputs): (Pairs<'a>, _) = pairs(sets).partition(|(name, _)| is_argument(name));
    (pairs(kinds).chain(arguments).collect(), inputs)
}

/// Borrows texts as pairs.
pub(crate) fn borrowed(texts: &Texts) -> impl Iterator<Item = (&str, &str)> {
    texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// Converts pairs to the form kept in a recipe.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_first_sign() {
        assert_eq!(pair("prompt=a=b"), Ok(("prompt".into(), "a=b".into())));
        assert!(pair("prompt").is_err() && pair("=b").is_err());
        let sets = [("seed".into(), "1".into()), ("prior.steps".into(), "2".into())];
        let kinds = [("prior".into(), "acme.prior".into())];
        let changes = vec![("prior", "acme.prior"), ("prior.steps", "2")];
        assert_eq!(split(&sets, &kinds), (changes, vec![("seed", "1")]));
    }
}

//! Names and values as the command line pairs them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst::{Change, Graph, Value};

/// Names and values as the command line writes them.
pub(crate) type Texts = BTreeMap<String, String>;

/// Values of `--set`: texts, and paths that are no text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sets {
    pub(crate) texts: Vec<(String, String)>,
    paths: BTreeMap<String, PathBuf>,
}

impl Sets {
    /// Of a name that is set twice, the last value counts.
    pub(crate) fn new(pairs: &[(String, OsString)]) -> Sets {
        let mut sets = Sets::default();
        for (name, value) in pairs {
            match value.to_str() {
                Some(text) => {
                    sets.paths.remove(name);
                    sets.texts.push((name.clone(), text.to_owned()));
                }
                None => {
                    sets.texts.retain(|(other, _)| other != name);
                    sets.paths.insert(name.clone(), value.into());
                }
            }
        }
        sets
    }

    /// Whether a path is set.
    pub(crate) fn has_path(&self, name: &str) -> bool {
        self.paths.contains_key(name)
    }

    /// The changes to the graph that are paths.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let arguments = self.paths.iter().filter(|(name, _)| name.contains('.'));
        arguments.map(|(name, path)| Change::Path(name, path))
    }

    /// The values of inputs that are paths, by name.
    pub(crate) fn values(&self, graph: &Graph) -> Result<BTreeMap<String, Value>> {
        let inputs = self.paths.iter().filter(|(name, _)| !name.contains('.'));
        let value = |(name, path): (&String, &PathBuf)| {
            let port = &graph.inputs()[graph.input(name)?];
            let value = port.ty.at_path(path).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
            Ok((name.clone(), value))
        };
        inputs.map(value).collect()
    }

    /// The paths as messages and pictures show them.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.paths.iter().map(|(name, path): (&String, &PathBuf)| (name.as_str(), shown(path)))
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
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

/// Parts what changes the graph (a node's kind, by its name, and arguments, as `node.port`) from what sets inputs.
pub(crate) fn split<'a>(
    sets: &'a [(String, String)],
    kinds: &'a [(String, String)],
) -> (Pairs<'a>, Pairs<'a>) {
    let pairs =
        |pairs: &'a [(String, String)]| pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (arguments, inputs): (Pairs<'a>, _) = pairs(sets).partition(|(name, _)| name.contains('.'));
    (pairs(kinds).chain(arguments).collect(), inputs)
}

/// Pairs as a recipe keeps them.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        assert_eq!(pair("prompt=a=b"), Ok(("prompt".into(), "a=b".into())));
        assert!(pair("prompt").is_err() && pair("=b").is_err());
        let sets = [("seed".into(), "1".into()), ("prior.steps".into(), "2".into())];
        let kinds = [("prior".into(), "acme.prior".into())];
        let changes = vec![("prior", "acme.prior"), ("prior.steps", "2")];
        assert_eq!(split(&sets, &kinds), (changes, vec![("seed", "1")]));
    }
}

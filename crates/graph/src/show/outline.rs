//! Outlines of graph files for editors, also of files that are wrong.

use crate::file::doc::Doc;
use crate::file::open::LONGEST;
use crate::file::problems::{Place, Problems};
use crate::file::yaml;

/// Names in a graph file and where they are declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Inputs, in the order of the file.
    pub inputs: Vec<OutlineInput>,
    /// Nodes, in the order of the file.
    pub nodes: Vec<OutlineNode>,
}

/// An input of a graph file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineInput {
    /// Its name.
    pub name: String,
    /// Line and column of the name, from 1, in characters.
    pub place: (u32, u32),
    /// Its declaration, in signature notation.
    pub declaration: String,
}

/// A node of a graph file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineNode {
    /// Its name.
    pub name: String,
    /// Line and column of the name, from 1, in characters.
    pub place: (u32, u32),
    /// Its kind, if the file names one.
    pub kind: Option<String>,
    /// Names of the arguments given so far, with their places.
    pub arguments: Vec<(String, (u32, u32))>,
}

/// Reads the names of a graph file. Parts that cannot be read are left out.
pub fn outline(text: &str) -> Outline {
    if text.len() > LONGEST {
        return Outline::default();
    }
    let doc = Doc::read(yaml::read(text).tree, &mut Problems::default());
    let key = |place: &Place| place.clone().name().position();
    let inputs = doc.inputs.iter().map(|entry| OutlineInput {
        name: entry.name.clone(),
        place: key(&entry.place),
        declaration: entry.value.clone(),
    });
    let nodes = doc.nodes.iter().map(|entry| OutlineNode {
        name: entry.name.clone(),
        place: key(&entry.place),
        kind: entry.value.kind.as_ref().map(|kind| kind.value.clone()),
        arguments: entry.value.with.iter().map(|given| (given.name.clone(), key(&given.place))).collect(),
    });
    Outline { inputs: inputs.collect(), nodes: nodes.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_files_have_outlines_too() {
        let text = "wuerstchen: 1\ninputs: { prompt: text }\nnodes:\n  a:\n    use: x.y\n    with: { p: $prompt, q: [ }\n";
        let Outline { inputs, nodes } = outline(text);
        assert_eq!((inputs[0].name.as_str(), inputs[0].place), ("prompt", (2, 11)));
        assert_eq!((nodes[0].name.as_str(), nodes[0].place), ("a", (4, 3)));
        assert_eq!(nodes[0].kind.as_deref(), Some("x.y"));
        assert_eq!(outline("{"), Outline::default());
    }
}

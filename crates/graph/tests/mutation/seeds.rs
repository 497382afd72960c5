//! Sources of damaged graphs: the graphs that ship, the broken ones, and nodes for both.

use std::fs;
use std::path::{Path, PathBuf};

use wuerst_core::{Args, Ctx, Error, Models, NodeKind, NodeSpec, Registry, Result, Value};

/// Nodes of the broken graphs in addition to the built-in ones.
const MORE: [(&str, &str); 2] = [
    ("tensor.mask", "embedding: f32[b,16,h,w], mask: f32[b,1,h,w] -> embedding: f32[b,16,h,w]"),
    ("test.square", "x: f32[n,n], y: f32[2,n]?, flag: bool = true -> z: f32[n], n: int"),
];

struct Interface(NodeSpec);

impl NodeKind for Interface {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
        Err(Error::Internal("a graph was run while it was checked".to_owned()))
    }
}

/// The repository: the nearest folder above that holds one.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("graphs").is_dir()).unwrap().to_owned()
}

/// The interfaces of the built-in nodes, from the page that describes them, and some more.
pub fn registry() -> Registry {
    let page = fs::read_to_string(root().join("crates/stages/NODES.md")).unwrap();
    let mut registry = Registry::new();
    let mut add = |kind: &str, signature: &str| {
        registry.add(Interface(NodeSpec::new(kind, 1, signature, "").unwrap())).unwrap();
    };
    for section in page.split("\n## `").skip(1) {
        let (kind, rest) = section.split_once('`').unwrap();
        let (mut inputs, mut outputs) = (vec![], vec![]);
        for row in rest.lines().filter(|line| line.starts_with("| `") || line.starts_with("| → `")) {
            let row = row.replace("\\|", "\u{1}");
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[1].trim_start_matches("→ ").trim_matches('`');
            let port = format!("{name}: {}", cells[2].trim_matches('`').replace('\u{1}', "|"));
            if cells[1].starts_with('→') { outputs.push(port) } else { inputs.push(port) }
        }
        add(kind, &format!("{} -> {}", inputs.join(", "), outputs.join(", ")));
    }
    MORE.into_iter().for_each(|(kind, signature)| add(kind, signature));
    let here = root().join("Cargo.toml");
    registry.set_models(Models::new(move |name| match name.ends_with('x') {
        false => Ok(here.clone()),
        true => Err("there is none".to_owned()),
    }));
    registry
}

/// All graphs of the repository, in the order of their names.
pub fn texts() -> Vec<String> {
    let mut files: Vec<PathBuf> = ["graphs", "tests/graphs/bad"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "only {} graphs", files.len());
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

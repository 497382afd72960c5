//! Schema, node pages and the nodes themselves agree.
//!
//! After a change of nodes: `UPDATE_GOLDEN=1 cargo test -p wuerst-tests --test schema`, then read the difference. What
//! the schema takes and refuses, `tests/schema` holds it to.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::fs;

use wuerst::{Engine, Options};
use wuerst_core::Registry;
use wuerst_graph::{Graph, example, page, schema, summary};
use wuerst_tests::built::root;

/// The lines around the list of nodes in the stages' page.
const MARKS: [&str; 2] =
    ["<!-- The list of nodes, made from their declarations. -->\n", "<!-- The list ends. -->"];

fn registry() -> Registry {
    Engine::new(Options::default()).unwrap().registry()
}

/// The file must say this; it is written anew when that is asked for.
fn agree(path: &str, wanted: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root().join(path), wanted).unwrap();
    }
    let there = fs::read_to_string(root().join(path)).unwrap_or_default();
    let remedy = "run `UPDATE_GOLDEN=1 cargo test -p wuerst-tests --test schema`";
    assert!(there == wanted, "{path} is out of date: {remedy}");
}

#[test]
fn schema_matches_nodes() {
    agree("graphs/schema.json", &format!("{:#}\n", schema(&registry())));
}

/// `wuerst import` writes the graph next to the models, without a schema.
#[test]
fn published_graph_is_imports() {
    let line = "# yaml-language-server: $schema=schema.json\n";
    agree("graphs/wuerstchen.yaml", &format!("{line}{}", wuerst_model::import::GRAPH));
    for (name, graph) in wuerst_model::import::CASCADE_GRAPHS {
        let name = if name == "graph.yaml" { ".yaml".to_owned() } else { format!("-{name}") };
        let graph = wuerst_model::import::cascade_graph(graph);
        agree(&format!("graphs/cascade{name}"), &format!("{line}{graph}"));
    }
}

#[test]
fn pages_list_every_node() {
    let registry = registry();
    agree("crates/stages/NODES.md", &page(&registry));
    let path = "crates/stages/README.md";
    let readme = fs::read_to_string(root().join(path)).unwrap();
    let (before, rest) = readme.split_once(MARKS[0]).expect("the page has a mark for the list of nodes");
    let (_, after) = rest.split_once(MARKS[1]).expect("the page has a mark for the end of the list");
    agree(path, &format!("{before}{}\n{}\n{}{after}", MARKS[0], summary(&registry), MARKS[1]));
}

#[test]
fn page_lists_every_contract() {
    agree("crates/model/CONTRACTS.md", &wuerst_model::metadata::page());
}

#[test]
fn shipped_graphs_name_schema() {
    let files = fs::read_dir(root().join("graphs")).unwrap().map(|entry| entry.unwrap().path());
    let graphs: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(graphs.len() >= 11, "{graphs:?}");
    for path in graphs {
        let text = fs::read_to_string(&path).unwrap();
        let names_it = text.starts_with("# yaml-language-server: $schema=schema.json\n");
        assert!(names_it, "{} does not begin with the line for editors", path.display());
    }
}

#[test]
fn every_node_has_valid_example() {
    let registry = registry();
    for node in registry.kinds() {
        let (kind, text) = (&node.spec().kind, example(node.spec()));
        Graph::load(&text, &registry).unwrap_or_else(|error| panic!("{kind}: {error}\n{text}"));
        for port in node.spec().signature.inputs.iter().chain(&node.spec().signature.outputs) {
            assert!(!port.about.is_empty(), "`{kind}` does not say what `{}` means", port.name);
        }
    }
}

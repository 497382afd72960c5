//! The committed schema takes the graphs that ship and the examples of all nodes, and refuses what it can see is wrong.
//! That it is the schema of the nodes, `tests/tests/schema.rs` makes sure.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn validator() -> Validator {
    validator_of("graphs/schema.json")
}

fn validator_of(path: &str) -> Validator {
    let schema = serde_json::from_str(&read(path)).expect("JSON");
    assert!(jsonschema::draft7::meta::is_valid(&schema), "{path} is not a schema of draft 7");
    jsonschema::draft7::new(&schema).expect("a schema")
}

fn right(validator: &Validator, name: &str, text: &str) {
    if let Err(error) = validator.validate(&yaml(text)) {
        panic!("{name}: {}: {error}\n{text}", error.instance_path());
    }
}

#[test]
fn shipped_graphs_keep_to_it() {
    let validator = validator();
    let files =
        fs::read_dir(root().join("graphs")).expect("graphs").map(|entry| entry.expect("a file").path());
    let graphs: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(graphs.len() >= 11, "{graphs:?}");
    for path in graphs {
        right(&validator, &path.display().to_string(), &fs::read_to_string(&path).expect("text"));
    }
}

#[test]
fn examples_of_nodes_keep_to_it() {
    let (validator, page) = (validator(), read("crates/stages/NODES.md"));
    let examples: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert!(examples.len() >= 30, "{}", examples.len());
    examples.into_iter().for_each(|example| right(&validator, "an example", example));
}

/// A graph with every sort of value.
const RIGHT: &str = "
wuerstchen: 1
needs: { acme: load libacme.so }
inputs:
  image: u8[h, w, 3]
  steps: int = 12 {1..1000}
  how: 'text = \"a \\\"b\\\"\" {a|b}'
  left: f32[]?
nodes:
  prior: { use: wuerst.prior, with: { text: $text.states, model: prior, steps: 20, seed: $seed } }
  small: { use: image.resize, with: { image: $image, width: 32, filter: nearest }, devices: [cuda, cpu] }
  join: { use: text.join, with: { a: red, b: $$5 } }
  other: { use: acme.turbo, with: { anything: [1, 2] } }
outputs: { image: $small.image, text: $join.text }
";

/// The replaced text, and the text that makes it wrong.
const WRONG: [(&str, &str); 22] = [
    ("wuerstchen: 1", "wuerstchen: 2"),
    ("wuerstchen: 1", ""),
    ("needs:", "need:"),
    ("{ acme: load libacme.so }", "{ acme: 3 }"),
    ("u8[h, w, 3]", "u8[h, w"),
    ("u8[h, w, 3]", "u9[h]"),
    ("int = 12", "int = twelve"),
    ("f32[]?", "7"),
    ("steps: 20", "steps: twenty"),
    ("steps: 20", "steps: 0"),
    ("steps: 20", "stepz: 20"),
    ("text: $text.states", "text: a red apple"),
    ("text: $text.states, ", ""),
    ("filter: nearest", "filter: near"),
    ("$seed", "$the.seed.now"),
    ("devices: [cuda, cpu]", "device: cuda"),
    ("[cuda, cpu]", "cuda"),
    ("text.join", "text.jion"),
    ("join: {", "join it: {"),
    ("a: red, b: $$5", "a: 5, b: x"),
    ("b: $$5", "b: $5 notes"),
    ("$small.image", "small.image"),
];

#[test]
fn schema_refuses_visible_mistakes() {
    let validator = validator();
    right(&validator, "every sort of value", RIGHT);
    for (good, bad) in WRONG {
        assert!(RIGHT.contains(good), "{good}");
        assert!(!validator.is_valid(&yaml(&RIGHT.replacen(good, bad, 1))), "`{bad}` is taken");
    }
    for text in ["{ wuerstchen: 1, outputs: {} }", "[]", "{ wuerstchen: 1, nodes: {} }"] {
        assert!(!validator.is_valid(&yaml(text)), "`{text}` is taken");
    }
}

/// Settings files that the reader of `crates/wuerst` refuses, though the schema cannot tell.
const UNSEEN: [&str; 3] = ["devices.yaml", "repeated.yaml", "syntax.yaml"];

#[test]
fn settings_keep_to_their_schema() {
    let validator = validator_of("graphs/settings.schema.json");
    let files = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join("tests/settings").join(folder)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("a file").path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect()
    };
    for path in files("right") {
        right(&validator, &path.display().to_string(), &fs::read_to_string(&path).expect("text"));
    }
    let (mut refused, mut unseen) = (0, vec![]);
    for path in files("wrong") {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        match serde_yaml::from_str(&fs::read_to_string(&path).expect("text")) {
            Ok(value) if validator.is_valid(&value) => unseen.push(name),
            _ if UNSEEN.contains(&name.as_str()) => {}
            _ => refused += 1,
        }
    }
    assert!(unseen.iter().all(|name| UNSEEN.contains(&name.as_str())), "{unseen:?} are taken");
    assert!(refused >= 18, "{refused}");
}

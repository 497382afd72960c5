//! Each file in `graphs/bad` is refused with exactly the text in the file next to it: files in `graphs/bad/built-in` with
//! the built-in nodes, all others with nodes of this test.
//!
//! After a change of wording: `UPDATE_GOLDEN=1 cargo test -p wuerst-tests --test bad_graphs`, then read
//! the difference.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use wuerst::{Engine, Options};
use wuerst_core::{Args, Ctx, Error, Models, NodeKind, NodeSpec, Refusal, Registry, Result, Value};
use wuerst_graph::{Graph, excerpt, headline};
use wuerst_model::metadata::{Metadata, Vqgan};
use wuerst_model::onnx;
use wuerst_model::record::{self, Axis, DType, Op};
use wuerst_tests::built::{root, tiny};
use wuerst_tests::numbers::random_weights;

/// The interfaces of the built-in nodes; checking a graph runs none of them.
const NODES: [(&str, &str); 7] = [
    ("test.file", "file: file -> text: text"),
    ("wuerst.tokenize", "text: text, vocab: model -> ids: i64[b,l]"),
    ("wuerst.text_encode", "ids: i64[b,l], model: model -> states: f32[b,l,d]"),
    (
        "wuerst.prior",
        "text: f32[b,l,d], model: model, init: f32[b,16,h,w]?, width: int = 1024 {128..4096}, \
         steps: int = 60 {1..1000}, guidance: float = 4.0 {0.0..}, seed: int = 0, \
         sampler: text = \"ddpm\" {ddpm|ddim} -> embedding: f32[b,16,h,w]",
    ),
    (
        "wuerst.decoder",
        "embedding: f32[b,16,h,w], text: f32[b,l,d], model: model, seed: int -> latents: f32[b,4,H,W]",
    ),
    ("tensor.blend", "a: f32[b,16,h,w], b: f32[b,16,h,w] -> embedding: f32[b,16,h,w]"),
    ("tensor.mask", "embedding: f32[b,16,h,w], mask: f32[b,1,h,w] -> embedding: f32[b,16,h,w]"),
];

struct Interface(NodeSpec);

impl NodeKind for Interface {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
        Err(Error::Internal("a graph was run while it was checked".to_owned()))
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        match known.get("width") {
            Some(Value::Int(width)) if width % 128 != 0 => {
                let (below, above) = (width / 128 * 128, (width / 128 + 1) * 128);
                let message =
                    format!("{width} is not a multiple of 128; the nearest are {below} and {above}");
                Err(Refusal::at("width", message))
            }
            _ => Ok(()),
        }
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    let blend = ("image.blend", "a: u8[h,w,3], b: u8[h,w,3], amount: float = 0.5 -> image: u8[h,w,3]");
    for (kind, signature) in NODES.into_iter().chain([blend]) {
        registry.add(Interface(NodeSpec::new(kind, 1, signature, "").unwrap())).unwrap();
    }
    // Any file will do for a model that is there.
    let here = folder().join("empty.yaml");
    registry.set_models(Models::new(move |name| match name {
        "clip-bigg" | "clip-h" | "prior" | "decoder" => Ok(here.clone()),
        _ => Err("models/ has clip-bigg, clip-h, decoder, prior".to_owned()),
    }));
    registry
}

/// The built-in nodes with the tiny models; files lie next to the graphs.
fn built_in() -> Registry {
    let models = tiny().canonicalize().unwrap();
    let (models, files) = (models, Some(folder().join("built-in")));
    Engine::new(Options { models, files, ..Options::default() }).unwrap().registry()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("graphs/bad")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

/// All that there is to say about a file, as `wuerst check` prints it.
fn report(name: &str, text: &str, registry: &Registry) -> String {
    let problems = match Graph::load(text, registry) {
        Ok(graph) if graph.missing_defaults().is_empty() && graph.notes().is_empty() => {
            return "nothing is wrong\n".to_owned();
        }
        Ok(graph) if graph.missing_defaults().is_empty() => graph.notes().to_vec(),
        Ok(graph) => graph.missing_defaults().to_vec(),
        Err(Error::Graph(problems)) => problems,
        Err(other) => return format!("another error: {other}\n"),
    };
    let shown = |d| format!("{}\n{}\n", headline(name, d), excerpt(text, d).unwrap_or_default());
    problems.iter().map(shown).collect()
}

#[test]
fn bad_graphs_match_goldens() {
    let (own, built_in) = (registry(), built_in());
    let (plain, with_models) = (files(&folder()), files(&folder().join("built-in")));
    assert!(plain.len() >= 70 && with_models.len() >= 4, "too few files in {}", folder().display());
    let root = root().canonicalize().unwrap().display().to_string();
    let plain = plain.into_iter().map(|file| (file, &own));
    let mut wrong = Vec::new();
    for (file, registry) in plain.chain(with_models.into_iter().map(|file| (file, &built_in))) {
        let name = file.file_name().unwrap().to_string_lossy();
        let report = report(&name, &fs::read_to_string(&file).unwrap(), registry).replace(&root, "ROOT");
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &report).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if report != expected {
            wrong.push(format!("== {name}, expected\n{expected}== got\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A model of the right stage with the wrong shapes and names: said where the graph names it, before it is loaded.
#[test]
fn contract_violation_has_graph_line() {
    let models = tempfile::tempdir().unwrap();
    let mut g = record::NetworkGraph::new();
    let latents = g.input("latents", DType::F32, &[Axis::fixed(1), Axis::fixed(8), Axis::fixed(2)]);
    let picture = g.push(Op::Transpose(vec![0, 2, 1]), &[latents]);
    g.output("picture", picture);
    let metadata = Metadata::VqganDecoder(Vqgan { latent_scale: 0.4, pixels_per_latent: 4 }).pairs();
    let options = onnx::ExportOptions { metadata, ..onnx::ExportOptions::default() };
    let path = models.path().join("narrow.onnx");
    let graph = g.finish().unwrap();
    onnx::write(&path, &graph, &random_weights(&graph), &options).unwrap();
    let registry =
        Engine::new(Options { models: models.path().into(), ..Options::default() }).unwrap().registry();
    let text = "wuerstchen: 1
inputs: { latents: 'f32[1,4,H,W]' }
nodes:
  vqgan: { use: wuerst.vqgan_decode, with: { latents: $latents, model: narrow } }
outputs: { image: $vqgan.image }
";
    let said = report("narrow.yaml", text, &registry);
    for part in [
        "narrow.yaml:4:72: nodes.vqgan.with.model: model ",
        "narrow.onnx: breaks the contract of a vqgan-decoder: ",
        "its input `latents` is f32[1,8,2]",
        "it has no output `image`",
        "wanted: latents: f32[b,z,H,W] -> image: f32[b,3,y,x]",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

/// As many places of a file are damaged.
const MOST_PLACES: usize = 30;

#[test]
fn no_mutilated_graph_makes_check_panic() {
    let registry = registry();
    for file in files(&folder()) {
        let text = fs::read_to_string(&file).unwrap();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for &at in places.iter().step_by(places.len().div_ceil(MOST_PLACES).max(1)) {
            report("cut.yaml", &text[..at], &registry);
            let rest: String = text[at..].chars().skip(1).collect();
            report("gap.yaml", &format!("{}{rest}", &text[..at]), &registry);
            report("odd.yaml", &format!("{}\t{rest}", &text[..at]), &registry);
        }
    }
}

//! A run's checkpoints as a model folder, from which the engine draws.

use crate::tiny::{self, alone, close, noisy};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use tch::{Kind, Tensor};
use wuerst::{Engine, Observer, Options, Value};
use wuerst_model::compressor::{self, Backbone};
use wuerst_model::contract::Sizes;
use wuerst_model::record::NetworkGraph;
use wuerst_model::text::bert::{self, BertConfig};
use wuerst_model::{decoder, prior, vqgan};
use wuerst_train::config::RunConfig;
use wuerst_train::eval::{Evaluator, Mode, Weights};
use wuerst_train::export::{self, exports};
use wuerst_train::frozen::{self, COMPRESSOR, Frozen};
use wuerst_train::report::generator::Generator;
use wuerst_train::report::subjects::{Subject, large_planes, planes};
use wuerst_train::report::validation;
use wuerst_train::session::Session;
use wuerst_train::shards::Table;
use wuerst_train::stage::{Corpus, FrozenRows, embed_time};
use wuerst_train::start;
use wuerst_train::trainer::Trainer;

/// The nodes that showed previews.
#[derive(Default)]
struct Previews(Vec<String>);

impl Observer for Previews {
    fn wants_preview(&self) -> bool {
        true
    }

    fn preview(&mut self, node: &str, _: &wuerst::Tensor) {
        if self.0.last().is_none_or(|last| last != node) {
            self.0.push(node.to_owned());
        }
    }
}

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
  "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
  "model":{"type":"WordLevel","vocab":{"[PAD]":0,"[UNK]":1,"apple":2},"unk_token":"[UNK]"}}"#;

fn sizes(side: usize) -> Sizes {
    Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: 8 }
}

/// Weights in place of the fetched ones, of the same names and shapes.
fn fetched(config: &RunConfig) -> Result<()> {
    fs::create_dir_all(config.cache.join("weights/minilm"))?;
    let text = bert::graph(&BertConfig::minilm(), &sizes(1))?;
    let text = Weights::init(&text, 1, tch::Device::Cpu);
    Tensor::write_safetensors(&text.all(), frozen::text_file(config))?;
    let whole = noisy(&compressor::graph(&COMPRESSOR, &sizes(32))?, 2).0.all();
    let published: Vec<_> = whole.into_iter().filter(|(name, _)| !name.starts_with("mapper")).collect();
    Tensor::write_safetensors(&published, frozen::backbone_file(config))?;
    Ok(fs::write(frozen::tokenizer_file(config), TOKENIZER)?)
}

/// A checkpoint of random weights for all the networks of a stage.
fn checkpoint(config: &RunConfig, stage: &str, graphs: &[NetworkGraph]) -> Result<()> {
    let mut all = NetworkGraph::new();
    for param in graphs.iter().flat_map(|g| &g.params) {
        all.param(&param.name, &param.shape, param.init);
    }
    Trainer::open(config.folder.join(stage), noisy(&all, 3).0, 1)?.save(&[])
}

fn tail() -> Result<NetworkGraph> {
    let features = compressor::frozen_graph(Backbone::EfficientnetLite0, 11, &sizes(32))?;
    let shape = features.shape(features.outputs[0].1).to_vec();
    let mut g = NetworkGraph::new();
    let axes: Vec<_> = shape.into_iter().map(wuerst_model::record::Axis::fixed).collect();
    let x = g.input("features", wuerst_model::record::DType::F32, &axes);
    let embedding = compressor::tail(&mut g, &COMPRESSOR, x, 11);
    g.output("embedding", embedding);
    Ok(g.finish()?)
}

/// Checkpoints of random weights for Stage A, the compressor with Stage B, and Stage C.
pub fn trained(config: &RunConfig) -> Result<()> {
    let stage_a = &config.vqgan.network;
    let latents = sizes(32 / stage_a.stride());
    let graphs = [vqgan::encoder_graph(stage_a, &sizes(32))?, vqgan::decoder_graph(stage_a, &latents)?];
    checkpoint(config, "vqgan", &graphs)?;
    checkpoint(config, "compressor", &[decoder::graph(&config.decoder.network, &latents)?, tail()?])?;
    checkpoint(config, "prior", &[prior::graph(&config.prior.network, &sizes(1))?])
}

#[test]
fn exported_run_draws_pictures() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    drawn_from(&tiny::run(folder.path()), folder.path())
}

#[test]
fn trained_baseline_draws_in_its_graph() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let (config, out) = (tiny::run(folder.path()), folder.path().join("models"));
    config.check()?;
    let missing = export::baseline(&config, &out).unwrap_err().to_string();
    assert!(
        missing.contains("no checkpoint of `baseline`: train it with `wuerst-train baseline RUN`"),
        "{missing}"
    );
    fetched(&config)?;
    trained(&config)?;
    // Real steps, on text states of the text encoder's width.
    let plain = tiny::corpus(16, 32);
    let frozen = plain.frozen()?;
    let text = Table::of(Tensor::randn([17, 8, 384], (Kind::Float, tch::Device::Cpu)).to_kind(Kind::Half));
    let frozen = FrozenRows { features: frozen.features.clone(), text };
    let corpus = Rc::new(Corpus { frozen: Some(frozen), ..plain });
    let network = &config.baseline()?.network;
    let mut stage = crate::runs::baseline_stage(network, corpus)?;
    let weights = Weights::init(stage.graph(), 1, tch::Device::Cpu);
    Trainer::open(config.folder.join("baseline"), weights, 1)?.run(&mut stage, &tiny::pace(5, 4, 1e-3))?;

    export::write_baseline(&config, 1.5, &out)?;
    let card = fs::read_to_string(out.join("README.md"))?;
    assert!(
        card.contains("`baseline.onnx`")
            && !card.contains("compressor")
            && card.contains("| baseline | 5 | 20 |"),
        "{card}"
    );
    assert!(!out.join("prior.onnx").exists());
    let draw = |prompt: &str, seed: i64| -> Result<Vec<u8>> {
        let generator = Generator::open(&out, &[("baseline.steps".into(), "3".into())])?;
        Ok(generator.pictures(&[prompt], seed, "drawing")?.remove(0))
    };
    let picture = draw("apple", 1)?;
    assert_eq!(picture.len(), 32 * 32 * 3);
    assert!(picture == draw("apple", 1)? && picture != draw("apple", 2)? && picture != draw("", 1)?);

    // The graph makes other sizes, too, and refuses those that the network cannot halve.
    let engine = Engine::new(Options { models: out, ..Options::default() })?;
    let graph = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../graphs/baseline.yaml"))?;
    let job = engine.job(&engine.graph(&graph)?);
    job.set("prompt", "apple")?;
    job.set("steps", 2i64)?;
    job.set("width", 48i64)?;
    let Value::Tensor(image) = job.get("image", &mut ())? else { panic!("no picture") };
    assert_eq!(image.shape(), [32, 48, 3]);
    let refused = job.set("width", 50i64).unwrap_err().to_string();
    assert!(refused.contains("48") && refused.contains("width"), "{refused}");
    Ok(())
}

#[test]
fn baseline_settings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let told = |change: &dyn Fn(&mut wuerst_model::decoder::DecoderConfig)| {
        let mut config = tiny::run(folder.path());
        change(&mut config.baseline.as_mut().unwrap().network);
        config.check().unwrap_err().to_string()
    };
    assert!(told(&|n| n.inject_effnet[1] = true).contains("baseline.network.inject_effnet has true"));
    assert!(told(&|n| n.c_in = 16).contains("baseline.network.c_in is 16"));
    assert!(told(&|n| n.effnet_embd = 8).contains("leave it at 16"));
    let none = RunConfig { baseline: None, ..tiny::run(folder.path()) };
    assert!(none.baseline().unwrap_err().to_string().contains("the run has no `baseline`"));
}

#[test]
fn sixteen_channels_of_eight_pixels_draw() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let mut config = tiny::run(folder.path());
    (config.vqgan.network.levels, config.vqgan.network.latent_channels) = (3, 16);
    let refused = config.check().unwrap_err().to_string();
    assert!(refused.contains("c_in is 4") && refused.contains("latent_channels is 16"), "{refused}");
    (config.decoder.network.c_in, config.decoder.network.c_out) = (16, 16);
    config.baseline = None;
    config.check()?;
    drawn_from(&config, folder.path())
}

/// Exports a run with random weights, fits its previews, and draws with it.
fn drawn_from(config: &RunConfig, folder: &Path) -> Result<()> {
    let out = folder.join("models");
    let missing = export::run(config, &out).unwrap_err().to_string();
    assert!(missing.contains("`vqgan`") && missing.contains("wuerst-train prior RUN"), "{missing}");
    fetched(config)?;
    trained(config)?;
    let bytes = export::write(config, 1.5, &out)?;
    assert!(bytes < 60_000_000, "{bytes} bytes: weights are not stored as f16");
    let card = fs::read_to_string(out.join("README.md"))?;
    assert!(
        card.contains("`prior.onnx`") && card.contains("CC-BY-4.0") && card.contains("| vqgan | 0 |"),
        "{card}"
    );

    // Pictures of chance, from which the fit must still find some map, and write it where previews look for it.
    let pictures = (0..8u8).map(|i| {
        let bytes = (0..32 * 32 * 3u32).map(|j| (j * 31 / 7) as u8 ^ (i * 29)).collect();
        Ok(wuerst::Tensor::from_vec(&[32, 32, 3], bytes)?)
    });
    let explained = export::preview::fit(&out, pictures)?;
    assert!(explained.iter().all(|share| (0. ..=1.).contains(share)), "{explained:?}");

    let engine = Engine::new(Options { models: out, ..Options::default() })?;
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../graphs/text-to-image.yaml");
    let graph = engine.graph(&fs::read_to_string(graph)?)?;
    let job = engine.job(&graph);
    job.set("prompt", "apple")?;
    job.set("steps", 2)?;
    let mut previews = Previews::default();
    let image = job.get("image", &mut previews)?;
    assert_eq!(previews.0, ["prior", "decoder"]);
    let Value::Tensor(image) = image else { panic!("a picture is a tensor") };
    assert_eq!(image.shape(), [32, 32, 3]);

    let channels = config.vqgan.network.latent_channels;
    let side = 32 / config.vqgan.network.stride();
    let job = engine.job(&engine.graph(FROM_LATENTS)?);
    job.set("prompt", "apple")?;
    job.set("embedding", wuerst::Tensor::from_vec(&[1, 16, 1, 1], vec![0f32; 16])?)?;
    let started_from = |channels: usize| {
        let init = vec![0f32; channels * side * side];
        job.set("init", wuerst::Tensor::from_vec(&[1, channels, side, side], init)?)?;
        job.get("latents", &mut ())
    };
    let Value::Tensor(latents) = started_from(channels)? else { panic!("latents are a tensor") };
    assert_eq!(latents.shape(), [1, channels, side, side]);
    let refused = started_from(3).unwrap_err().to_string();
    assert!(
        refused.contains("init")
            && refused.contains(&format!("it has 3 channels, and the model takes {channels}")),
        "{refused}"
    );
    Ok(())
}

/// Stage B alone, from latents.
const FROM_LATENTS: &str = "wuerstchen: 1
inputs: { prompt: text, embedding: 'f32[1,c,h,w]', init: 'f32[1,z,H,W]' }
nodes:
  tokens:  { use: wuerst.tokenize, with: { text: $prompt, model: text-encoder } }
  text:    { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  decoder: { use: wuerst.decoder, with: { embedding: $embedding, text: $text.states, init: $init, model: decoder } }
outputs: { latents: $decoder.latents }
";

#[test]
fn training_continues_from_exported_model() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let (config, out) = (tiny::run(folder.path()), folder.path().join("models"));
    fetched(&config)?;
    trained(&config)?;
    export::write(&config, 1.5, &out)?;
    let refused = start::run(&config, &out).unwrap_err().to_string();
    assert!(refused.contains("has a checkpoint already"), "{refused}");

    let again = RunConfig { folder: folder.path().join("again"), ..config.clone() };
    let entries = again.vqgan.network.num_vq_embeddings as i64;
    start::seed_checkpoints(
        &again,
        &out,
        Some(&Tensor::randn([entries, 4], (Kind::Float, tch::Device::Cpu))),
    )?;
    let stage_a = &config.vqgan.network;
    let mut all = vqgan::decoder_graph(stage_a, &sizes(8))?.params;
    all.extend(vqgan::encoder_graph(stage_a, &sizes(32))?.params);
    for (stage, params) in [("prior", prior::graph(&config.prior.network, &sizes(1))?.params), ("vqgan", all)]
    {
        let [old, new] = [&config, &again].map(|config| {
            let file = Trainer::averaged_file(&config.folder.join(stage)).unwrap();
            Tensor::read_safetensors(file).unwrap()
        });
        let find = |all: &[(String, Tensor)], name: &str| {
            all.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1.shallow_clone()
        };
        for param in params {
            // f16 keeps eleven bits.
            close(&find(&new, &param.name), &find(&old, &param.name), 1e-3);
        }
    }
    Ok(())
}

/// Pictures of random stripes, each with a caption.
fn subjects(n: u8) -> Vec<Subject> {
    let subject = |i: u8| Subject {
        rgb: (0..32 * 32 * 3u32).map(|j| (j * 31 / 7) as u8 ^ (i * 29)).collect(),
        large: (0..32 * 32 * 3u32).map(|j| (j * 13 / 5) as u8 ^ (i * 17)).collect(),
        caption: if i.is_multiple_of(2) { "apple".into() } else { String::new() },
        label: String::new(),
        meaning: String::new(),
        style: String::new(),
        background: 0,
    };
    (0..n).map(subject).collect()
}

#[test]
fn exported_losses_are_checkpoint_losses() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let (config, out) = (tiny::run(folder.path()), folder.path().join("models"));
    fetched(&config)?;
    trained(&config)?;
    export::write(&config, 1.5, &out)?;
    let (pictures, text) = (subjects(6), Frozen::open(&config)?);
    let levels = validation::of_model(&out, (&pictures, &pictures[..4]), &text, 1)?;
    assert_eq!(levels.iter().map(|l| l.stage.as_str()).collect::<Vec<_>>(), ["decoder", "prior"]);
    assert!(levels.iter().all(|l| l.val != l.train && l.val.iter().all(|x| x.is_finite() && *x > 0.)));

    let run = |name: &str, feed: Tensor| -> Result<Tensor> {
        Ok(Session::open(&out.join(format!("{name}.onnx")), 1)?.run(&[&feed])?.remove(0))
    };
    let embeddings = run("compressor", large_planes(&pictures))?;
    let latents = run("vqgan-encoder", planes(&pictures))? / 1.5;
    let captions: Vec<String> = pictures.iter().map(|p| p.caption.clone()).collect();
    let states = text.states(&captions)?;
    let evaluate =
        |stage: &str, graph: NetworkGraph, clean: &Tensor, others: &[&Tensor]| -> Result<[f64; 8]> {
            let mut weights = Weights::init(&graph, 0, tch::Device::Cpu);
            weights.load_declared(&Trainer::averaged_file(&config.folder.join(stage)).unwrap())?;
            let (c_r, network) = (graph.inputs[1].axes[1].size, Evaluator::new(graph));
            validation::by_noise_level(clean, |_, noisy, t| {
                let t = embed_time(t, c_r);
                let feeds = [noisy, &t].into_iter().chain(others.iter().copied());
                let feeds: Vec<Tensor> = feeds.map(Tensor::shallow_clone).collect();
                Ok(tch::no_grad(|| network.run(&weights, &feeds, Mode::INFERENCE).remove(0)))
            })
        };
    let decoder = decoder::graph(&config.decoder.network, &sizes(8))?;
    let decoder = evaluate("compressor", decoder, &latents, &[&embeddings, &states])?;
    let prior = evaluate("prior", prior::graph(&config.prior.network, &sizes(1))?, &embeddings, &[&states])?;
    for (got, want) in levels.iter().zip([decoder, prior]) {
        // f16 weights keep eleven bits.
        let apart = got.val.iter().zip(want).map(|(a, b)| (a / b - 1.).abs()).fold(0., f64::max);
        assert!(apart < 1e-2, "{}: {:?} is not {want:?}", got.stage, got.val);
    }
    Ok(())
}

#[test]
fn compressor_joins_frozen_and_trained_parts() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let config = tiny::run(folder.path());
    fetched(&config)?;
    trained(&config)?;
    let whole = exports(&config, 1.)?.into_iter().find(|e| e.name == "compressor").unwrap();
    let picture = Tensor::rand([2, 3, 32, 32], (Kind::Float, tch::Device::Cpu));
    let got = Session::new(&whole.graph, &whole.weights, 1)?.run(&[&picture])?;

    let first = compressor::frozen_graph(COMPRESSOR.backbone, 11, &sizes(32))?;
    let first = Session::new(&first, &frozen::published(&frozen::backbone_file(&config))?, 1)?;
    let features = first.run(&[&picture])?.remove(0);
    let tail = tail()?;
    let mut weights = Weights::init(&tail, 0, tch::Device::Cpu);
    weights.load_declared(&Trainer::averaged_file(&config.folder.join("compressor")).unwrap())?;
    let want = tch::no_grad(|| Evaluator::new(tail).run(&weights, &[features], Mode::INFERENCE));
    close(&got[0], &want[0], 1e-4);
    Ok(())
}

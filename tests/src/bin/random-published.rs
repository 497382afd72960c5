//! Writes a cascade in the published layout with random weights: what `tests/full-size` imports.
//!
//! `random-published FOLDER` makes `FOLDER/wuerstchen-prior` and `FOLDER/wuerstchen` in the published sizes, 12.4 GB together.
//! Weights repeat a block of random numbers, so that writing them takes no longer than the disk does. `--mid-size` has the
//! sizes of `tests/peers/make.py` and weights distributed as there, 1.0 GB, to measure precision without PyTorch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use wuerst_model::contract::{Sizes, picture};
use wuerst_model::decoder::{self, DecoderConfig};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::{NetworkGraph, Param};
use wuerst_model::text::clip::{self, ClipConfig};
use wuerst_model::vqgan::{self, VqganConfig};
use wuerst_tests::bundle::PLAIN;
use wuerst_tests::numbers::random_weight;

const SIZES: Sizes = Sizes { batch: 1, height: 32, width: 32, embedding: [3, 3], length: 77 };

/// Numbers after which a tensor repeats.
const BLOCK: usize = 1 << 16;

/// The sizes of the networks, and how weights are distributed.
struct Cascade {
    text: [ClipConfig; 2],
    prior: PriorConfig,
    decoder: DecoderConfig,
    mid_size: bool,
}

impl Cascade {
    fn published() -> Cascade {
        let text = [ClipConfig::big_g(), ClipConfig::h()];
        Cascade { text, prior: PriorConfig::default(), decoder: DecoderConfig::default(), mid_size: false }
    }

    fn mid_size() -> Cascade {
        let text = |hidden_size: usize| ClipConfig {
            vocab_size: 2014,
            hidden_size,
            intermediate_size: 4 * hidden_size,
            num_hidden_layers: 4,
            num_attention_heads: hidden_size / 64,
            ..ClipConfig::default()
        };
        let prior = PriorConfig { c: 768, c_cond: 768, depth: 8, nhead: 12, ..PriorConfig::default() };
        let decoder = DecoderConfig {
            c_cond: 512,
            c_hidden: vec![160, 320, 640, 640],
            nhead: vec![-1, 5, 10, 10],
            blocks: vec![2, 2, 6, 2],
            clip_embd: 512,
            ..DecoderConfig::default()
        };
        Cascade { text: [text(768), text(512)], prior, decoder, mid_size: true }
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let folder = args.next().context("name the folder to write")?;
    let cascade = match args.next() {
        None => Cascade::published(),
        Some(option) if option == "--mid-size" => Cascade::mid_size(),
        Some(option) => anyhow::bail!("no option {option:?}; there is --mid-size"),
    };
    let mid_size = cascade.mid_size;
    let [prior, decoder] = ["wuerstchen-prior", "wuerstchen"].map(|name| PathBuf::from(&folder).join(name));
    for (folder, config) in [&prior, &decoder].into_iter().zip(&cascade.text) {
        let graph = clip::graph(config, &SIZES)?;
        part(folder, ["text_encoder", "model"], config, None, &[&graph], mid_size)?;
        common(folder)?;
    }
    let weights = "diffusion_pytorch_model";
    let graph = prior::graph(&cascade.prior, &SIZES)?;
    part(&prior, ["prior", weights], &cascade.prior, Some("WuerstchenPrior"), &[&graph], mid_size)?;
    let graph = decoder::graph(&cascade.decoder, &SIZES)?;
    part(&decoder, ["decoder", weights], &cascade.decoder, Some("WuerstchenDiffNeXt"), &[&graph], mid_size)?;
    let config = VqganConfig::default();
    let mut encoder = NetworkGraph::new();
    let image = picture(&mut encoder, "image", &SIZES, config.in_channels);
    let latents = vqgan::encode(&mut encoder, &config, image);
    vqgan::quantise(&mut encoder, &config, latents);
    let decoding = vqgan::decoder_graph(&config, &SIZES)?;
    let graphs = [&encoder.finish()?, &decoding];
    part(&decoder, ["vqgan", weights], &config, Some("PaellaVQModel"), &graphs, mid_size)
}

/// Tokenizer, scheduler and index, which the small bundle has in common with the published models, but for the number
/// of tokens: the tokenizer knows fewer than the encoder.
fn common(folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default();
    // Elsewhere than where this was built, the folder says where they are.
    let source = match std::env::var_os("WUERST_REFERENCE") {
        Some(reference) => Path::new(&reference).join(name),
        None => PLAIN.path(&name.to_string_lossy()),
    };
    for part in ["tokenizer", "scheduler"] {
        fs::create_dir_all(folder.join(part))?;
        for entry in fs::read_dir(source.join(part))?.flatten() {
            fs::copy(entry.path(), folder.join(part).join(entry.file_name()))?;
        }
    }
    fs::copy(source.join("model_index.json"), folder.join("model_index.json"))?;
    Ok(())
}

/// A part of the cascade: `config.json` and the weights of its networks.
fn part(
    folder: &Path,
    [name, file]: [&str; 2],
    config: &impl Serialize,
    class: Option<&str>,
    networks: &[&NetworkGraph],
    mid_size: bool,
) -> Result<()> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    let mut config = serde_json::to_value(config)?;
    if let Some(class) = class {
        config["_class_name"] = class.into();
    }
    fs::write(folder.join("config.json"), config.to_string())?;
    // Both halves of the VQGAN, by name.
    let params: BTreeMap<&str, &Param> =
        networks.iter().flat_map(|g| &g.params).map(|p| (&p.name[..], p)).collect();
    let path = folder.join(format!("{file}.safetensors"));
    weights(&path, &params, mid_size).with_context(|| path.display().to_string())
}

/// A safetensors file: the length of its header, the header, and the tensors one after another.
fn weights(path: &Path, params: &BTreeMap<&str, &Param>, mid_size: bool) -> Result<()> {
    let (mut header, mut end) = (BTreeMap::<&str, Value>::new(), 0);
    for (name, param) in params {
        let start = end;
        end += 4 * param.shape.iter().product::<usize>();
        header.insert(name, json!({ "dtype": "F32", "shape": param.shape, "data_offsets": [start, end] }));
    }
    let mut header = serde_json::to_string(&header)?;
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (name, param) in params {
        let count: usize = param.shape.iter().product();
        let numbers = if mid_size { distributed(name, param) } else { repeated(name, param) };
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut left = 4 * count;
        while left > 0 {
            let length = left.min(bytes.len());
            file.write_all(&bytes[..length])?;
            left -= length;
        }
    }
    Ok(file.flush()?)
}

/// A block of numbers, of which a tensor of the published sizes has many.
fn repeated(name: &str, param: &Param) -> Vec<f32> {
    let count: usize = param.shape.iter().product();
    let scale = (param.shape.iter().skip(1).product::<usize>().max(1) as f32).sqrt().recip();
    let block = random_weight(name, &[count.min(BLOCK)]);
    // Of a vector, the block is the whole tensor, and not scaled; norms that learn a scale have it around 1.
    let shift = if param.shape.len() == 1 && name.ends_with("weight") { 1. } else { 0. };
    block.iter().map(|v| v * 0.5 * scale + shift).collect()
}

/// Numbers of the variance that `tests/peers/make.py` gives the tensor.
fn distributed(name: &str, param: &Param) -> Vec<f32> {
    let count: usize = param.shape.iter().product();
    let vector = param.shape.len() < 2;
    let norm = name.contains("norm") && vector || name.ends_with("running_var");
    if norm {
        let one = name.ends_with("weight") || name.ends_with("var");
        return vec![if one { 1. } else { 0. }; count];
    }
    let few = vector || name.contains("gamma") || name.contains("beta");
    let inner = param.shape.iter().skip(1).product::<usize>() as f32;
    let deviation = if few { 0.02 } else { inner.sqrt().recip() };
    let last = name.starts_with("out.1") || name.starts_with("clf.1");
    let deviation = if last { 0.2 * deviation } else { deviation };
    // Uniform numbers in ±1 have the variance 1/3; as a vector, they are not scaled.
    random_weight(name, &[count]).iter().map(|v| v * 3f32.sqrt() * deviation).collect()
}

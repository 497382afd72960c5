//! Writes a cascade in the published layout and the published sizes, with random weights: what `tests/full-size` imports.
//!
//! `random-published FOLDER` makes `FOLDER/wuerstchen-prior` and `FOLDER/wuerstchen`, 12.4 GB together. Weights repeat
//! a block of random numbers, so that writing them takes no longer than the disk does.

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

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("name the folder to write")?;
    let [prior, decoder] = ["wuerstchen-prior", "wuerstchen"].map(|name| PathBuf::from(&folder).join(name));
    for (folder, config) in [(&prior, ClipConfig::big_g()), (&decoder, ClipConfig::h())] {
        let graph = clip::graph(&config, &SIZES)?;
        part(folder, "text_encoder", "model", &config, None, &[&graph])?;
        common(folder)?;
    }
    let weights = "diffusion_pytorch_model";
    let config = PriorConfig::default();
    let graph = prior::graph(&config, &SIZES)?;
    part(&prior, "prior", weights, &config, Some("WuerstchenPrior"), &[&graph])?;
    let config = DecoderConfig::default();
    let graph = decoder::graph(&config, &SIZES)?;
    part(&decoder, "decoder", weights, &config, Some("WuerstchenDiffNeXt"), &[&graph])?;
    let config = VqganConfig::default();
    let mut encoder = NetworkGraph::new();
    let image = picture(&mut encoder, "image", &SIZES, config.in_channels);
    let latents = vqgan::encode(&mut encoder, &config, image);
    vqgan::quantise(&mut encoder, &config, latents);
    let decoding = vqgan::decoder_graph(&config, &SIZES)?;
    part(&decoder, "vqgan", weights, &config, Some("PaellaVQModel"), &[&encoder.finish()?, &decoding])
}

/// Tokenizer, scheduler and index, which the small bundle has in common with the published models, but for the number
/// of tokens: the tokenizer knows fewer than the encoder.
fn common(folder: &Path) -> Result<()> {
    let source = PLAIN.path(&folder.file_name().unwrap_or_default().to_string_lossy());
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
    name: &str,
    file: &str,
    config: &impl Serialize,
    class: Option<&str>,
    networks: &[&NetworkGraph],
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
    weights(&path, &params).with_context(|| path.display().to_string())
}

/// A safetensors file: the length of its header, the header, and the tensors one after another.
fn weights(path: &Path, params: &BTreeMap<&str, &Param>) -> Result<()> {
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
        let scale = (param.shape.iter().skip(1).product::<usize>().max(1) as f32).sqrt().recip();
        let block = random_weight(name, &[count.min(BLOCK)]);
        // Of a vector, the block is the whole tensor, and not scaled; norms that learn a scale have it around 1.
        let shift = if param.shape.len() == 1 && name.ends_with("weight") { 1. } else { 0. };
        let bytes: Vec<u8> = block.iter().flat_map(|v| (v * 0.5 * scale + shift).to_le_bytes()).collect();
        let mut left = 4 * count;
        while left > 0 {
            let length = left.min(bytes.len());
            file.write_all(&bytes[..length])?;
            left -= length;
        }
    }
    Ok(file.flush()?)
}

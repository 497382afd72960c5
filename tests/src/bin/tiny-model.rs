//! Writes the small model that the tests use in place of the shipped one: every stage, with random weights, of the layout and
//! the sizes of pictures that `models/icons` has.
//!
//! ```sh
//! cargo run -p wuerst-tests --bin tiny-model
//! ```

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value as Json;
use wuerst_model::contract::{Sizes, picture};
use wuerst_model::decoder::{DecoderConfig, Dropout};
use wuerst_model::metadata::{self, Metadata, Preview, SamplingDefaults};
use wuerst_model::network::Network;
use wuerst_model::onnx::{self, BoxError, ExportOptions, Precision, Weight};
use wuerst_model::prior::PriorConfig;
use wuerst_model::record::{Init, NetworkGraph, Op};
use wuerst_model::scale::Scale;
use wuerst_model::text::bert::BertConfig;
use wuerst_model::vqgan::VqganConfig;
use wuerst_tests::built::{root, tiny};
use wuerst_tests::numbers::random_weights;

/// Pictures of 64 pixels: 4 cells of the embedding, and 16 of the latents.
const SCALE: Scale = Scale {
    resolution_multiple: 16.,
    latent_dim_scale: 4.,
    pixels_per_latent: 4,
    latent_multiple: 4,
    least_latents: None,
};
const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 64, embedding: [4, 4], length: LENGTH };
/// Token positions of the text encoder.
const LENGTH: usize = 24;
/// A factor of the VQGAN's last layer, whose results would otherwise be about a hundred.
const QUIETER: f32 = 0.005;
/// Features of its states.
const FEATURES: usize = 24;

fn main() -> Result<()> {
    let out = tiny();
    fs::create_dir_all(&out)?;
    let tokenizer = fs::read_to_string(root().join("crates/stages/tests/tokenizers/bert.json"))?;
    let words: Json = serde_json::from_str(&tokenizer)?;
    fs::write(out.join("tokenizer.json"), tokenizer)?;
    for (name, network, metadata) in stages(words["model"]["vocab"].as_object().context("words")?.len()) {
        save(&out, name, &network.graph(&SIZES)?, &metadata, Some(&network))?;
    }
    save(&out, "compressor", &compressor()?, &compressor_metadata(), None)
}

fn save(
    out: &Path,
    name: &str,
    graph: &NetworkGraph,
    metadata: &Metadata,
    network: Option<&Network>,
) -> Result<()> {
    let options = ExportOptions {
        name: name.into(),
        precision: Precision::F16,
        inline_bytes: u64::MAX,
        metadata: metadata.pairs().into_iter().chain(network.map(Network::pair)).collect(),
        ..ExportOptions::default()
    };
    Ok(onnx::write(&out.join(format!("{name}.onnx")), graph, &weights(graph), &options)?)
}

/// Random weights; the VQGAN's last layer is scaled, so that most colours lie in 0 to 1.
fn weights(graph: &NetworkGraph) -> impl Fn(&str) -> Result<Weight, BoxError> {
    let random = random_weights(graph);
    move |name| {
        let mut weight = random(name)?;
        match name {
            "out_block.0.weight" => weight.data.iter_mut().for_each(|value| *value *= QUIETER),
            "out_block.0.bias" => weight.data.fill(0.5),
            _ => {}
        }
        Ok(weight)
    }
}

/// The stages whose networks have sizes of their own.
fn stages(words: usize) -> [(&'static str, Network, Metadata); 5] {
    let text = BertConfig {
        vocab_size: words,
        hidden_size: FEATURES,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        max_position_embeddings: 64,
        ..BertConfig::default()
    };
    let prior = PriorConfig {
        c: 32,
        c_cond: FEATURES,
        c_r: 8,
        depth: 2,
        nhead: 2,
        dropout: 0.,
        ..PriorConfig::default()
    };
    let decoder = DecoderConfig {
        c_r: 8,
        c_cond: 16,
        c_hidden: vec![16, 32],
        nhead: vec![-1, 2],
        blocks: vec![1, 1],
        level_config: ["CT", "CTA"].map(String::from).to_vec(),
        inject_effnet: vec![true, true],
        clip_embd: FEATURES,
        dropout: Dropout::All(0.),
        ..DecoderConfig::default()
    };
    let vqgan = VqganConfig {
        bottleneck_blocks: 1,
        embed_dim: 16,
        num_vq_embeddings: 16,
        scale_factor: 1.,
        ..VqganConfig::default()
    };
    let of_vqgan = metadata::Vqgan { latent_scale: 0.75, pixels_per_latent: 4 };
    let tokenizer = "tokenizer.json".to_owned();
    [
        (
            "text-encoder",
            Network::Bert(text),
            Metadata::TextEncoder(metadata::TextEncoder { tokenizer, length: LENGTH }),
        ),
        (
            "prior",
            Network::Prior(prior),
            Metadata::Prior(metadata::Prior {
                embedding_scale: 1.,
                embedding_shift: 0.,
                scale: SCALE,
                native_size: 64,
                sampling: SamplingDefaults { preview: Some(preview(16)), ..SamplingDefaults::new(6, 2.) },
            }),
        ),
        (
            "decoder",
            Network::Decoder(decoder),
            Metadata::Decoder(metadata::Decoder {
                scale: SCALE,
                sampling: SamplingDefaults { preview: Some(preview(4)), ..SamplingDefaults::new(2, 1.) },
            }),
        ),
        ("vqgan-decoder", Network::VqganDecoder(vqgan.clone()), Metadata::VqganDecoder(of_vqgan.clone())),
        ("vqgan-encoder", Network::VqganEncoder(vqgan), Metadata::VqganEncoder(of_vqgan)),
    ]
}

/// Each channel has something of one colour.
fn preview(channels: usize) -> Preview {
    let row = |channel: usize| [0, 1, 2].map(|colour| if channel % 3 == colour { 0.125 } else { 0. });
    Preview { weight: (0..channels).map(row).collect(), bias: [0.5; 3] }
}

/// Two convolutions in place of EfficientNet, whose size is given.
fn compressor() -> Result<NetworkGraph> {
    let mut g = NetworkGraph::new();
    let mut x = picture(&mut g, "image", &SIZES, 3);
    for (at, (from, to, side)) in [(3, 8, 8), (8, 16, 4)].into_iter().enumerate() {
        let kernel = g.param(&format!("kernel-{at}"), &[to, from, side, side], Init::Constant(0.));
        x = g.push(Op::Conv { stride: side, pads: [0; 4], groups: 1 }, &[x, kernel]);
    }
    g.output("embedding", x);
    Ok(g.finish()?)
}

fn compressor_metadata() -> Metadata {
    Metadata::Compressor(metadata::Compressor {
        stride: 32,
        resolution_multiple: SCALE.resolution_multiple,
        mean: [0.; 3],
        std: [1.; 3],
    })
}

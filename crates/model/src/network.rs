//! Any of the networks, by kind and sizes, as stated in a stage model, so that it can be recorded again.
//!
//! The cost at another size is hard to derive from a model file's operators and weights, but recording the network takes
//! milliseconds. So the file names its network in one metadata pair, [`KEY`], as JSON: `{"kind":"prior","c":1536,…}`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cascade::{self, CascadeConfig};
use crate::compressor::{self, CompressorConfig};
use crate::contract::Sizes;
use crate::decoder::{self, DecoderConfig};
use crate::metadata::Metadata;
use crate::prior::{self, PriorConfig};
use crate::record::{NetworkGraph, RecordError};
use crate::text::bert::{self, BertConfig};
use crate::text::clip::{self, ClipConfig};
use crate::text::pooled::{self, PooledClipConfig};
use crate::vision::{self, VisionConfig};
use crate::vqgan::{self, VqganConfig};

/// Key of the metadata pair that names the network.
pub const KEY: &str = "wuerst.network";

/// The longest description, in bytes.
const LONGEST_TEXT: usize = 1 << 20;

/// Maximum number of blocks, more than any network has. A file that states more is refused, since recording it would take
/// for ever.
const MOST_BLOCKS: usize = 4096;

/// Maximum of the network's sizes, unless listed below. Products of them fit into 64 bits.
const LARGEST: u64 = 1 << 16;
/// Maximum of sizes that are raised to a power or count blocks.
const LARGEST_OF: [(&str, u64); 13] = [
    ("vocab_size", 1 << 20),
    ("eos_token_id", 1 << 20),
    ("clip_seq", 64),
    ("down_blocks_repeat_mappers", 64),
    ("up_blocks_repeat_mappers", 64),
    ("kernel_size", 64),
    ("patch_size", 64),
    ("up_down_scale_factor", 16),
    ("levels", 12),
    ("depth", MOST_BLOCKS as u64),
    ("blocks", MOST_BLOCKS as u64),
    ("bottleneck_blocks", MOST_BLOCKS as u64),
    ("num_hidden_layers", MOST_BLOCKS as u64),
];
/// The longest list of sizes.
const LONGEST: usize = 64;

/// A network for a stage, with its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Network {
    /// CLIP's text encoder.
    Clip(ClipConfig),
    /// CLIP's text encoder with its projection, for Stable Cascade.
    PooledClip(PooledClipConfig),
    /// CLIP's vision tower.
    Vision(VisionConfig),
    /// Stage C or B of Stable Cascade.
    Cascade(CascadeConfig),
    /// BERT as a text encoder.
    Bert(BertConfig),
    /// Stage C.
    Prior(PriorConfig),
    /// Stage B.
    Decoder(DecoderConfig),
    /// Stage A, from latents to a picture.
    VqganDecoder(VqganConfig),
    /// Stage A, from a picture to latents.
    VqganEncoder(VqganConfig),
    /// The semantic compressor.
    Compressor(CompressorConfig),
}

impl Network {
    /// Records the network according to its contract.
    ///
    /// # Errors
    /// If its sizes contradict each other, do not fit those of the recording, or exceed 4,096 blocks.
    pub fn graph(&self, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
        if let Some(problem) = serde_json::to_value(self).ok().and_then(|sizes| too_large("network", &sizes))
        {
            let mut g = NetworkGraph::new();
            g.reject("network", problem);
            return g.finish();
        }
        let blocks = self.blocks();
        if blocks > MOST_BLOCKS {
            let mut g = NetworkGraph::new();
            g.reject("network", format!("{blocks} blocks; at most {MOST_BLOCKS} are recorded"));
            return g.finish();
        }
        match self {
            Network::Clip(config) => clip::graph(config, sizes),
            Network::PooledClip(config) => pooled::graph(config, sizes),
            Network::Vision(config) => vision::graph(config, sizes),
            Network::Cascade(config) => cascade::graph(config, sizes),
            Network::Bert(config) => bert::graph(config, sizes),
            Network::Prior(config) => prior::graph(config, sizes),
            Network::Decoder(config) => decoder::graph(config, sizes),
            Network::VqganDecoder(config) => vqgan::decoder_graph(config, sizes),
            Network::VqganEncoder(config) => vqgan::encoder_graph(config, sizes),
            Network::Compressor(config) => compressor::graph(config, sizes),
        }
    }

    /// Number of repeated blocks in the recording.
    pub(crate) fn blocks(&self) -> usize {
        match self {
            Network::Clip(config) => config.num_hidden_layers,
            Network::PooledClip(config) => config.text.num_hidden_layers,
            Network::Vision(config) => config.num_hidden_layers,
            Network::Cascade(config) => config.blocks(),
            Network::Bert(config) => config.num_hidden_layers,
            Network::Prior(config) => config.depth,
            Network::Decoder(config) => config.parts(),
            Network::VqganDecoder(config) | Network::VqganEncoder(config) => {
                config.bottleneck_blocks.saturating_add(config.levels)
            }
            Network::Compressor(_) => 0,
        }
    }

    /// Number of blocks with weights of their own, a lower limit for the number of tensors.
    pub(crate) fn own_blocks(&self) -> usize {
        match self {
            Network::Cascade(config) => config.without_repeats().blocks(),
            other => other.blocks(),
        }
    }

    /// The metadata pair that names the network.
    pub fn pair(&self) -> (String, String) {
        // Structs of numbers and strings always serialise.
        (KEY.into(), serde_json::to_string(self).unwrap_or_default())
    }

    /// The network named by a model's metadata; `None` if missing or unknown.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Network> {
        let (_, text) = pairs.into_iter().find(|(key, text)| *key == KEY && text.len() <= LONGEST_TEXT)?;
        serde_json::from_str(text).ok()
    }

    /// Sizes of inputs and outputs for one picture of `[width, height]` pixels.
    ///
    /// # Errors
    /// If the network cannot make this size, with the nearest size that it can make.
    pub fn sizes(&self, metadata: &Metadata, pixels: [usize; 2]) -> Result<Sizes, String> {
        let plain = |width, height| Sizes { batch: 1, height, width, embedding: [1, 1], length: 77 };
        let sides =
            |of: &dyn Fn(usize) -> Result<usize, String>| Ok::<_, String>([of(pixels[0])?, of(pixels[1])?]);
        Ok(match (self, metadata) {
            (_, Metadata::TextEncoder(metadata)) => Sizes { length: metadata.length, ..plain(1, 1) },
            (_, Metadata::Prior(metadata)) => {
                let [width, height] = sides(&|p| metadata.scale.serve(p).map(|p| metadata.scale.prior(p)))?;
                plain(width, height)
            }
            (_, Metadata::Decoder(metadata)) => {
                let scale = metadata.scale;
                let [w, h] = sides(&|p| scale.serve(p).map(|p| scale.prior(p)))?;
                Sizes { embedding: [h, w], ..plain(scale.latents(pixels[0]), scale.latents(pixels[1])) }
            }
            (Network::Vision(config), Metadata::ImageEncoder(_)) => {
                plain(config.image_size, config.image_size)
            }
            (Network::VqganDecoder(config), _) => {
                let [width, height] = sides(&|p| whole(p, config.stride()))?;
                plain(width, height)
            }
            (Network::VqganEncoder(config), _) => {
                let [width, height] = sides(&|p| whole(p, config.stride()).map(|n| n * config.stride()))?;
                plain(width, height)
            }
            (_, Metadata::Compressor(metadata)) => {
                let cells = |p: usize| (p as f64 / metadata.resolution_multiple).ceil() as usize;
                let [width, height] = sides(&|p| Ok(cells(p) * metadata.stride))?;
                plain(width, height)
            }
            (network, metadata) => {
                return Err(format!("a {} cannot hold {network:?}", metadata.contract()));
            }
        })
    }
}

/// Names the size that exceeds the maximum.
pub(crate) fn too_large(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let most = LARGEST_OF.iter().find(|(of, _)| *of == name).map_or(LARGEST, |(_, most)| *most);
            let good = number.as_f64().is_some_and(|n| n.abs() <= most as f64);
            (!good).then(|| format!("`{name}` is {number}; at most {most} is recorded"))
        }
        Value::Array(values) if values.len() > LONGEST => {
            Some(format!("`{name}` has {} entries; at most {LONGEST} are recorded", values.len()))
        }
        Value::Array(values) => values.iter().find_map(|value| too_large(name, value)),
        Value::Object(entries) => entries.iter().find_map(|(name, value)| too_large(name, value)),
        _ => None,
    }
}

/// Number of steps of `stride` in a side; an error if there is a remainder.
fn whole(pixels: usize, stride: usize) -> Result<usize, String> {
    if pixels > 0 && pixels.is_multiple_of(stride) {
        return Ok(pixels / stride);
    }
    let nearest = (pixels + stride / 2).max(stride) / stride * stride;
    Err(format!("{pixels} is not a multiple of {stride}; the nearest is {nearest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{self, SamplingDefaults};
    use crate::scale::Scale;

    #[test]
    fn network_is_recorded_from_metadata() {
        let network = Network::Decoder(DecoderConfig::default());
        let (key, text) = network.pair();
        assert_eq!(Network::read([("author", "somebody"), (&key, &text)]), Some(network.clone()));
        assert_eq!(Network::read([(KEY, "{\"kind\":\"unheard-of\"}")]), None);
        let metadata = Metadata::Decoder(metadata::Decoder {
            scale: Scale::default(),
            sampling: SamplingDefaults::new(12, 0.),
        });
        let sizes = network.sizes(&metadata, [1536, 1024]).unwrap();
        assert_eq!((sizes.width, sizes.height, sizes.embedding), (384, 256, [24, 36]));
        assert!(network.sizes(&metadata, [1000, 1024]).unwrap_err().contains("1024"));
        let params = network.graph(&sizes).unwrap().params;
        let count: usize = params.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        assert_eq!(count, 1_055_365_280);
    }

    #[test]
    fn network_without_end_is_not_recorded() {
        let sizes = Sizes { batch: 1, height: 4, width: 4, embedding: [1, 1], length: 7 };
        let deep = |depth| Network::Prior(PriorConfig { c: 64, nhead: 4, depth, ..PriorConfig::default() });
        assert!(deep(2).graph(&sizes).is_ok());
        let said = deep(usize::MAX).graph(&sizes).unwrap_err().to_string();
        assert!(said.contains("at most 4096"), "{said}");
        let wide = Network::Prior(PriorConfig { c: 1 << 40, ..PriorConfig::default() });
        assert!(wide.graph(&sizes).unwrap_err().to_string().contains("`c` is 1099511627776; at most 65536"));
        let vqgan = |levels| Network::VqganDecoder(VqganConfig { levels, ..VqganConfig::default() });
        assert!(vqgan(70).graph(&sizes).is_err());
        let blocks = vec![usize::MAX; 2];
        let wide = Network::Decoder(DecoderConfig { blocks, ..DecoderConfig::default() });
        assert!(wide.graph(&sizes).is_err());
    }

    #[test]
    fn sides_of_vqgan_are_whole() {
        let network = Network::VqganEncoder(VqganConfig::default());
        let metadata = Metadata::VqganEncoder(metadata::Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 });
        let sizes = network.sizes(&metadata, [64, 32]).unwrap();
        assert_eq!((sizes.width, sizes.height), (64, 32));
        assert_eq!(
            network.sizes(&metadata, [65, 32]).unwrap_err(),
            "65 is not a multiple of 4; the nearest is 64"
        );
    }
}

//! Reads the parts of Stable Cascade, from folders and from single files.

use std::path::Path;

use serde::Deserialize;

use super::super::folder::Folder;
use super::super::parts::{self, DecoderIndex, Part, PriorIndex, SIZES, Text};
use super::super::{ImportSource, single, stranger, tokenizer};
use crate::cascade::CascadeConfig;
use crate::checkpoint::Checkpoint;
use crate::compressor::CompressorConfig;
use crate::contract::Sizes;
use crate::metadata;
use crate::network::Network;
use crate::record::NetworkGraph;
use crate::text::pooled::PooledClipConfig;
use crate::vision::VisionConfig;
use crate::vqgan::VqganConfig;

/// Class of the networks, and its spelling in the first files.
const CLASSES: [&str; 2] = ["StableCascadeUNet", "StableCascadeUnet"];

/// Renamed keys of a network's configuration.
const ALIASES: [&str; 2] = ["c_in", "c_out"];

/// Places that are searched for the parts of a stage.
struct Places<'a> {
    /// Folder of the stage itself.
    own: &'a Path,
    /// Folder of the other stage, for parts missing in the own one.
    other: &'a Path,
    /// A file with the network, and possibly other parts.
    file: Option<&'a Path>,
    /// Folder of the network.
    network: &'static str,
}

/// A folder, and the file that was named in its place or next to it.
fn placed<'a>(path: &'a Path, weights: Option<&'a Path>) -> (&'a Path, Option<&'a Path>) {
    if !path.is_file() {
        return (path, weights);
    }
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    (parent, Some(weights.unwrap_or(path)))
}

impl<'a> Places<'a> {
    /// The places of the prior and of the decoder.
    fn of(source: &'a ImportSource) -> [Places<'a>; 2] {
        let (prior, of_prior) = placed(&source.prior, source.prior_weights.as_deref());
        let (decoder, of_decoder) = placed(&source.decoder, source.decoder_weights.as_deref());
        let network = |path, large, lite| chosen(path, large, lite, source.lite);
        [
            Places {
                own: prior,
                other: decoder,
                file: of_prior,
                network: network(prior, "prior", "prior_lite"),
            },
            Places {
                own: decoder,
                other: prior,
                file: of_decoder,
                network: network(decoder, "decoder", "decoder_lite"),
            },
        ]
    }

    /// The folder with a part; the own one if both have it.
    fn having(&self, part: &str) -> &'a Path {
        let there = |path: &Path| path.join(part).is_dir();
        if there(self.own) || !there(self.other) { self.own } else { self.other }
    }

    /// Opens the file, if there is one.
    fn open(&self, problems: &mut Vec<String>) -> Option<Option<Checkpoint>> {
        let Some(file) = self.file else { return Some(None) };
        match Checkpoint::open(file) {
            Ok(file) => Some(Some(file)),
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        }
    }

    /// Checks that all these parts exist, and reports missing ones.
    fn complete(
        &self,
        what: &str,
        needed: &[&str],
        stranger: &str,
        problems: &mut Vec<String>,
    ) -> Option<()> {
        // Only the own folder may contain the network itself.
        let place = |part: &str| if part == self.network { self.own } else { self.having(part) };
        let missing: Vec<&str> =
            needed.iter().copied().filter(|part| !place(part).join(part).is_dir()).collect();
        if missing.is_empty() {
            return Some(());
        }
        if self.file.is_none() || !self.own.is_dir() {
            // Reports the problem of the folder.
            Folder::open(self.own, what, needed, stranger, problems)?;
        }
        problems.push(format!(
            "{}: there is no {} next to the {what}, nor in the other folder: name a folder in diffusers' layout that has \
             them, and the file by --{what}-weights",
            self.own.display(),
            missing.join(", no ")
        ));
        None
    }
}

/// The folder of a network: the small one if it is requested, or if it is the only one.
fn chosen(path: &Path, large: &'static str, lite: &'static str, wanted: bool) -> &'static str {
    let there = |name: &str| path.join(name).is_dir();
    if wanted || (there(lite) && !there(large)) { lite } else { large }
}

/// Whether the source belongs to this family: it names a single file, or a configuration has the family's class. `None` if
/// a configuration cannot be read, which is a problem.
pub fn is_cascade(source: &ImportSource, problems: &mut Vec<String>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Class {
        #[serde(rename = "_class_name")]
        name: String,
    }
    for places in Places::of(source) {
        if places.file.is_some() {
            return Some(true);
        }
        let mut folder = Folder::at(places.own, problems);
        for name in ["prior", "prior_lite", "decoder", "decoder_lite"] {
            let name = format!("{name}/config.json");
            if !folder.path(&name).exists() {
                continue;
            }
            // Invalid JSON is reported where the configuration is parsed.
            let class = serde_json::from_str::<Class>(&folder.text(&name)?);
            if class.is_ok_and(|class| CLASSES.contains(&class.name.as_str())) {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// Parts of the prior's folder or file.
pub struct Prior {
    pub index: PriorIndex,
    pub text: Text,
    pub prior: Part<CascadeConfig>,
    pub vision: Option<(Part<VisionConfig>, metadata::ImageEncoder)>,
    pub compressor: Option<Part<CompressorConfig>>,
}

/// Parts of the decoder's folder or file.
pub struct Decoder {
    pub index: DecoderIndex,
    pub text: Text,
    pub decoder: Part<CascadeConfig>,
    pub vqgan: Part<VqganConfig>,
    pub vqgan_encoder: NetworkGraph,
}

/// Reads the prior.
pub fn prior(source: &ImportSource, problems: &mut Vec<String>) -> Option<Prior> {
    let [places, _] = Places::of(source);
    let file = places.open(problems)?;
    let encoder = file.as_ref().and_then(single::text);
    let mut needed = vec!["tokenizer"];
    needed.extend(encoder.is_none().then_some("text_encoder"));
    needed.extend(if file.is_none() { vec![places.network, "scheduler"] } else { vec![] });
    places.complete("prior", &needed, "vqgan", problems)?;
    let text = text(&places, ["text-encoder-prior", "tokenizer-prior.json"], encoder, problems);
    let prior = network(&places, file.as_ref(), problems);
    let bundled = file.as_ref().and_then(single::vision);
    let there = bundled.is_some() || places.having("image_encoder").join("image_encoder").is_dir();
    let vision = there.then(|| vision(&places, bundled, problems));
    let compressor = file.as_ref().and_then(single::compressor);
    let compressor = compressor.map(|weights| parts::compressor_of(weights, problems));
    let index = Folder::at(places.own, problems).json("model_index.json");
    let (vision, compressor) = (
        vision.map_or(Some(None), |part| part.map(Some)),
        compressor.map_or(Some(None), |part| part.map(Some)),
    );
    Some(Prior { index: index?, text: text?, prior: prior?, vision: vision?, compressor: compressor? })
}

/// Reads the decoder.
pub fn decoder(source: &ImportSource, problems: &mut Vec<String>) -> Option<Decoder> {
    let [_, places] = Places::of(source);
    let file = places.open(problems)?;
    let (encoder, stage_a) = (file.as_ref().and_then(single::text), file.as_ref().and_then(single::vqgan));
    let mut needed = vec!["tokenizer"];
    needed.extend(encoder.is_none().then_some("text_encoder"));
    needed.extend(stage_a.is_none().then_some("vqgan"));
    needed.extend(if file.is_none() { vec![places.network, "scheduler"] } else { vec![] });
    places.complete("decoder", &needed, "image_encoder", problems)?;
    let text = text(&places, ["text-encoder-decoder", "tokenizer-decoder.json"], encoder, problems);
    let decoder = network(&places, file.as_ref(), problems);
    let vqgan = parts::vqgan(&mut Folder::at(places.having("vqgan"), problems), stage_a);
    let index = Folder::at(places.own, problems).json("model_index.json");
    let (vqgan, vqgan_encoder) = vqgan?;
    Some(Decoder { index: index?, text: text?, decoder: decoder?, vqgan, vqgan_encoder })
}

/// Reads the network of stage C or B.
fn network(
    places: &Places<'_>,
    file: Option<&Checkpoint>,
    problems: &mut Vec<String>,
) -> Option<Part<CascadeConfig>> {
    let name = places.network;
    let path = format!("{name}/config.json");
    let mut folder = Folder::at(places.own, problems);
    let near: Option<CascadeConfig> = if file.is_none() || folder.path(&path).exists() {
        let config: CascadeConfig = folder.config_of(&path, &CLASSES)?;
        folder.known_keys(&path, &config, &ALIASES)?;
        Some(config)
    } else {
        None
    };
    let (config, weights) = match (file, near) {
        (Some(file), near) => {
            if let Some(kind) = stranger::kind(file) {
                problems.push(format!("{} is {kind}", file.path().display()));
                return None;
            }
            let weights = single::denoiser(file.clone());
            // If a file lacks only some tensors, all missing ones are named.
            let begun = weights.tensors().any(|(name, _)| name == "down_blocks.0.0.depthwise.weight");
            let config = single::network(&weights, near.as_ref()).or(near.filter(|_| begun));
            let Some(config) = config else {
                problems
                    .push(format!("{} is neither stage B nor C of Stable Cascade", file.path().display()));
                return None;
            };
            let (is, wanted) = if config.is_decoder() { ("B", "C") } else { ("C", "B") };
            if config.is_decoder() != places.network.starts_with("decoder") {
                let file = file.path().display();
                problems.push(format!(
                    "{file} is stage {is}, where stage {wanted} is expected: are the files swapped?"
                ));
                return None;
            }
            (config, weights)
        }
        (None, near) => {
            let config = near?;
            let weights = folder.weights(name, &Network::Cascade(config.clone()), "")?;
            (config, weights)
        }
    };
    let mut folder = Folder::at(places.own, problems);
    let side = 4 * config.least();
    let graph = Network::Cascade(config.clone()).graph(&Sizes { height: side, width: side, ..SIZES });
    parts::part(&mut folder, name, config, graph, weights)
}

/// The text encoder with its projection, from a bundle or a folder.
fn text(
    places: &Places<'_>,
    [name, file]: [&'static str; 2],
    bundled: Option<Checkpoint>,
    problems: &mut Vec<String>,
) -> Option<Text> {
    let path = "text_encoder/config.json";
    let mut folder = Folder::at(places.having("text_encoder"), problems);
    let published = bundled.is_some().then(PooledClipConfig::big_g);
    let config = folder.config_or(path, "CLIPTextModelWithProjection", published);
    let network = config.filter(|config: &PooledClipConfig| {
        let known = config.eos_token_id < config.text.vocab_size;
        if !known {
            let (end, words) = (config.eos_token_id, config.text.vocab_size);
            folder.problem(path, format!("eos_token_id is {end}, but vocab_size is {words}"));
        }
        known
    });
    let network = network.map(|config| {
        let (positions, features) = (config.text.max_position_embeddings, config.text.hidden_size);
        (Network::PooledClip(config), positions, features)
    });
    let weights = network
        .as_ref()
        .and_then(|(network, ..)| bundled.or_else(|| folder.weights("text_encoder", network, "text_model.")));
    let schedule = parts::schedule(&mut Folder::at(places.having("scheduler"), problems));
    let (network, positions, features) = network?;
    let tokenizer = tokenizer::open(&mut Folder::at(places.having("tokenizer"), problems), positions);
    let mut folder = Folder::at(places.having("text_encoder"), problems);
    parts::text_of(&mut folder, [name, file], (network, features), weights?, tokenizer, schedule)
}

/// Preprocessing of pictures, as in `preprocessor_config.json`; the default is CLIP's.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Preprocessor {
    image_mean: [f64; 3],
    image_std: [f64; 3],
}

impl Default for Preprocessor {
    fn default() -> Preprocessor {
        Preprocessor {
            image_mean: [0.48145466, 0.4578275, 0.40821073],
            image_std: [0.26862954, 0.26130258, 0.27577711],
        }
    }
}

/// The vision tower, from a bundle or a folder.
fn vision(
    places: &Places<'_>,
    bundled: Option<Checkpoint>,
    problems: &mut Vec<String>,
) -> Option<(Part<VisionConfig>, metadata::ImageEncoder)> {
    let path = "image_encoder/config.json";
    let ready = Folder::at(places.having("feature_extractor"), problems)
        .json::<Preprocessor>("feature_extractor/preprocessor_config.json")?;
    let mut folder = Folder::at(places.having("image_encoder"), problems);
    let published = bundled.is_some().then(VisionConfig::l);
    let config: VisionConfig = folder.config_or(path, "CLIPVisionModelWithProjection", published)?;
    if config.num_channels != 3 || ready.image_std.iter().any(|std| *std <= 1e-6) {
        folder.problem(path, "num_channels must be 3, and image_std of feature_extractor above 0");
        return None;
    }
    let network = || Network::Vision(config.clone());
    let weights = bundled.or_else(|| folder.weights("image_encoder", &network(), "vision_model."))?;
    let graph = crate::vision::graph(&config, &SIZES);
    let metadata =
        metadata::ImageEncoder { side: config.image_size, mean: ready.image_mean, std: ready.image_std };
    Some((parts::part(&mut folder, "image_encoder", config, graph, weights)?, metadata))
}

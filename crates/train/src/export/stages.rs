//! The stages of a model folder: recording, weights and metadata of each.

use super::weights::StageWeights;
use crate::config::{RunConfig, Sampling};
use crate::frozen::{self, COMPRESSOR};
use crate::programs::STAGE_A_DECODER;
use anyhow::{Result, ensure};
use wuerst_model::compressor::{self, STRIDE};
use wuerst_model::contract::Sizes;
use wuerst_model::metadata::{self, Metadata, SamplingDefaults};
use wuerst_model::network::Network;
use wuerst_model::record::NetworkGraph;
use wuerst_model::scale::Scale;
use wuerst_model::schedule::Schedule;
use wuerst_model::text::bert::BertConfig;

/// File name of the tokenizer, next to the text encoder.
pub const TOKENIZER: &str = "tokenizer.json";

/// A stage ready to be written.
pub struct Export {
    /// Name of the file, without `.onnx`, and of the contract.
    pub name: &'static str,
    /// The network with its sizes.
    pub network: Network,
    /// Recording of the network.
    pub graph: NetworkGraph,
    /// Weights of the network.
    pub weights: StageWeights,
    /// The model's metadata.
    pub metadata: Metadata,
}

impl Export {
    fn new(
        name: &'static str,
        network: Network,
        sizes: &Sizes,
        weights: StageWeights,
        metadata: Metadata,
    ) -> Result<Export> {
        Ok(Export { name, graph: network.graph(sizes)?, network, weights, metadata })
    }
}

/// All stages of a run; no weights are loaded yet.
///
/// # Errors
/// Sizes that do not fit each other, missing checkpoints and weights.
pub fn exports(config: &RunConfig, latent_scale: f64) -> Result<Vec<Export>> {
    let scale = scale(config)?;
    let (picture, latents, cells) = sides(config);
    let sizes = |side: usize| sizes(config, side, cells);
    let (schedule, sampling) = (Schedule::default(), &config.sampling);
    let below = compressor::frozen_graph(
        COMPRESSOR.backbone,
        config.compressor.frozen_blocks,
        &sizes(config.compressor.size),
    )?;
    let tail = StageWeights::averaged(config, &["compressor"])?;
    let [vqgan_decoder, vqgan_encoder] = vqgan(config, latent_scale)?;
    Ok(vec![
        text_encoder(config)?,
        Export::new(
            "prior",
            Network::Prior(config.prior.network.clone()),
            &sizes(cells),
            StageWeights::averaged(config, &["prior"])?,
            Metadata::Prior(metadata::Prior {
                // The compressor's last batch norm gives mean 0 and variance 1, which the prior generates.
                embedding_scale: 1.,
                embedding_shift: 0.,
                scale,
                native_size: picture,
                sampling: SamplingDefaults {
                    schedule,
                    ..SamplingDefaults::new(sampling.prior_steps, sampling.prior_guidance)
                },
            }),
        )?,
        Export::new(
            "decoder",
            Network::Decoder(config.decoder.network.clone()),
            &sizes(latents),
            // From the joint training with the compressor, until Stage B has been trained alone.
            StageWeights::averaged(config, &["decoder", "compressor"])?,
            Metadata::Decoder(metadata::Decoder {
                scale,
                sampling: SamplingDefaults {
                    schedule,
                    ..SamplingDefaults::new(sampling.decoder_steps, sampling.decoder_guidance)
                },
            }),
        )?,
        vqgan_decoder,
        vqgan_encoder,
        Export::new(
            "compressor",
            Network::Compressor(COMPRESSOR),
            &sizes(config.compressor.size),
            tail.over(frozen::published(&frozen::backbone_file(config))?, &below),
            Metadata::Compressor(metadata::Compressor {
                stride: STRIDE,
                resolution_multiple: scale.resolution_multiple,
                // The recorded network itself normalises pictures in 0..1 for the backbone.
                mean: [0.; 3],
                std: [1.; 3],
            }),
        )?,
    ])
}

/// The baseline, with the stages that it shares with the cascade; no weights are loaded yet.
///
/// # Errors
/// As [`exports`], and a run without a baseline.
pub fn baseline_exports(config: &RunConfig, latent_scale: f64) -> Result<Vec<Export>> {
    let network = config.baseline()?.network.clone();
    let (picture, latents, _) = sides(config);
    let Sampling { baseline_steps, baseline_guidance, .. } = config.sampling;
    let scale = Scale {
        // The embedding, which is not read, is one cell for the picture that it was trained with.
        resolution_multiple: picture as f64,
        latent_dim_scale: latents as f64,
        pixels_per_latent: config.vqgan.network.stride(),
        latent_multiple: network.stride(),
        least_latents: Some(network.stride()),
    };
    ensure!(
        scale.fits(picture),
        "pictures of {picture} pixels have {latents} latents a side, which the baseline cannot halve in steps of {}",
        scale.latent_multiple
    );
    let metadata = Metadata::Decoder(metadata::Decoder {
        scale,
        sampling: SamplingDefaults {
            schedule: Schedule::default(),
            ..SamplingDefaults::new(baseline_steps, baseline_guidance)
        },
    });
    let weights = StageWeights::averaged(config, &["baseline"])?;
    let baseline =
        Export::new("baseline", Network::Decoder(network), &sizes(config, latents, 1), weights, metadata)?;
    let [vqgan_decoder, vqgan_encoder] = vqgan(config, latent_scale)?;
    Ok(vec![text_encoder(config)?, baseline, vqgan_decoder, vqgan_encoder])
}

fn text_encoder(config: &RunConfig) -> Result<Export> {
    Export::new(
        "text-encoder",
        Network::Bert(BertConfig::minilm()),
        &sizes(config, 1, 1),
        StageWeights::published(&frozen::text_file(config))?,
        Metadata::TextEncoder(metadata::TextEncoder { tokenizer: TOKENIZER.into(), length: config.length }),
    )
}

/// Decoder and encoder of Stage A.
fn vqgan(config: &RunConfig, latent_scale: f64) -> Result<[Export; 2]> {
    let (picture, latents, _) = sides(config);
    let network = &config.vqgan.network;
    let vqgan = metadata::Vqgan { latent_scale, pixels_per_latent: network.stride() };
    Ok([
        Export::new(
            "vqgan-decoder",
            Network::VqganDecoder(network.clone()),
            &sizes(config, latents, 1),
            StageWeights::averaged(config, &STAGE_A_DECODER)?,
            Metadata::VqganDecoder(vqgan.clone()),
        )?,
        Export::new(
            "vqgan-encoder",
            Network::VqganEncoder(network.clone()),
            &sizes(config, picture, 1),
            StageWeights::averaged(config, &["vqgan"])?,
            Metadata::VqganEncoder(vqgan),
        )?,
    ])
}

/// Sizes of a recording with square inputs of `side` and an embedding of `cells`.
fn sizes(config: &RunConfig, side: usize, cells: usize) -> Sizes {
    Sizes { batch: 1, height: side, width: side, embedding: [cells; 2], length: config.length }
}

/// Sides of the picture in pixels, of Stage B's latents, and of the embedding in cells.
fn sides(config: &RunConfig) -> (usize, usize, usize) {
    let picture = config.data.size;
    (picture, picture / config.vqgan.network.stride(), config.compressor.size / STRIDE)
}

/// Relation between the sizes of the run's stages.
///
/// # Errors
/// If the sizes contradict each other.
pub fn scale(config: &RunConfig) -> Result<Scale> {
    let (picture, latents, cells) = sides(config);
    ensure!(cells > 0, "compressor.size is {}; it must be a multiple of {STRIDE}", config.compressor.size);
    let scale = Scale {
        resolution_multiple: picture as f64 / cells as f64,
        latent_dim_scale: latents as f64 / cells as f64,
        pixels_per_latent: config.vqgan.network.stride(),
        latent_multiple: config.decoder.network.stride(),
        least_latents: None,
    };
    ensure!(
        scale.fits(picture),
        "pictures of {picture} pixels do not fit {latents} latents in steps of {} and {cells} cells of the embedding",
        scale.latent_multiple
    );
    Ok(scale)
}

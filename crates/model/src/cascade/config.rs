//! Sizes of a Stable Cascade network, in the form of diffusers.

use serde::{Deserialize, Serialize};

use crate::decoder::{Dropout, PerLevel, one_per_level};

/// Maximum number of levels, more than any network has.
const MOST_LEVELS: usize = 16;

/// Sizes of the network, as in the `config.json` of diffusers' `StableCascadeUNet`; defaults are those of a missing key.
///
/// `up_num_layers_per_block` and `up_blocks_repeat_mappers` begin with the deepest level, the other lists with the largest
/// resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CascadeConfig {
    /// Channels of the noisy latents.
    #[serde(alias = "c_in")]
    pub in_channels: usize,
    /// Channels of the predicted noise; equal to `in_channels`.
    #[serde(alias = "c_out")]
    pub out_channels: usize,
    /// Features of each time embedding; at least 4.
    pub timestep_ratio_embedding_dim: usize,
    /// Side of the latent blocks that become channels before the first level.
    pub patch_size: usize,
    /// Features of the condition's tokens.
    pub conditioning_dim: usize,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// Attention heads of each level; ignored if the level has no attention.
    pub num_attention_heads: Vec<i64>,
    /// Number of blocks in each level on the way down.
    pub down_num_layers_per_block: Vec<usize>,
    /// Number of blocks in each level on the way up.
    pub up_num_layers_per_block: Vec<usize>,
    /// Number of passes through each level on the way down, with equal weights.
    pub down_blocks_repeat_mappers: Vec<usize>,
    /// Number of passes through each level on the way up, with equal weights.
    pub up_blocks_repeat_mappers: Vec<usize>,
    /// Blocks of each level in order.
    pub block_types_per_layer: Vec<Vec<BlockType>>,
    /// Features of the text states; only stage C reads them.
    pub clip_text_in_channels: Option<usize>,
    /// Features of the pooled text.
    pub clip_text_pooled_in_channels: usize,
    /// Features of a picture's CLIP embedding; only stage C reads them.
    pub clip_image_in_channels: Option<usize>,
    /// Number of tokens made from each pooled text and from each picture.
    pub clip_seq: usize,
    /// Channels of the semantic embedding; only stage B reads it.
    pub effnet_in_channels: Option<usize>,
    /// Colours of the optional pixel input of stage B, which is not used here and counts as black.
    pub pixel_mapper_in_channels: Option<usize>,
    /// Side of the depthwise kernels; odd.
    pub kernel_size: usize,
    /// Share of hidden units zeroed while training.
    pub dropout: Dropout,
    /// Whether the picture also attends to itself.
    pub self_attn: SelfAttention,
    /// Conditions that have time embeddings of their own.
    pub timestep_conditioning_type: Vec<String>,
    /// For each level but the first, whether it halves the resolution; if missing, all do, by strided convolutions.
    pub switch_level: Option<Vec<bool>>,
}

/// A block, by its class in diffusers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockType {
    /// Residual convolution.
    #[serde(rename = "SDCascadeResBlock")]
    Res,
    /// Time embedding.
    #[serde(rename = "SDCascadeTimestepBlock")]
    Timestep,
    /// Attention.
    #[serde(rename = "SDCascadeAttnBlock")]
    Attn,
}

/// Whether pictures attend to themselves.
pub type SelfAttention = PerLevel<bool>;

impl Default for CascadeConfig {
    fn default() -> CascadeConfig {
        CascadeConfig {
            in_channels: 16,
            out_channels: 16,
            timestep_ratio_embedding_dim: 64,
            patch_size: 1,
            conditioning_dim: 2048,
            block_out_channels: vec![2048; 2],
            num_attention_heads: vec![32; 2],
            down_num_layers_per_block: vec![8, 24],
            up_num_layers_per_block: vec![24, 8],
            down_blocks_repeat_mappers: vec![1; 2],
            up_blocks_repeat_mappers: vec![1; 2],
            block_types_per_layer: vec![vec![BlockType::Res, BlockType::Timestep, BlockType::Attn]; 2],
            clip_text_in_channels: None,
            clip_text_pooled_in_channels: 1280,
            clip_image_in_channels: None,
            clip_seq: 4,
            effnet_in_channels: None,
            pixel_mapper_in_channels: None,
            kernel_size: 3,
            dropout: Dropout::All(0.1),
            self_attn: SelfAttention::All(true),
            timestep_conditioning_type: vec!["sca".into(), "crp".into()],
            switch_level: None,
        }
    }
}

impl CascadeConfig {
    /// Stage C of 3.6 billion parameters.
    pub fn prior() -> CascadeConfig {
        CascadeConfig {
            clip_text_in_channels: Some(1280),
            clip_image_in_channels: Some(768),
            switch_level: Some(vec![false]),
            ..CascadeConfig::default()
        }
    }

    /// Stage C of 1 billion parameters.
    pub fn prior_lite() -> CascadeConfig {
        CascadeConfig {
            conditioning_dim: 1536,
            block_out_channels: vec![1536; 2],
            num_attention_heads: vec![24; 2],
            down_num_layers_per_block: vec![4, 12],
            up_num_layers_per_block: vec![12, 4],
            ..CascadeConfig::prior()
        }
    }

    /// Stage B of 1.5 billion parameters.
    pub fn decoder() -> CascadeConfig {
        let [plain, attention] = [
            vec![BlockType::Res, BlockType::Timestep],
            CascadeConfig::default().block_types_per_layer.remove(0),
        ];
        CascadeConfig {
            in_channels: 4,
            out_channels: 4,
            patch_size: 2,
            conditioning_dim: 1280,
            block_out_channels: vec![320, 640, 1280, 1280],
            num_attention_heads: vec![0, 0, 20, 20],
            down_num_layers_per_block: vec![2, 6, 28, 6],
            up_num_layers_per_block: vec![6, 28, 6, 2],
            down_blocks_repeat_mappers: vec![1; 4],
            up_blocks_repeat_mappers: vec![3, 3, 2, 2],
            block_types_per_layer: vec![plain.clone(), plain, attention.clone(), attention],
            effnet_in_channels: Some(16),
            pixel_mapper_in_channels: Some(3),
            timestep_conditioning_type: vec!["sca".into()],
            ..CascadeConfig::default()
        }
    }

    /// Stage B of 700 million parameters.
    pub fn decoder_lite() -> CascadeConfig {
        CascadeConfig {
            block_out_channels: vec![320, 576, 1152, 1152],
            num_attention_heads: vec![0, 9, 18, 18],
            down_num_layers_per_block: vec![2, 4, 14, 4],
            up_num_layers_per_block: vec![4, 14, 4, 2],
            up_blocks_repeat_mappers: vec![2; 4],
            ..CascadeConfig::decoder()
        }
    }

    /// Whether it is stage B, which reads a semantic embedding.
    pub fn is_decoder(&self) -> bool {
        self.effnet_in_channels.is_some()
    }

    /// Number of embeddings in a row of `time_embedding`.
    pub fn time_embeddings(&self) -> usize {
        1 + self.timestep_conditioning_type.len()
    }

    /// Divisor of the sides of the latents.
    pub fn multiple(&self) -> usize {
        self.patch_size.max(1)
    }

    /// Smallest side of the latents for which the deepest level has a cell.
    pub fn least(&self) -> usize {
        let levels = self.block_out_channels.len().clamp(1, MOST_LEVELS);
        let halvings = match &self.switch_level {
            None => levels - 1,
            Some(switched) => switched.iter().take(levels - 1).filter(|halves| **halves).count(),
        };
        self.multiple() << halvings
    }

    /// Number of blocks in the recording: repeated levels count several times, and a block with several time embeddings
    /// counts once for each.
    pub(crate) fn blocks(&self) -> usize {
        let size = |kind: &BlockType| if *kind == BlockType::Timestep { self.time_embeddings() } else { 1 };
        let units: Vec<usize> =
            self.block_types_per_layer.iter().map(|types| types.iter().map(size).sum()).collect();
        let way = |units: &mut dyn Iterator<Item = &usize>, layers: &[usize], repeats: &[usize]| {
            let levels = units.zip(layers).zip(repeats);
            let levels = levels.map(|((unit, layers), n)| unit.saturating_mul(*layers).saturating_mul(*n));
            levels.fold(0, usize::saturating_add)
        };
        let down = (&self.down_num_layers_per_block, &self.down_blocks_repeat_mappers);
        let up = (&self.up_num_layers_per_block, &self.up_blocks_repeat_mappers);
        let down = way(&mut units.iter(), down.0, down.1);
        down.saturating_add(way(&mut units.iter().rev(), up.0, up.1))
    }

    /// The network with one pass through each level: it has the same weights, except the layers between repeats.
    pub(crate) fn without_repeats(&self) -> CascadeConfig {
        let once = |repeats: &[usize]| vec![1; repeats.len()];
        CascadeConfig {
            down_blocks_repeat_mappers: once(&self.down_blocks_repeat_mappers),
            up_blocks_repeat_mappers: once(&self.up_blocks_repeat_mappers),
            ..self.clone()
        }
    }

    /// Problem of the sizes, if any.
    pub(super) fn check(&self) -> Result<(), String> {
        let levels = self.block_out_channels.len();
        if !(1..=MOST_LEVELS).contains(&levels) {
            return Err(format!(
                "block_out_channels has {levels} entries; from 1 to {MOST_LEVELS} are possible"
            ));
        }
        let lists = [
            ("num_attention_heads", self.num_attention_heads.len()),
            ("down_num_layers_per_block", self.down_num_layers_per_block.len()),
            ("up_num_layers_per_block", self.up_num_layers_per_block.len()),
            ("down_blocks_repeat_mappers", self.down_blocks_repeat_mappers.len()),
            ("up_blocks_repeat_mappers", self.up_blocks_repeat_mappers.len()),
            ("block_types_per_layer", self.block_types_per_layer.len()),
            ("dropout", self.dropout.levels().unwrap_or(levels)),
            ("self_attn", self.self_attn.levels().unwrap_or(levels)),
        ];
        one_per_level("block_out_channels", levels, &lists)?;
        if let Some(switched) = self.switch_level.as_ref().filter(|switched| switched.len() != levels - 1) {
            let (len, want) = (switched.len(), levels - 1);
            return Err(format!(
                "switch_level has {len} entries; one for each level but the first is expected, {want}"
            ));
        }
        let sizes = [self.in_channels, self.patch_size, self.conditioning_dim, self.clip_seq];
        let repeats = self.down_blocks_repeat_mappers.iter().chain(&self.up_blocks_repeat_mappers);
        if sizes.contains(&0) || self.block_out_channels.contains(&0) || repeats.into_iter().any(|n| *n == 0)
        {
            return Err("channels, patch_size, clip_seq and repeats must not be 0".into());
        }
        if self.in_channels != self.out_channels
            || self.timestep_ratio_embedding_dim < 4
            || self.kernel_size.is_multiple_of(2)
        {
            return Err(
                "in_channels must equal out_channels, timestep_ratio_embedding_dim be at least 4, and \
                        kernel_size be odd"
                    .into(),
            );
        }
        if self.clip_text_in_channels.is_some() != self.clip_image_in_channels.is_some() {
            return Err("clip_text_in_channels and clip_image_in_channels go together: the network reads both or neither".into());
        }
        if self.is_decoder() == self.clip_text_in_channels.is_some() {
            return Err("either clip_text_in_channels (stage C) or effnet_in_channels (stage B) is expected, and not both".into());
        }
        for (level, types) in self.block_types_per_layer.iter().enumerate() {
            let (heads, channels) = (self.num_attention_heads[level], self.block_out_channels[level]);
            let divides =
                usize::try_from(heads).is_ok_and(|heads| heads > 0 && channels.is_multiple_of(heads));
            if types.contains(&BlockType::Attn) && !divides {
                return Err(format!(
                    "level {level} has attention, but its {channels} channels do not divide among {heads} heads"
                ));
            }
        }
        Ok(())
    }
}

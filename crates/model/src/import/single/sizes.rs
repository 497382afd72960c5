//! Derives the sizes of a network from the names and shapes of its tensors.

use std::collections::BTreeMap;

use crate::cascade::{BlockType, CascadeConfig};
use crate::checkpoint::Checkpoint;
use crate::contract::Sizes;
use crate::network::Network;

/// Channels of a head in all published networks.
const HEAD: usize = 64;

/// Channels of the latents that stage B denoises.
const LATENTS: usize = 4;

/// Names and shapes of tensors.
struct Shapes<'a>(BTreeMap<&'a str, &'a [usize]>);

impl Shapes<'_> {
    fn extent(&self, name: &str, axis: usize) -> Option<usize> {
        self.0.get(name)?.get(axis).copied()
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Number of consecutive existing names for 0, 1 and so on.
    fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..self.0.len()).take_while(|at| self.has(&name(*at))).count()
    }

    /// The blocks of a level, and its number of channels.
    fn level(&self, path: &str) -> Option<(Vec<BlockType>, usize)> {
        let (mut types, mut channels) = (vec![], None);
        loop {
            let block = format!("{path}.{}", types.len());
            let [res, time, attention] = ["depthwise.weight", "mapper.weight", "kv_mapper.1.weight"]
                .map(|end| self.extent(&format!("{block}.{end}"), 0));
            let (kind, own) = match (res, time, attention) {
                (Some(own), ..) => (BlockType::Res, own),
                (_, Some(own), _) => (BlockType::Timestep, own / 2),
                (.., Some(own)) => (BlockType::Attn, own),
                _ => break,
            };
            types.push(kind);
            channels.get_or_insert(own);
        }
        Some((types, channels?))
    }
}

/// The sizes of the network in a file with diffusers' names; `None` if it is neither stage B nor C. `near` is a
/// configuration next to the file: it supplies sizes that shapes do not show, if its other sizes match.
pub fn network(weights: &Checkpoint, near: Option<&CascadeConfig>) -> Option<CascadeConfig> {
    let shapes = Shapes(weights.tensors().collect());
    let text = shapes.extent("clip_txt_mapper.weight", 1);
    let effnet = shapes.extent("effnet_mapper.0.weight", 1);
    let mut levels = vec![];
    while let Some(level) = shapes.level(&format!("down_blocks.{}", levels.len())) {
        levels.push(level);
    }
    let inner = shapes.extent("embedding.1.weight", 1)?;
    let patch = if effnet.is_some() { (inner / LATENTS).isqrt().max(1) } else { 1 };
    let channels = inner / patch.pow(2);
    let up: Vec<usize> = (0..levels.len())
        .map(|at| shapes.level(&format!("up_blocks.{at}")).map_or(0, |(types, _)| types.len()))
        .collect();
    // The repeated unit on the way down, and on the way up, where levels begin with the deepest.
    let unit = |level: usize| unit(&levels[level].0, up[levels.len() - 1 - level]);
    let units: Vec<Vec<BlockType>> = (0..levels.len()).map(unit).collect();
    let layers = |count: usize, level: usize| count / units[level].len().max(1);
    let conditioning = shapes.extent("clip_txt_mapper.weight", 0).or_else(|| {
        let attention = shapes.0.iter().find(|(name, _)| name.ends_with("kv_mapper.1.weight"));
        attention.and_then(|(_, shape)| shape.get(1).copied())
    })?;
    let time = shapes.0.iter().find(|(name, _)| name.ends_with(".mapper.weight"));
    let kernel = shapes.0.iter().find(|(name, _)| name.ends_with("depthwise.weight"));
    let has =
        |condition: &&str| shapes.0.keys().any(|name| name.ends_with(&format!(".mapper_{condition}.weight")));
    let repeats =
        |way: &str, at: usize| 1 + shapes.count(|i| format!("{way}_repeat_mappers.{at}.{i}.weight"));
    let depth = levels.len();
    let config = CascadeConfig {
        in_channels: channels,
        out_channels: shapes.extent("clf.1.weight", 0)? / patch.pow(2),
        timestep_ratio_embedding_dim: time.and_then(|(_, shape)| shape.get(1).copied()).unwrap_or(64),
        patch_size: patch,
        conditioning_dim: conditioning,
        block_out_channels: levels.iter().map(|(_, channels)| *channels).collect(),
        num_attention_heads: levels.iter().map(|(_, channels)| (*channels / HEAD) as i64).collect(),
        down_num_layers_per_block: (0..depth).map(|at| layers(levels[at].0.len(), at)).collect(),
        up_num_layers_per_block: (0..depth).map(|at| layers(up[at], depth - 1 - at)).collect(),
        down_blocks_repeat_mappers: (0..depth).map(|at| repeats("down", at)).collect(),
        up_blocks_repeat_mappers: (0..depth).map(|at| repeats("up", at)).collect(),
        block_types_per_layer: units.clone(),
        clip_text_in_channels: text,
        clip_text_pooled_in_channels: shapes.extent("clip_txt_pooled_mapper.weight", 1)?,
        clip_image_in_channels: shapes.extent("clip_img_mapper.weight", 1),
        clip_seq: shapes.extent("clip_txt_pooled_mapper.weight", 0)? / conditioning.max(1),
        effnet_in_channels: effnet,
        pixel_mapper_in_channels: shapes.extent("pixels_mapper.0.weight", 1),
        kernel_size: kernel.and_then(|(_, shape)| shape.last().copied()).unwrap_or(3),
        timestep_conditioning_type: ["sca", "crp"].into_iter().filter(|c| has(c)).map(String::from).collect(),
        switch_level: shapes
            .has("down_downscalers.1.1.blocks.0.weight")
            .then(|| vec![false; depth.saturating_sub(1)]),
        ..CascadeConfig::default()
    };
    let near = near.filter(|near| same_shapes(near, &config));
    Some(near.cloned().unwrap_or(config))
}

/// The blocks that a level repeats: the shortest unit that gives both ways.
fn unit(types: &[BlockType], up: usize) -> Vec<BlockType> {
    let fits = |length: &usize| {
        types.len().is_multiple_of(*length)
            && up.is_multiple_of(*length)
            && types.iter().enumerate().all(|(at, kind)| types[at % length] == *kind)
    };
    (1..=types.len()).find(fits).map_or_else(|| types.to_vec(), |length| types[..length].to_vec())
}

/// Whether two configurations have tensors with equal names and shapes.
fn same_shapes(a: &CascadeConfig, b: &CascadeConfig) -> bool {
    let tensors = |config: &CascadeConfig| {
        let heads = vec![1; config.num_attention_heads.len()];
        let config = CascadeConfig { num_attention_heads: heads, ..config.clone() };
        let side = 2 * config.least();
        let sizes = Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: 1 };
        let graph = Network::Cascade(config.without_repeats()).graph(&sizes).ok()?;
        let shapes = graph.params.into_iter().map(|param| (param.name, param.shape));
        Some((
            shapes.collect::<BTreeMap<_, _>>(),
            config.down_blocks_repeat_mappers,
            config.up_blocks_repeat_mappers,
        ))
    };
    tensors(a).is_some_and(|a| tensors(b) == Some(a))
}

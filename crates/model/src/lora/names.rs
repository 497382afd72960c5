//! Finds the parameters of a network that the layers of a LoRA file change.
//!
//! Names with `.` replaced by `_` cannot be parsed, so they are looked up among the network's own names in the same form.

use std::collections::BTreeMap;

/// A parameter with its extents.
pub type Named<'a> = (&'a str, &'a [usize]);

/// Parameters that a layer of a file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One parameter.
    One(String),
    /// Query, key and value, whose rows the file stores one after another.
    Fused([String; 3]),
}

/// The network that a layer's name states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A prior or a decoder.
    Denoiser,
    /// A text encoder.
    Text,
}

/// Prefixes of layers' names, and the network that they state.
const PREFIXES: [(&str, Option<Side>); 19] = [
    ("base_model_model_", None),
    ("model_diffusion_model_", Some(Side::Denoiser)),
    ("diffusion_model_", Some(Side::Denoiser)),
    ("lora_", None),
    ("prior_", None),
    ("decoder_", None),
    ("unet_", Some(Side::Denoiser)),
    ("stage_c_", Some(Side::Denoiser)),
    ("stage_b_", Some(Side::Denoiser)),
    ("text_encoder_", Some(Side::Text)),
    ("text_encoders_", Some(Side::Text)),
    ("te1_", Some(Side::Text)),
    ("te2_", Some(Side::Text)),
    ("te_", Some(Side::Text)),
    ("clip_g_", Some(Side::Text)),
    ("transformer_", None),
    ("text_model_", Some(Side::Text)),
    ("model_", None),
    ("module_", None),
];

/// Layers of a network by the names that files may use.
#[derive(Debug)]
pub struct Names {
    targets: BTreeMap<String, Target>,
    /// Query, key, value and output of each attention block, in module order: down before up.
    attention: Vec<[String; 4]>,
    layers: usize,
    side: Side,
}

impl Names {
    /// The names of a network with these parameters.
    pub fn of<'a>(params: impl Iterator<Item = Named<'a>>) -> Names {
        let mut targets = BTreeMap::new();
        let matrices = params.filter(|(_, shape)| shape.len() == 2 || shape.len() == 4);
        let layers: Vec<&str> = matrices.filter_map(|(name, _)| name.strip_suffix(".weight")).collect();
        for layer in &layers {
            let target = Target::One(format!("{layer}.weight"));
            for name in spellings(layer) {
                targets.insert(name.replace('.', "_"), target.clone());
            }
        }
        let blocks = layers.iter().filter_map(|layer| layer.strip_suffix(".attention.to_q"));
        let mut blocks: Vec<&str> = blocks.collect();
        blocks.sort_by_key(|block| module_order(block));
        let attention: Vec<[String; 4]> = blocks.iter().map(|block| attention(block)).collect();
        for (block, [q, k, v, _]) in blocks.iter().zip(&attention) {
            let fused = Target::Fused([q.clone(), k.clone(), v.clone()]);
            for name in [".attention.attn.in_proj", ".attention.in_proj"] {
                targets.insert(format!("{block}{name}").replace('.', "_"), fused.clone());
            }
        }
        let text = layers.iter().any(|layer| layer.ends_with(".self_attn.q_proj"));
        Names {
            targets,
            attention,
            layers: layers.len(),
            side: if text { Side::Text } else { Side::Denoiser },
        }
    }

    /// The kind of this network.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Number of attention blocks.
    pub fn attention_blocks(&self) -> usize {
        self.attention.len()
    }

    /// Number of layers that a LoRA may change.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The parameters of a layer with the name that a file gives it; without a match, the network that the name states.
    pub fn find(&self, layer: &str) -> Result<Target, Option<Side>> {
        let name = layer.replace('.', "_");
        let (mut rest, mut side) = (name.as_str(), None);
        loop {
            if let Some(target) = self.targets.get(rest).filter(|_| side.is_none_or(|side| side == self.side))
            {
                return Ok(target.clone());
            }
            let next = PREFIXES.iter().find_map(|(prefix, of)| Some((rest.strip_prefix(prefix)?, of)));
            let Some((shorter, of)) = next else { break };
            (rest, side) = (shorter, of.or(side));
        }
        let text = ["encoder_layers_", "text_projection"].iter().any(|begin| rest.starts_with(begin));
        let denoiser = ["blocks_", "down_blocks_", "up_blocks_"].iter().any(|begin| rest.starts_with(begin));
        Err(side.or(text.then_some(Side::Text)).or(denoiser.then_some(Side::Denoiser)))
    }

    /// The parameters of entry `at` of the authors' list: of each attention block first the output, then query, key and
    /// value.
    pub fn listed(&self, at: usize) -> Option<Target> {
        let [q, k, v, out] = self.attention.get(at / 2)?.clone();
        Some(if at.is_multiple_of(2) { Target::One(out) } else { Target::Fused([q, k, v]) })
    }
}

/// The names under which files store a layer.
fn spellings(layer: &str) -> Vec<String> {
    let mut names = vec![layer.to_owned()];
    if let Some((block, part)) = layer.rsplit_once(".attention.") {
        let others: &[&str] = match part {
            "to_q" => &["attn.to_q", "attn.in_proj.0"],
            "to_k" => &["attn.to_k", "attn.in_proj.1"],
            "to_v" => &["attn.to_v", "attn.in_proj.2"],
            "to_out.0" => &["to_out", "attn.to_out.0", "attn.to_out", "attn.out_proj", "out_proj"],
            _ => &[],
        };
        names.extend(others.iter().map(|part| format!("{block}.attention.{part}")));
    }
    // The authors' name.
    if let Some(rest) = layer.strip_prefix("clip_txt_pooled_mapper") {
        names.push(format!("clip_mapper{rest}"));
    }
    names
}

/// Query, key, value and output of a block.
fn attention(block: &str) -> [String; 4] {
    ["to_q", "to_k", "to_v", "to_out.0"].map(|part| format!("{block}.attention.{part}.weight"))
}

/// Sorts blocks in the order of modules: down before up, then by number.
fn module_order(block: &str) -> (bool, Vec<usize>) {
    let numbers = block.split('.').filter_map(|part| part.parse().ok());
    (block.starts_with("up_blocks"), numbers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: [(&str, &[usize]); 10] = [
        ("up_blocks.0.2.attention.to_q.weight", &[4, 4]),
        ("down_blocks.0.12.attention.to_q.weight", &[4, 4]),
        ("down_blocks.0.2.attention.to_q.weight", &[4, 4]),
        ("down_blocks.0.2.attention.to_k.weight", &[4, 4]),
        ("down_blocks.0.2.attention.to_v.weight", &[4, 4]),
        ("down_blocks.0.2.attention.to_out.0.weight", &[4, 4]),
        ("down_blocks.0.2.attention.to_q.bias", &[4]),
        ("down_blocks.0.0.channelwise.0.weight", &[4, 4]),
        ("down_blocks.0.0.depthwise.weight", &[4, 1, 3, 3]),
        ("clip_txt_pooled_mapper.weight", &[4, 4]),
    ];

    #[test]
    fn layers_are_found_by_all_names() {
        let names = Names::of(PARAMS.into_iter());
        let one = |name: &str| Ok(Target::One(format!("down_blocks.0.{name}.weight")));
        for (layer, name) in [
            ("prior.down_blocks.0.2.attention.to_q", "2.attention.to_q"),
            ("base_model.model.down_blocks.0.2.attention.to_out.0", "2.attention.to_out.0"),
            ("unet.down_blocks.0.2.attention.to_out", "2.attention.to_out.0"),
            ("lora_prior_unet_down_blocks_0_2_attention_to_q", "2.attention.to_q"),
            ("lora_prior_prior_down_blocks_0_2_attention_to_v", "2.attention.to_v"),
            ("lora_prior_unet_down_blocks_0_2_attention_attn_out_proj", "2.attention.to_out.0"),
            ("lora_unet_down_blocks_0_2_attention_attn_to_k", "2.attention.to_k"),
            ("unet.down_blocks.0.2.attention.attn.in_proj.1", "2.attention.to_k"),
            ("lora_prior_unet_down_blocks_0_0_channelwise_0", "0.channelwise.0"),
            ("prior.down_blocks.0.0.depthwise", "0.depthwise"),
        ] {
            assert_eq!(names.find(layer), one(name), "{layer}");
        }
        assert_eq!(names.find("clip_mapper"), Ok(Target::One("clip_txt_pooled_mapper.weight".to_owned())));
        let fused = names.find("down_blocks.0.2.attention.attn.in_proj");
        assert!(matches!(fused, Ok(Target::Fused([q, ..])) if q == PARAMS[2].0));
        assert_eq!(names.find("lora_prior_te_text_model_encoder_layers_0_mlp_fc1"), Err(Some(Side::Text)));
        assert_eq!(names.find("lora_prior_unet_down_blocks_7_2_attention_to_q"), Err(Some(Side::Denoiser)));
        assert_eq!(names.find("projection.weight"), Err(None));
        assert_eq!(names.layers(), 9);
    }

    #[test]
    fn blocks_are_listed_in_module_order() {
        let names = Names::of(PARAMS.into_iter());
        let out = |block: &str| Some(Target::One(format!("{block}.attention.to_out.0.weight")));
        assert_eq!(names.listed(0), out("down_blocks.0.2"));
        assert_eq!(names.listed(2), out("down_blocks.0.12"));
        assert_eq!(names.listed(4), out("up_blocks.0.2"));
        assert!(matches!(names.listed(1), Some(Target::Fused([_, _, v])) if v == PARAMS[4].0));
        assert_eq!(names.listed(6), None);
    }
}

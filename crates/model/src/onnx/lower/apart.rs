//! Splits channel-wise layers over places of which some change in every sampling step and some do not, such as the keys
//! and values of attention from the picture to itself and to the text.
//!
//! Applying the layer to each part and joining the results is equivalent. The results for the text then depend on the
//! text alone, and a host can compute them once for all steps of a picture.

use super::super::builder::Builder;
use crate::record::{Id, Op};

/// The parts that these features are joined from, and their axis, if some parts change in every step and others do not.
pub fn parts(b: &Builder<'_>, x: Id) -> Option<(usize, Vec<Id>)> {
    let node = &b.graph.nodes[x.0];
    let Op::Concat(axis) = node.op else { return None };
    let changes = |part: &Id| b.stepwise[part.0];
    let mixed = node.args.iter().any(changes) && !node.args.iter().all(changes);
    (mixed && axis + 1 < node.shape.len()).then(|| (axis, node.args.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;

    use super::super::super::proto::{ModelProto, NodeProto};
    use crate::cascade::{self, CascadeConfig};
    use crate::contract::{STEPWISE, Sizes};
    use crate::decoder::{self, DecoderConfig};
    use crate::onnx::{BoxError, ExportOptions, Operators, Precision, Weight, encode};
    use crate::prior::{self, PriorConfig};
    use crate::record::NetworkGraph;

    const SIZES: Sizes = Sizes { batch: 1, height: 8, width: 8, embedding: [2, 2], length: 3 };

    /// The model of a network, as it is read back.
    fn written(graph: &NetworkGraph, precision: Precision, operators: Operators) -> ModelProto {
        let weights = |name: &str| -> Result<Weight, BoxError> {
            let shape = graph.params.iter().find(|p| p.name == name).unwrap().shape.clone();
            Ok(Weight { data: vec![0.5; shape.iter().product()], shape })
        };
        let options = ExportOptions { precision, operators, ..ExportOptions::default() };
        ModelProto::decode(&encode(graph, &weights, &options).unwrap()[..]).unwrap()
    }

    /// Names of values that follow from these.
    fn following(nodes: &[NodeProto], sources: &[&str]) -> HashSet<String> {
        let mut follow: HashSet<String> = sources.iter().map(|name| (*name).to_owned()).collect();
        for node in nodes {
            if node.input.iter().any(|name| follow.contains(name)) {
                follow.extend(node.output.iter().cloned());
            }
        }
        follow
    }

    #[test]
    fn text_keys_and_values_are_step_invariant() {
        // Wide enough for int8.
        let prior = PriorConfig { c: 256, c_cond: 8, depth: 2, nhead: 4, ..PriorConfig::default() };
        let decoder = DecoderConfig {
            c_cond: 32,
            c_hidden: vec![8, 256],
            nhead: vec![-1, 4],
            blocks: vec![1, 2],
            level_config: vec!["CT".into(), "CTA".into()],
            inject_effnet: vec![false, true],
            clip_embd: 8,
            ..DecoderConfig::default()
        };
        let (prior, decoder) =
            (prior::graph(&prior, &SIZES).unwrap(), decoder::graph(&decoder, &SIZES).unwrap());
        // Two blocks in the prior; two on the way down in the decoder, and two up.
        for (graph, blocks) in [(&prior, 2), (&decoder, 4)] {
            for (precision, operators) in [
                (Precision::F32, Operators::Standard),
                (Precision::F16, Operators::Standard),
                (Precision::F32, Operators::OnnxRuntime),
                (Precision::F16, Operators::Int8),
            ] {
                let model = written(graph, precision, operators).graph.unwrap();
                let changed = following(&model.node, &STEPWISE);
                let of_text = following(&model.node, &["text"]);
                for layer in ["to_k", "to_v"] {
                    let product = |node: &&NodeProto| {
                        node.op_type.starts_with("MatMul")
                            && node.name.contains(&format!(".attention.{layer}/"))
                    };
                    let products: Vec<&NodeProto> = model.node.iter().filter(product).collect();
                    assert_eq!(products.len(), 2 * blocks, "{operators:?}");
                    let still = products.iter().filter(|node| !changed.contains(&node.output[0]));
                    let still: Vec<_> = still.filter(|node| of_text.contains(&node.output[0])).collect();
                    assert_eq!(still.len(), blocks, "{layer} {precision:?} {operators:?}");
                    let matrices = model.initializer.iter().filter(|tensor| {
                        tensor.name.contains(&format!(".attention.{layer}.weight")) && tensor.dims.len() == 2
                    });
                    assert_eq!(matrices.count(), blocks, "stored once");
                }
            }
        }
    }

    #[test]
    fn condition_and_embedding_of_cascade_depend_on_no_step() {
        let of = |config: CascadeConfig| {
            let levels = config.block_out_channels.len();
            let config = CascadeConfig {
                conditioning_dim: 16,
                block_out_channels: vec![16; levels],
                num_attention_heads: vec![2; levels],
                down_num_layers_per_block: vec![1; levels],
                up_num_layers_per_block: vec![1; levels],
                ..config
            };
            let sizes = Sizes { height: 32, width: 32, ..SIZES };
            written(&cascade::graph(&config, &sizes).unwrap(), Precision::F32, Operators::Standard)
        };
        // Attention in both levels down and up; in two of four, of which those up are repeated.
        for (config, attentions) in
            [(CascadeConfig::prior_lite(), 4), (CascadeConfig::decoder_lite(), 2 + 2 * 2)]
        {
            let model = of(config).graph.unwrap();
            let changed = following(&model.node, &STEPWISE);
            let still = |part: &str| {
                let named = |node: &&NodeProto| {
                    ["MatMul", "Conv"].contains(&node.op_type.as_str()) && node.name.contains(part)
                };
                model.node.iter().filter(named).filter(|node| !changed.contains(&node.output[0])).count()
            };
            for layer in [".attention.to_k/", ".attention.to_v/", ".kv_mapper.1/"] {
                assert_eq!(still(layer), attentions, "{layer}");
            }
            assert_eq!(still("clip_txt_pooled_mapper/"), 1);
            assert_eq!(still("effnet_mapper."), 0, "its size follows from the latents'");
        }
    }
}

//! Models that compute in f16: near themselves in f32, and finite with every result rounded as a GPU rounds it.

use anyhow::Result;
use ndarray::ArrayD;
use ort::value::ValueType;
use wuerst_model::contract::Sizes;
use wuerst_model::decoder::{self, DecoderConfig};
use wuerst_model::onnx::{self, BoxError, Compute, ExportOptions, Operators, Weight};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::{Axis, DType, Init, NetworkGraph, Op};
use wuerst_model::text::clip::{self, ClipConfig};
use wuerst_model::vqgan::{self, VqganConfig};
use wuerst_tests::numbers::{Random, calm_weights, relative_error};
use wuerst_tests::onnx_bytes::step_by_step;
use wuerst_tests::runtime::{Array, Model};

const SIZES: Sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [2, 2], length: 5 };

/// A network, its name and what it is fed with.
type Case = (&'static str, NetworkGraph, Vec<(&'static str, Array)>);

/// Every kind of network, with inputs whose latents have these cells along a side.
fn networks(side: usize) -> Result<Vec<Case>> {
    let prior = PriorConfig { c: 128, c_cond: 64, depth: 3, nhead: 4, ..PriorConfig::default() };
    let decoder = DecoderConfig {
        c_hidden: vec![64, 128],
        nhead: vec![-1, 4],
        blocks: vec![1, 2],
        level_config: vec!["CT".into(), "CTA".into()],
        inject_effnet: vec![false, true],
        clip_embd: 64,
        c_cond: 96,
        ..DecoderConfig::default()
    };
    let vqgan = VqganConfig { embed_dim: 96, bottleneck_blocks: 3, ..VqganConfig::default() };
    let clip = ClipConfig {
        vocab_size: 100,
        hidden_size: 64,
        intermediate_size: 256,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        ..ClipConfig::h()
    };
    let mut random = Random::new(7);
    let mut array = |shape: &[usize]| Array::from(random.array(shape));
    let text = array(&[2, 7, 64]);
    let (time, embedding) = (array(&[2, 64]), array(&[2, 16, 2, 3]));
    let mut latents = |channels: usize| ("latents", array(&[2, channels, side, side]));
    let ids = ArrayD::from_shape_fn(vec![2, 9], |at| (at[0] * 40 + at[1] * 7) as i64);
    let mask = ArrayD::from_shape_fn(vec![2, 9], |at| i64::from(at[0] == 0 || at[1] < 4));
    Ok(vec![
        (
            "prior",
            prior::graph(&prior, &SIZES)?,
            vec![latents(16), ("time_embedding", time.clone()), ("text", text.clone())],
        ),
        (
            "decoder",
            decoder::graph(&decoder, &SIZES)?,
            vec![latents(4), ("time_embedding", time), ("text", text), ("embedding", embedding)],
        ),
        ("vqgan", vqgan::decoder_graph(&vqgan, &SIZES)?, vec![latents(4)]),
        (
            "text",
            clip::graph(&clip, &SIZES)?,
            vec![("input_ids", ids.into()), ("attention_mask", mask.into())],
        ),
    ])
}

fn encoded(graph: &NetworkGraph, operators: Operators, compute: Compute) -> Result<Vec<u8>> {
    let options = ExportOptions { operators, compute, ..ExportOptions::default() };
    Ok(onnx::encode(graph, &calm_weights(graph), &options)?)
}

#[test]
fn networks_are_near_themselves_in_f32() -> Result<()> {
    for (name, graph, feeds) in networks(8)? {
        let wide = encoded(&graph, Operators::Standard, Compute::F32)?;
        let want = Model::from_bytes(&wide)?.run(&feeds)?.remove(0).f32()?;
        for operators in [Operators::Standard, Operators::OnnxRuntime] {
            let half = encoded(&graph, operators, Compute::F16)?;
            let mut model = Model::from_bytes(&half)?;
            for outlet in model.0.inputs().iter().chain(model.0.outputs()) {
                let ValueType::Tensor { ty, .. } = outlet.dtype() else { continue };
                assert_ne!(*ty, ort::value::TensorElementType::Float16, "{}", outlet.name());
            }
            let error = relative_error(&model.run(&feeds)?.remove(0).f32()?, &want)?;
            println!("{name}, {operators:?}: {} of {} bytes, {error:.1e}", half.len(), wide.len());
            assert!(half.len() * 10 < wide.len() * 7, "{name}: {} of {}", half.len(), wide.len());
            assert!(error > 1e-6 && error < 2e-3, "{name}, {operators:?}: {error}");
        }
    }
    Ok(())
}

/// Latents of 128×128 cells, and a barrier after each operator, so that ONNX Runtime keeps no result in f32.
#[test]
fn nothing_overflows_when_every_result_is_rounded() -> Result<()> {
    for (name, graph, feeds) in networks(128)?.into_iter().skip(1).take(2) {
        let [wide, half] = [Compute::F32, Compute::F16].map(|compute| -> Result<ArrayD<f32>> {
            let model = step_by_step(&encoded(&graph, Operators::OnnxRuntime, compute)?);
            Model::unoptimised(&model)?.run(&feeds)?.remove(0).f32()
        });
        let error = relative_error(&half?, &wide?)?;
        println!("{name}: {error:.1e}");
        assert!(error > 1e-5 && error < 1e-2, "{name}: {error}");
    }
    Ok(())
}

/// A layer of so many numbers, whose result is the output, and a norm over its places.
fn layer(norm: bool) -> Result<NetworkGraph> {
    let mut g = NetworkGraph::new();
    let x = g.input("x", DType::F32, &[Axis::named("b", 1), Axis::named("n", 4), Axis::fixed(32)]);
    let w = g.param("w", &[32, 32], Init::Constant(0.));
    let y = g.push(Op::Linear, &[x, w]);
    let y = if norm { g.push(Op::ReduceL2(vec![1]), &[y]) } else { y };
    g.output("y", y);
    Ok(g.finish()?)
}

fn run(graph: &NetworkGraph, weight: f32, x: ArrayD<f32>) -> Result<ArrayD<f32>> {
    let weights = |_: &str| -> Result<Weight, BoxError> {
        Ok(Weight { shape: vec![32, 32], data: vec![weight; 1024] })
    };
    let options = ExportOptions { compute: Compute::F16, ..ExportOptions::default() };
    let model = step_by_step(&onnx::encode(graph, &weights, &options)?);
    Model::unoptimised(&model)?.run(&[("x", x.into())])?.remove(0).f32()
}

/// 16,384 squares of 32 are 16 million, and f16 ends at 65,504.
#[test]
fn sums_of_squares_are_in_f32() -> Result<()> {
    let norms = run(&layer(true)?, 1., ArrayD::ones(vec![1, 16_384, 32]))?;
    assert!(norms.iter().all(|norm| (norm / (128. * 32.) - 1.).abs() < 1e-3), "{norms}");
    Ok(())
}

#[test]
fn layers_with_weights_beyond_f16_are_in_f32() -> Result<()> {
    let y = run(&layer(false)?, 70_000., ArrayD::from_elem(vec![1, 3, 32], 0.001))?;
    assert!(y.iter().all(|v| (v / 2240. - 1.).abs() < 1e-3), "{y}");
    Ok(())
}

#[test]
fn f16_and_int8_exclude_each_other() -> Result<()> {
    let (graph, options) =
        (layer(false)?, ExportOptions { compute: Compute::F16, ..ExportOptions::default() });
    let options = ExportOptions { operators: Operators::Int8, ..options };
    let error = onnx::encode(&graph, &calm_weights(&graph), &options).unwrap_err();
    assert_eq!(error.to_string(), "a model computes in f16 or multiplies in int8, not both");
    Ok(())
}

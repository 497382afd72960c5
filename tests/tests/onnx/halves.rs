//! Models in two: what is computed once and what each step does give together what the whole model gives.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use ndarray::ArrayD;
use ort::value::ValueType;
use wuerst_model::contract::STEPWISE;
use wuerst_model::decoder;
use wuerst_model::onnx::{self, Compute, ExportOptions, ModelSplit, Operators, Precision, TensorType};
use wuerst_model::prior;
use wuerst_model::record::NetworkGraph;
use wuerst_tests::bundle::{PLAIN, SIZES};
use wuerst_tests::numbers::{Random, calm_weights, relative_error};
use wuerst_tests::runtime::{Array, Model};

fn names(outlets: &[ort::value::Outlet]) -> Vec<String> {
    outlets.iter().map(|outlet| outlet.name().to_owned()).collect()
}

/// The inputs of a session among these.
fn taken<'n>(model: &Model, feeds: &[(&'n str, Array)]) -> Vec<(&'n str, Array)> {
    let names = names(model.0.inputs());
    feeds.iter().filter(|(name, _)| names.iter().any(|taken| taken == name)).cloned().collect()
}

/// The whole model and its parts, on two steps of a picture.
fn both(bytes: &[u8], steps: &[Vec<(&str, Array)>]) -> Result<Vec<[ArrayD<f32>; 2]>> {
    let split = ModelSplit::of(bytes, &STEPWISE).context("is not split")?;
    let (mut whole, mut invariant) = (Model::from_bytes(bytes)?, Model::from_bytes(&split.invariant()?)?);
    assert_eq!(names(invariant.0.outputs()), split.crossing());
    let ty = |outlet: &ort::value::Outlet| match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let element = ort::sys::ONNXTensorElementDataType::from(*ty) as i32;
            Ok((outlet.name().to_owned(), TensorType { element, rank: shape.len() }))
        }
        other => anyhow::bail!("{other}"),
    };
    let types: BTreeMap<String, TensorType> = invariant.0.outputs().iter().map(ty).collect::<Result<_>>()?;
    let mut step = Model::from_bytes(&split.step(&types)?.context("a type is missing")?)?;
    let changing =
        names(step.0.inputs()).into_iter().filter(|name| !split.crossing().contains(&name.as_str()));
    assert_eq!(changing.collect::<Vec<_>>(), STEPWISE[..2], "all else is made of it before");
    let kept = invariant.run(&taken(&invariant, &steps[0]))?;
    let kept: Vec<(&str, Array)> = split.crossing().iter().copied().zip(kept).collect();
    let run = |feeds: &Vec<(&str, Array)>| -> Result<[ArrayD<f32>; 2]> {
        let inputs = [taken(&step, feeds), kept.clone()].concat();
        Ok([whole.run(feeds)?.remove(0).f32()?, step.run(&inputs)?.remove(0).f32()?])
    };
    steps.iter().map(run).collect()
}

/// Inputs of two steps with the same text and embedding, but for the last.
fn steps(
    batch: usize,
    channels: usize,
    [text, embedding, features]: [usize; 3],
) -> Vec<Vec<(&'static str, Array)>> {
    let mut random = Random::new(5);
    let mut array = |shape: &[usize]| Array::from(random.array(shape));
    let (text, embedding) =
        (array(&[batch, 7, text]), (embedding > 0).then(|| array(&[batch, embedding, 3, 2])));
    let mut step = || {
        let mut feeds = vec![
            ("latents", array(&[batch, channels, 32, 16])),
            ("time_embedding", array(&[batch, features])),
            ("text", text.clone()),
        ];
        feeds.extend(embedding.clone().map(|embedding| ("embedding", embedding)));
        feeds
    };
    vec![step(), step()]
}

fn check(graph: &NetworkGraph, channels: usize, conditions: [usize; 3]) -> Result<()> {
    let weights = calm_weights(graph);
    for (precision, compute, operators) in [
        (Precision::F32, Compute::F32, Operators::Standard),
        (Precision::F16, Compute::F32, Operators::OnnxRuntime),
        (Precision::F16, Compute::F32, Operators::Int8),
        (Precision::F32, Compute::F16, Operators::OnnxRuntime),
    ] {
        let options = ExportOptions { precision, compute, operators, ..ExportOptions::default() };
        let bytes = onnx::encode(graph, &weights, &options)?;
        for batch in [1, 2] {
            let results = both(&bytes, &steps(batch, channels, conditions))?;
            for [whole, parts] in &results {
                let error = relative_error(parts, whole)?;
                // What crosses is rounded to f16, where the whole model keeps it in f32 on the CPU.
                let most = if compute == Compute::F16 { 2e-3 } else { 1e-5 };
                assert!(error < most, "{operators:?} in {precision:?}, {compute:?}: {error}");
            }
            assert!(results[0][0] != results[1][0], "the steps differ");
        }
    }
    Ok(())
}

#[test]
fn parts_of_prior() -> Result<()> {
    let config: prior::PriorConfig = PLAIN.json("wuerstchen-prior/prior/config.json")?;
    check(&prior::graph(&config, &SIZES)?, config.c_in, [config.c_cond, 0, config.c_r])
}

#[test]
fn parts_of_decoder() -> Result<()> {
    let config: decoder::DecoderConfig = PLAIN.json("wuerstchen/decoder/config.json")?;
    check(&decoder::graph(&config, &SIZES)?, config.c_in, [config.clip_embd, config.effnet_embd, config.c_r])
}

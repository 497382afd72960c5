//! Networks that the reference bundle does not hold: a model recorded at one size does at another what a model
//! recorded at that size does.

use anyhow::Result;
use ndarray::{ArrayD, array};
use wuerst_model::compressor::{self, Backbone, CompressorConfig};
use wuerst_model::contract::Sizes;
use wuerst_model::onnx::{self, ExportOptions};
use wuerst_model::record::{NetworkGraph, RecordError};
use wuerst_model::text::bert::{self, BertConfig};
use wuerst_tests::numbers::{Random, random_weights};
use wuerst_tests::runtime::{Array, Model};

const SMALL: Sizes = Sizes { batch: 1, height: 64, width: 32, embedding: [1, 1], length: 4 };
const LARGE: Sizes = Sizes { batch: 2, height: 96, width: 160, embedding: [1, 1], length: 9 };

/// The result on inputs of the large sizes, wherever it was recorded.
fn run(
    record: impl Fn(&Sizes) -> Result<NetworkGraph, RecordError>,
    feeds: &[(&str, Array)],
) -> Result<[ArrayD<f32>; 2]> {
    let run = |sizes: &Sizes| -> Result<ArrayD<f32>> {
        let graph = record(sizes)?;
        let model = onnx::encode(&graph, &random_weights(&graph), &ExportOptions::default())?;
        Model::from_bytes(&model)?.run(feeds)?.remove(0).f32()
    };
    Ok([run(&SMALL)?, run(&LARGE)?])
}

fn assert_same_and_alive([small, large]: [ArrayD<f32>; 2], shape: &[usize]) {
    assert_eq!(small.shape(), shape);
    assert_eq!(small, large);
    let deviation = small.std(0.);
    assert!(deviation.is_finite() && deviation > 1e-6, "{deviation}");
}

#[test]
fn compressor() -> Result<()> {
    let config = CompressorConfig { backbone: Backbone::EfficientnetLite0, channels: 16, affine: true };
    let image = Random::new(4).array(&[2, 3, 96, 160]);
    let results = run(|sizes| compressor::graph(&config, sizes), &[("image", image.into())])?;
    assert_same_and_alive(results, &[2, 16, 3, 5]);
    Ok(())
}

#[test]
fn bert() -> Result<()> {
    let config =
        BertConfig { vocab_size: 100, hidden_size: 48, intermediate_size: 96, ..BertConfig::default() };
    let ids: ArrayD<i64> = ArrayD::from_shape_fn(vec![2, 9], |at| (at[0] * 40 + at[1] * 7) as i64);
    let mask = array![[1i64, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0, 0, 0]].into_dyn();
    let feeds = [("input_ids", ids.into()), ("attention_mask", mask.into())];
    let results = run(|sizes| bert::graph(&config, sizes), &feeds)?;
    assert_same_and_alive(results, &[2, 9, 48]);
    Ok(())
}

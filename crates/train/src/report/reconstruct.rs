//! Reconstructs real pictures by the later stages alone, which shows the loss of each stage.

use super::generator::Generator;
use super::subjects::{Subject, large_planes, planes};
use crate::session::Session;
use anyhow::Result;
use std::path::Path;
use tch::{Kind, Tensor};

/// Number of pictures that go through a network at a time.
const BATCH: usize = 32;

/// Pictures after `vqgan-encoder.onnx` and `vqgan-decoder.onnx` of a model folder, unquantised as in sampling.
///
/// # Errors
/// Models that are missing or do not run.
pub fn by_stage_a(models: &Path, pictures: &[Subject], threads: usize) -> Result<Vec<Subject>> {
    let open = |name: &str| Session::open(&models.join(name), threads);
    let (encoder, decoder) = (open("vqgan-encoder.onnx")?, open("vqgan-decoder.onnx")?);
    let mut made = vec![];
    for batch in pictures.chunks(BATCH) {
        let latents = encoder.run(&[&planes(batch)])?.remove(0);
        let pixels = (decoder.run(&[&latents])?.remove(0).clamp(0., 1.) * 255.).round();
        let rows = pixels.permute([0, 2, 3, 1]).to_kind(Kind::Uint8).contiguous();
        for (at, subject) in batch.iter().enumerate() {
            let rgb = Vec::try_from(rows.get(at as i64).reshape([-1]))?;
            made.push(Subject { rgb, ..subject.clone() });
        }
    }
    Ok(made)
}

/// Pictures that stages B and A generate from their captions and the compressor's embeddings of the real ones.
///
/// # Errors
/// Models that are missing or do not run.
pub fn by_stages_b_and_a(
    generator: &Generator,
    models: &Path,
    pictures: &[Subject],
    (threads, seed): (usize, i64),
) -> Result<Vec<Subject>> {
    let compressor = Session::open(&models.join("compressor.onnx"), threads)?;
    let mut embeddings = vec![];
    for batch in pictures.chunks(BATCH) {
        embeddings.push(compressor.run(&[&large_planes(batch)])?.remove(0));
    }
    generator.draw_from(pictures, &Tensor::cat(&embeddings, 0), seed)
}

/// Mean peak signal-to-noise ratio of pictures in decibels, each against its original.
pub fn psnr(made: &[Subject], real: &[Subject]) -> f64 {
    let squares = (planes(made) - planes(real)).square().mean_dim(&[1i64, 2, 3][..], false, Kind::Double);
    // A picture of one colour may be reproduced exactly; 8 bits cannot distinguish values above 59 dB.
    (squares.clamp_min(1e-6).log10() * -10.).mean(Kind::Double).double_value(&[])
}

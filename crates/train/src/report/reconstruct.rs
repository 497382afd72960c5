//! How much of a picture Stage A keeps.

use super::subjects::{Subject, planes};
use crate::session::Session;
use anyhow::Result;
use std::path::Path;
use tch::Kind;

/// Mean peak signal-to-noise ratio in decibels of pictures that pass through `vqgan-encoder.onnx` and
/// `vqgan-decoder.onnx` of a model folder, unquantised as when the model draws.
///
/// # Errors
/// Models that are missing or do not run.
pub fn psnr(models: &Path, pictures: &[Subject], threads: usize) -> Result<f64> {
    let open = |name: &str| Session::open(&models.join(name), threads);
    let (encoder, decoder) = (open("vqgan-encoder.onnx")?, open("vqgan-decoder.onnx")?);
    let mut ratios = vec![];
    for batch in pictures.chunks(32) {
        let real = planes(batch);
        let latents = encoder.run(&[&real])?.remove(0);
        let made = decoder.run(&[&latents])?.remove(0);
        let squares = (made - real).square().mean_dim(&[1i64, 2, 3][..], false, Kind::Double);
        // A picture of one colour may come back exact; 8 bits cannot tell above 59 dB.
        ratios.push(squares.clamp_min(1e-6).log10() * -10.);
    }
    Ok(tch::Tensor::cat(&ratios, 0).mean(Kind::Double).double_value(&[]))
}

//! The training loss of stages B and C by noise level, on pictures of the split `val` and, for comparison, of training.
//!
//! Noise and times are fixed, so that two models, or two checkpoints of one, get equal inputs: their difference appears
//! long before that of generated pictures.

use super::bench::FITTED;
use super::subjects::{Gallery, Subject, large_planes, planes};
use crate::export::metadata;
use crate::frozen::Frozen;
use crate::session::{self, Session};
use crate::stage::{add_noise, noise_loss};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;
use tch::Tensor;
use wuerst_model::metadata::Metadata;
use wuerst_model::noise::Noise;
use wuerst_model::schedule::Schedule;
use wuerst_runtime::{ModelHeader, TimeInput};

/// Equal parts of the time from picture (0) to noise (1).
pub const BINS: usize = 8;

/// Number of measured pictures of each split.
pub const PICTURES: usize = 256;

/// Number of pictures that go through a network at a time.
const BATCH: usize = 32;

/// The earliest time of training.
const EARLIEST: f64 = 0.001;

/// The loss of one stage in each bin of time, the lowest noise first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NoiseLevels {
    /// Name of the stage.
    pub stage: String,
    /// Loss on pictures of the split `val`.
    pub val: [f64; BINS],
    /// Loss on training pictures.
    pub train: [f64; BINS],
}

/// The loss of predicting the noise in `clean` `[n,c,h,w]`, in each bin of time.
///
/// `predict` gets the first row of a batch, the noisy rows, and the time of each.
///
/// # Errors
/// Errors of `predict`.
pub fn by_noise_level(
    clean: &Tensor,
    predict: impl Fn(usize, &Tensor, &Tensor) -> Result<Tensor>,
) -> Result<[f64; BINS]> {
    let n = clean.size()[0] as usize;
    let mut losses = [0.; BINS];
    for (bin, loss) in losses.iter_mut().enumerate() {
        let noise = Tensor::from_slice(&Noise::new(bin as u64).normal(clean.numel())).reshape(clean.size());
        for first in (0..n).step_by(BATCH) {
            let rows = BATCH.min(n - first);
            // Spread evenly over the bin, so that few pictures suffice for its mean.
            let times = (first..first + rows)
                .map(|row| ((bin as f64 + (row as f64 + 0.5) / n as f64) / BINS as f64).max(EARLIEST));
            let alpha: Vec<f32> = times.clone().map(|t| Schedule::default().alpha_bar(t) as f32).collect();
            let alpha = Tensor::from_slice(&alpha).reshape([-1, 1, 1, 1]);
            let t = Tensor::from_slice(&times.map(|t| t as f32).collect::<Vec<_>>());
            let cut = |x: &Tensor| x.narrow(0, first as i64, rows as i64);
            let predicted = predict(first, &add_noise(&cut(clean), &cut(&noise), &alpha), &t)?;
            let (batch, _) = noise_loss(&predicted, &cut(&noise), &alpha);
            *loss += batch.double_value(&[]) * rows as f64 / n as f64;
        }
    }
    Ok(losses)
}

/// An exported model in the form of its stages' training.
struct Exported<'a> {
    text: &'a Frozen,
    encoder: Session,
    compressor: Session,
    decoder: (Session, TimeInput),
    prior: (Session, TimeInput),
    latent_scale: f64,
}

impl Exported<'_> {
    /// Losses of stages B and C on pictures.
    fn losses(&self, pictures: &[Subject]) -> Result<[[f64; BINS]; 2]> {
        let through = |network: &Session, planes: fn(&[Subject]) -> Tensor| -> Result<Tensor> {
            let parts = pictures.chunks(BATCH).map(|batch| Ok(network.run(&[&planes(batch)])?.remove(0)));
            Ok(Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0))
        };
        let latents = through(&self.encoder, planes)? / self.latent_scale;
        let embeddings = through(&self.compressor, large_planes)?;
        let captions: Vec<String> = pictures.iter().map(|p| p.caption.clone()).collect();
        let states = captions.chunks(BATCH).map(|batch| self.text.states(batch));
        let text = Tensor::cat(&states.collect::<Result<Vec<_>>>()?, 0);
        let rows = |all: &Tensor, first: usize, like: &Tensor| all.narrow(0, first as i64, like.size()[0]);
        let decoder = by_noise_level(&latents, |first, noisy, t| {
            let (embedding, text) = (rows(&embeddings, first, t), rows(&text, first, t));
            let (decoder, time) = &self.decoder;
            Ok(decoder.run(&[noisy, &as_taken(*time, t)?, &embedding, &text])?.remove(0))
        })?;
        let prior = by_noise_level(&embeddings, |first, noisy, t| {
            let (prior, time) = &self.prior;
            Ok(prior.run(&[noisy, &as_taken(*time, t)?, &rows(&text, first, t)])?.remove(0))
        })?;
        Ok([decoder, prior])
    }
}

/// Converts times `[b]` to the form that a model expects.
fn as_taken(time: TimeInput, t: &Tensor) -> Result<Tensor> {
    match time.embedding(&Vec::<f32>::try_from(t)?)? {
        Some(embedding) => session::output(&embedding),
        None => Ok(t.shallow_clone()),
    }
}

/// Measures stages B and C of a model folder on pictures of `val` and of training.
///
/// # Errors
/// Models that are missing or do not run.
pub fn of_model(
    models: &Path,
    (val, train): (&[Subject], &[Subject]),
    text: &Frozen,
    threads: usize,
) -> Result<Vec<NoiseLevels>> {
    let open = |name: &str| Session::open(&metadata::path(models, name), threads);
    let timed = |name: &str| -> Result<_> {
        let path = metadata::path(models, name);
        let header = ModelHeader::read(&path).with_context(|| path.display().to_string())?;
        Ok((open(name)?, TimeInput::of(&header)))
    };
    let Metadata::VqganEncoder(vqgan) = metadata::read(&metadata::path(models, "vqgan-encoder"))? else {
        bail!("{}/vqgan-encoder.onnx is another stage", models.display())
    };
    let exported = Exported {
        text,
        encoder: open("vqgan-encoder")?,
        compressor: open("compressor")?,
        decoder: timed("decoder")?,
        prior: timed("prior")?,
        latent_scale: vqgan.latent_scale,
    };
    let (val, train) = (exported.losses(val)?, exported.losses(train)?);
    let stages = ["decoder", "prior"].into_iter().zip(val.into_iter().zip(train));
    Ok(stages.map(|(stage, (val, train))| NoiseLevels { stage: stage.into(), val, train }).collect())
}

/// Measures stages B and C of a model folder on the first pictures of `val` and of training that are not used to fit a
/// metric.
///
/// # Errors
/// As [`of_model`].
pub fn of_galleries(
    models: &Path,
    (val, train): (&Gallery, &Gallery),
    text: &Frozen,
    threads: usize,
) -> Result<Vec<NoiseLevels>> {
    let pictures = |gallery: &Gallery| {
        ensure!(gallery.entries() > 0, "a split has no pictures in these styles and groups");
        Ok(gallery.pictures(FITTED * gallery.entries(), PICTURES))
    };
    of_model(models, (&pictures(val)?, &pictures(train)?), text, threads)
}

/// The losses as a Markdown table.
pub fn table(levels: &[NoiseLevels]) -> String {
    let mut md = String::from("| loss at times |");
    for bin in 0..BINS {
        // Writing to a String cannot fail.
        let _ = write!(md, " {:.3}–{:.3} |", bin as f64 / BINS as f64, (bin + 1) as f64 / BINS as f64);
    }
    let _ = writeln!(md, " mean |\n|---|{}", "---|".repeat(BINS + 1));
    for stage in levels {
        for (split, losses) in [("val", &stage.val), ("train", &stage.train)] {
            let cells: String = losses.iter().map(|loss| format!(" {loss:.4} |")).collect();
            let mean = losses.iter().sum::<f64>() / BINS as f64;
            let _ = writeln!(md, "| {}, {split} |{cells} {mean:.4} |", stage.stage);
        }
    }
    md
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn perfect_prediction_costs_nothing() {
        let clean = Tensor::arange(40 * 3 * 4, (Kind::Float, Device::Cpu)).sin().reshape([40, 3, 2, 2]);
        let exact = by_noise_level(&clean, |first, noisy, t| {
            let clean = clean.narrow(0, first as i64, t.size()[0]);
            let times: Vec<f64> = Vec::try_from(t.to_kind(Kind::Double)).unwrap();
            let mix: Vec<f32> = times
                .iter()
                .flat_map(|t| <[f64; 2]>::from(Schedule::default().mix(*t)))
                .map(|x| x as f32)
                .collect();
            let mix = Tensor::from_slice(&mix).reshape([-1, 2, 1, 1, 1]);
            Ok((noisy - clean * mix.select(1, 0)) / mix.select(1, 1))
        });
        assert!(exact.unwrap().iter().all(|loss| *loss < 1e-6));
    }

    #[test]
    fn clean_guess_of_zero_costs_variance() {
        // Noise that leaves a clean picture of 0 is noisy/√(1−ᾱ); the loss is the error in the clean picture.
        let clean = Tensor::full([64, 1, 8, 8], 0.5, (Kind::Float, Device::Cpu));
        let losses = by_noise_level(&clean, |_, noisy, t| {
            let times: Vec<f64> = Vec::try_from(t.to_kind(Kind::Double)).unwrap();
            let noise: Vec<f32> = times.iter().map(|t| Schedule::default().mix(*t).1 as f32).collect();
            Ok(noisy / Tensor::from_slice(&noise).reshape([-1, 1, 1, 1]))
        });
        let losses = losses.unwrap();
        assert!(losses[..BINS - 1].iter().all(|loss| (loss - 0.25).abs() < 1e-3), "{losses:?}");
        // Where hardly any signal is left, the weight grows no further.
        assert!(losses[BINS - 1] < 0.25, "{losses:?}");
    }

    #[test]
    fn noise_is_fixed() {
        let clean = Tensor::zeros([3, 1, 2, 2], (Kind::Float, Device::Cpu));
        let losses = || by_noise_level(&clean, |_, noisy, _| Ok(noisy * 0.5)).unwrap();
        assert_eq!(losses(), losses());
        assert!(losses().iter().all(|loss| *loss > 0.));
    }
}

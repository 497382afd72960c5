//! The trained stages, the baseline, and their batches.

pub mod decoder;
pub mod embed;
pub mod likeness;
pub mod refine;
pub mod text_conditioned;
pub mod vqgan;

use crate::shards::Table;
use anyhow::{Context, Result};
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::schedule::Schedule;
use wuerst_model::time;

/// Data that is computed once: pictures, and the frozen networks' results for them.
pub struct Corpus {
    /// Pictures u8 `[n,3,s,s]`.
    pub pictures: Table,
    /// The frozen networks' results for pictures and captions; Stage A does not use them.
    pub frozen: Option<FrozenRows>,
    /// The caption of each picture, i64 `[n]`.
    pub captions: Tensor,
    /// How often each picture is drawn, f32 `[n]`.
    pub shares: Tensor,
    /// Device of the batches.
    pub device: Device,
    /// Another corpus has another key.
    pub key: String,
}

/// The frozen networks' results for a corpus.
pub struct FrozenRows {
    /// Output of the compressor's frozen part, f16 `[n,c,h,w]`.
    pub features: Rc<Table>,
    /// States of every distinct caption, f16 `[m,l,d]`; number 0 is the empty caption.
    pub text: Table,
}

impl Corpus {
    /// The frozen networks' results for it.
    ///
    /// # Errors
    /// A corpus that was opened for its pictures alone.
    pub fn frozen(&self) -> Result<&FrozenRows> {
        self.frozen.as_ref().context("the corpus was opened for its pictures alone")
    }

    /// Draws `n` pictures by their shares, with replacement.
    pub fn draw(&self, n: usize) -> Tensor {
        self.shares.multinomial(n as i64, true)
    }

    /// Pictures as f32 `[b,3,s,s]` in 0..1.
    pub fn pictures(&self, which: &Tensor) -> Result<Tensor> {
        Ok(self.pictures.floats(which, self.device)? / 255.)
    }

    /// Text states `[b,l,d]` of the pictures' captions; a fraction `drop` of them is replaced by the empty caption.
    pub fn text(&self, which: &Tensor, drop: f64) -> Result<Tensor> {
        let keep = Tensor::rand(which.size(), (Kind::Float, Device::Cpu)).ge(drop).to_kind(Kind::Int64);
        self.frozen()?.text.floats(&(self.captions.index_select(0, which) * keep), self.device)
    }

    /// Indices of up to `wanted` pictures from all of the corpus. Each round of variants contributes other entries.
    pub fn spread(&self, wanted: i64) -> Tensor {
        let n = self.pictures.len();
        let wanted = wanted.min(n);
        let even = n / wanted;
        let apart = even - (even / wanted).min(even - 1);
        Tensor::arange(wanted, (Kind::Int64, Device::Cpu)) * apart
    }
}

/// Continuous times of a batch `[b]`, with ᾱ of each as `[b,1,1,1]`, drawn as in the authors' `train_stage_C.py`.
fn times(batch: i64, schedule: &Schedule) -> Result<(Tensor, Tensor)> {
    let u = Tensor::rand([batch], (Kind::Float, Device::Cpu));
    let t = (u * 1.08 + 0.001).clamp(0.001, 1.);
    let alpha = alpha_bar(&t, schedule)?.reshape([batch, 1, 1, 1]);
    Ok((t, alpha))
}

/// The input `time_embedding` `[b,features]` of networks, for times `[b]`, on their device.
pub fn embed_time(times: &Tensor, features: usize) -> Tensor {
    let rows: Vec<f32> =
        Vec::try_from(times.to_device(Device::Cpu).to_kind(Kind::Float)).expect("times are a row of numbers");
    let embedded = Tensor::from_slice(&time::embedding(&rows, features, 1));
    embedded.reshape([rows.len() as i64, features as i64]).to_device(times.device())
}

/// ᾱ of each time on the CPU, in the same shape.
fn alpha_bar(t: &Tensor, schedule: &Schedule) -> Result<Tensor> {
    let times = Vec::<f32>::try_from(t.reshape([-1]))?;
    let alpha: Vec<f32> = times.into_iter().map(|t| schedule.alpha_bar(f64::from(t)) as f32).collect();
    Ok(Tensor::from_slice(&alpha).reshape(t.size()))
}

/// Below this ᾱ the weight is constant, since the prediction is dominated by rounding.
const LEAST_SIGNAL: f64 = 5e-3;

/// The diffusion loss of both stages, and the plain squared error of the noise.
///
/// p2 weighting (Choi et al. 2022; γ = k = 1 gives 1 − ᾱ) of the error in the velocity √ᾱ·noise − √(1−ᾱ)·x (Salimans and
/// Ho 2022), which is the error in the noise over √ᾱ. Together they weight the error in the implied clean x equally at
/// all times. Weighting the error in the noise itself would nearly ignore the noisiest times, at which a short sampling
/// run decides the content.
pub(crate) fn noise_loss(predicted: &Tensor, noise: &Tensor, alpha: &Tensor) -> (Tensor, f64) {
    let error = (predicted.to_kind(Kind::Float) - noise).square();
    let plain = error.mean(Kind::Float).double_value(&[]);
    let weight = (1f64 - alpha) / alpha.clamp_min(LEAST_SIGNAL);
    ((error * weight).mean(Kind::Float), plain)
}

/// √ᾱ·x + √(1−ᾱ)·noise.
pub(crate) fn add_noise(x: &Tensor, noise: &Tensor, alpha: &Tensor) -> Tensor {
    x * alpha.sqrt() + noise * (1f64 - alpha).sqrt()
}

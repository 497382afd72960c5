//! The step loop that the prior and the decoder share: from noise to latents.

use wuerst_core::{Args, Ctx, Error, Refusal, Result, Tensor};
use wuerst_model::facts::Preview;
use wuerst_model::noise::Noise;
use wuerst_model::schedule::{self, Schedule, Step};

use crate::preview::rgb;
use crate::start::Start;

/// The ports that both stages have, in the notation of signatures. What is left out, the model's facts say.
macro_rules! sampling_ports {
    () => {
        "steps: int? {1..1000}, guidance: float? {0.0..100.0}, sampler: text = \"ddpm\" {ddpm|ddim}"
    };
}
pub(crate) use sampling_ports;

/// What those ports mean.
pub(crate) const ABOUT: [(&str, &str); 3] = [
    ("steps", "Evaluations of the model; the model's own number when left out."),
    (
        "guidance",
        "How far to move from the negative text towards the text. Up to 1 it is off, and so it is without a \
         negative text. The model's own number when left out.",
    ),
    ("sampler", "`ddpm` adds new noise at every step, as in the paper; `ddim` adds none."),
];

/// How to get from noise, or from a picture, to latents.
pub(crate) struct Sampling<'a> {
    schedule: &'a Schedule,
    times: Vec<f64>,
    guidance: Option<f32>,
    deterministic: bool,
    start: Start,
    preview: Option<&'a Preview>,
}

/// What a model's facts say where the arguments say nothing.
pub(crate) struct Defaults<'a> {
    pub steps: usize,
    pub guidance: f64,
    pub schedule: &'a Schedule,
    pub timesteps: &'a [f64],
    pub preview: Option<&'a Preview>,
}

impl<'a> Sampling<'a> {
    /// Reads the arguments of [`sampling_ports`] and of [`crate::start`], and `negative`, without which there is no
    /// guidance.
    pub(crate) fn new(args: &Args<'_>, model: Defaults<'a>) -> Result<Sampling<'a>> {
        let times = if args.has("steps") {
            schedule::linear(1., args.count("steps")?)
        } else if model.timesteps.is_empty() {
            schedule::linear(1., model.steps)
        } else {
            model.timesteps.to_vec()
        };
        let falling = times.is_sorted_by(|a, b| a > b) && times.iter().all(|t| (0. ..=1.).contains(t));
        if times.len() < 2 || !falling {
            return Err(Error::invalid("model", "its metadata has times that do not fall from 1 to 0"));
        }
        let guidance = if args.has("guidance") { args.float("guidance")? } else { model.guidance };
        let guidance = (guidance > 1. && args.has("negative")).then_some(guidance as f32);
        let deterministic = args.text("sampler")? == "ddim";
        let start = Start::new(args)?;
        let times = start.times(&times);
        Ok(Sampling {
            schedule: model.schedule,
            times,
            guidance,
            deterministic,
            start,
            preview: model.preview,
        })
    }

    /// Pictures that the model evaluates at once: two with guidance, the first with the text, the second with the
    /// negative one.
    pub(crate) fn batch(&self) -> usize {
        if self.guidance.is_some() { 2 } else { 1 }
    }

    /// Draws noise of shape `[1,c,h,w]`, lays it over `init` if there is one, and takes it off step by step.
    ///
    /// `predict` evaluates the model: latents `[batch,c,h,w]`
    /// and times `[batch]` to noise `[batch,c,h,w]`.
    pub(crate) fn run(
        &self,
        ctx: &mut Ctx<'_>,
        noise: &mut Noise,
        init: Option<&[f32]>,
        [channels, height, width]: [usize; 3],
        mut predict: impl FnMut(&Ctx<'_>, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let (batch, steps) = (self.batch(), self.times.len() - 1);
        let shape = [batch, channels, height, width];
        let fresh = noise.normal(channels * height * width);
        let (mut x, kept) = self.start.begin(self.schedule, &self.times, init, fresh, [height, width]);
        for (done, (&t, &next)) in self.times.iter().zip(&self.times[1..]).enumerate() {
            ctx.step(done, steps)?;
            let latents = Tensor::from_vec(&shape, x.repeat(batch))?;
            let timestep = Tensor::from_vec(&[batch], vec![t as f32; batch])?;
            let predicted = self.guided(&predict(ctx, &latents, &timestep)?, &shape)?;
            if let Some(map) = self.preview.filter(|_| ctx.wants_preview()) {
                let guess = self.picture(&x, &predicted, t);
                if let Some(picture) = rgb(map, &guess, [height, width]) {
                    ctx.preview(|| picture);
                }
            }
            let (step, fresh) = if self.deterministic {
                (self.schedule.ddim(t, next), vec![])
            } else {
                // Drawn at the last step too, though it counts for nothing: diffusers' generator goes on as far.
                (self.schedule.ddpm(t, next), noise.normal(x.len()))
            };
            take(&mut x, &predicted, &fresh, &step);
            if let Some(kept) = &kept {
                kept.restore(&mut x, self.schedule, next);
            }
        }
        ctx.step(steps, steps)?;
        Ok(x)
    }

    /// The prediction for one picture: with guidance w, u + w·(c − u) of the halves c (text) and u (negative text).
    fn guided(&self, predicted: &Tensor, shape: &[usize]) -> Result<Vec<f32>> {
        let values = predicted.values::<f32>().filter(|_| predicted.shape() == shape).ok_or_else(|| {
            let got = format!("{}{:?}", predicted.dtype(), predicted.shape());
            Error::Type { what: "the model's `noise`".into(), want: format!("f32{shape:?}"), got }
        })?;
        let Some(w) = self.guidance else { return Ok(values.to_vec()) };
        let (text, negative) = values.split_at(values.len() / 2);
        // From the nearer end, as torch.lerp does.
        Ok(text.iter().zip(negative).map(|(c, u)| c - (c - u) * (1. - w)).collect())
    }

    /// What the picture would be if the predicted noise were right: (x − √(1−ᾱ)·ε)/√ᾱ.
    fn picture(&self, x: &[f32], predicted: &[f32], t: f64) -> Vec<f32> {
        let (picture, noise) = self.schedule.mix(t);
        x.iter()
            .zip(predicted)
            .map(|(x, e)| ((f64::from(*x) - noise * f64::from(*e)) / picture) as f32)
            .collect()
    }
}

/// One step, in f64: the first one multiplies by more than ten and takes off nearly as much.
fn take(x: &mut [f32], predicted: &[f32], fresh: &[f32], step: &Step) {
    let fresh = fresh.iter().copied().chain(std::iter::repeat(0.));
    for ((x, e), z) in x.iter_mut().zip(predicted).zip(fresh) {
        let sum = step.sample * f64::from(*x) + step.noise * f64::from(*e) + step.fresh * f64::from(z);
        *x = sum as f32;
    }
}

/// A tensor of one picture as a batch: `[1,…]` followed by `second`, if guidance asks for two.
pub(crate) fn batched(first: &Tensor, second: Option<&Tensor>) -> Result<Tensor> {
    let Some(second) = second else { return Ok(first.clone()) };
    let (a, b) = (first.values::<f32>().unwrap_or_default(), second.values::<f32>().unwrap_or_default());
    let shape = [&[2], first.shape().get(1..).unwrap_or_default()].concat();
    Tensor::from_vec(&shape, [a, b].concat())
}

/// Says in a check that the model is to blame.
pub(crate) fn blame_model(error: Error) -> Refusal {
    Refusal::at("model", error.to_string())
}

#[cfg(test)]
mod tests {
    use wuerst_core::{Cancel, Signature, Value, Watch};

    use super::*;

    const SIGNATURE: &str = concat!(sampling_ports!(), ", negative: f32[n]? ->");

    /// Samples `[1,1,2,2]` with a model that takes everything for noise with the text, and nothing without.
    fn sampled(values: &[Option<Value>], timesteps: &[f64]) -> Result<(Vec<f32>, Vec<f32>)> {
        let ports: Signature = SIGNATURE.parse()?;
        let schedule = Schedule::default();
        let facts = Defaults { steps: 4, guidance: 1., schedule: &schedule, timesteps, preview: None };
        let sampling = Sampling::new(&Args::new(&ports.inputs, values), facts)?;
        let (cancel, mut watch, mut times) = (Cancel::new(), (), vec![]);
        let mut ctx = Ctx::new("node", &cancel, &mut watch);
        let x = sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], |_, latents, t| {
            let mut noise = latents.values::<f32>().unwrap_or_default().to_vec();
            noise.iter_mut().skip(4).for_each(|x| *x = 0.);
            times.push(t.values::<f32>().unwrap_or_default()[0]);
            Tensor::from_vec(latents.shape(), noise)
        })?;
        Ok((x, times))
    }

    fn args(steps: Option<i64>, guidance: Option<f64>, sampler: &str, negative: bool) -> Vec<Option<Value>> {
        let negative = negative.then(|| ndarray::Array1::<f32>::zeros(1).into());
        vec![steps.map(Value::Int), guidance.map(Value::Float), Some(sampler.into()), negative]
    }

    #[test]
    fn times_come_from_the_arguments_or_the_model() -> Result<()> {
        let own = [1., 0.5, 0.2, 0.];
        assert_eq!(sampled(&args(None, None, "ddpm", false), &own)?.1, [1., 0.5, 0.2]);
        assert_eq!(sampled(&args(Some(2), None, "ddpm", false), &own)?.1, [1., 0.5]);
        assert_eq!(sampled(&args(None, None, "ddpm", false), &[])?.1, [1., 0.75, 0.5, 0.25]);
        for wrong in [&[1.][..], &[0.5, 0.5], &[2., 0.], &[1., f64::NAN, 0.]] {
            assert!(sampled(&args(None, None, "ddpm", false), wrong).is_err(), "{wrong:?}");
        }
        Ok(())
    }

    #[test]
    fn guidance_needs_a_weight_above_one_and_a_negative_text() -> Result<()> {
        let plain = sampled(&args(Some(1), Some(1.), "ddim", true), &[])?.0;
        assert_eq!(sampled(&args(Some(1), Some(3.), "ddim", false), &[])?.0, plain);
        let guided = sampled(&args(Some(1), Some(3.), "ddim", true), &[])?.0;
        // Of noise x the text predicts x and the negative text 0: guided by 3 that is 3·x.
        let (x, step) = (Noise::new(1).normal(4), Schedule::default().ddim(1., 0.));
        for (x, (plain, guided)) in x.iter().zip(plain.iter().zip(&guided)) {
            let want = |e: f64| (step.sample + step.noise * e) * f64::from(*x);
            assert!(
                (f64::from(*plain) - want(1.)).abs() < 1e-4 && (f64::from(*guided) - want(3.)).abs() < 1e-3
            );
        }
        Ok(())
    }

    #[test]
    fn the_samplers_differ_in_their_noise() -> Result<()> {
        let [ddpm, again, ddim] =
            ["ddpm", "ddpm", "ddim"].map(|s| sampled(&args(Some(4), None, s, false), &[]));
        let (ddpm, ddim) = (ddpm?.0, ddim?.0);
        assert_eq!(ddpm, again?.0);
        assert_ne!(ddpm, ddim);
        // Deterministic steps only scale the noise that they began with, if all of it is taken for noise.
        let start = Noise::new(1).normal(4);
        let ratio = ddim[0] / start[0];
        assert!(ddim.iter().zip(&start).all(|(x, z)| (x / z - ratio).abs() < 1e-5));
        Ok(())
    }

    #[test]
    fn a_model_of_another_shape_is_an_error_and_cancel_stops_between_steps() -> Result<()> {
        struct Stop(Cancel);
        impl Watch for Stop {
            fn progress(&mut self, _: &str, done: usize, _: usize) {
                if done == 1 {
                    self.0.cancel();
                }
            }
        }
        let ports: Signature = SIGNATURE.parse()?;
        let values = args(Some(4), None, "ddpm", false);
        let schedule = Schedule::default();
        let facts = Defaults { steps: 4, guidance: 1., schedule: &schedule, timesteps: &[], preview: None };
        let sampling = Sampling::new(&Args::new(&ports.inputs, &values), facts)?;
        let cancel = Cancel::new();
        let (mut watch, mut calls) = (Stop(cancel.clone()), 0);
        let mut ctx = Ctx::new("node", &cancel, &mut watch);
        let stopped = sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], |_, latents, _| {
            calls += 1;
            Ok(latents.clone())
        });
        assert!(matches!(stopped, Err(Error::Cancelled)) && calls == 2);
        let (cancel, mut watch) = (Cancel::new(), ());
        let mut ctx = Ctx::new("node", &cancel, &mut watch);
        let wrong = |_: &Ctx<'_>, _: &Tensor, _: &Tensor| Tensor::from_vec(&[1, 1, 2, 3], vec![0f32; 6]);
        let said =
            sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], wrong).unwrap_err().to_string();
        assert!(said.contains("[1, 1, 2, 2]") && said.contains("[1, 1, 2, 3]"), "{said}");
        Ok(())
    }
}

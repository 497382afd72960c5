//! The sampling loop shared by the prior and the decoder: from noise to latents.

pub(crate) mod batch;
pub(crate) mod guidance;
pub(crate) mod inputs;
pub(crate) mod preview;
pub(crate) mod seeds;
pub(crate) mod start;

use std::path::Path;

use wuerst_core::{Args, Ctx, Error, NotFinite, Refusal, Result, Tensor, Value, memory};
use wuerst_model::metadata::{Preview, SamplingDefaults};
use wuerst_model::noise::Noise;
use wuerst_model::schedule::{self, SamplingStep, Schedule};
use wuerst_runtime::InvariantOutputs;

use self::guidance::{Conditions, Feeds, Guidance};
use self::preview::{enlarged, rgb};
use self::start::Start;

/// Ports shared by both stages, in signature notation. The model's metadata hold the values of ports left out.
macro_rules! sampling_ports {
    () => {
        concat!(
            "steps: int? {1..1000}, spacing: text = \"linear\" {linear|noisy}, ",
            "sampler: text = \"ddpm\" {ddpm|ddim|dpm}, ",
            $crate::sampling::guidance::guidance_ports!(),
            ", shift: float = 1.0 {0.1..100.0}"
        )
    };
}
pub(crate) use sampling_ports;

/// Descriptions of these ports.
pub(crate) const ABOUT: [(&str, &str); 4] = [
    ("steps", "Evaluations of the model; the model's own number, and its own spacing, when left out."),
    (
        "spacing",
        "How `steps` lie on the schedule: `linear` evenly, `noisy` with two thirds of them in its noisiest third, as \
         the published prior's 29.",
    ),
    (
        "sampler",
        "`ddpm` adds new noise at every step, as in the paper; `ddim` adds none; `dpm` (DPM-Solver++, 2M) adds none \
         either, and looks back at the step before, which makes fewer steps do.",
    ),
    (
        "shift",
        "Above 1, the steps spend more time where there is much noise: the authors of Stable Cascade sample its prior with \
         2. The last time is above 0 then, and new noise is added there too, as theirs is.",
    ),
];

/// Maximum number of latent values: four channels for a picture of 16384 x 16384 pixels.
const MOST_NUMBERS: usize = 1 << 26;

/// How to get from noise, or from a picture, to latents.
pub(crate) struct Sampling<'a> {
    schedule: &'a Schedule,
    times: Vec<f64>,
    guidance: Option<Guidance>,
    sampler: Sampler,
    start: Start,
    preview: Option<&'a Preview>,
    /// Height and width of the picture in pixels, for previews.
    picture: [usize; 2],
    /// The model's file.
    path: &'a Path,
}

/// Default of a port of [`sampling_ports`] that is left out, from the model's defaults.
pub(crate) fn left_out(model: &SamplingDefaults, port: &str) -> Option<Value> {
    let steps = if model.timesteps.is_empty() { model.steps } else { model.timesteps.len() - 1 };
    match port {
        "steps" => Some(Value::Int(i128::try_from(steps).ok()?)),
        "guidance" => Some(Value::Float(model.guidance)),
        _ => None,
    }
}

/// Sampling algorithm.
#[derive(Clone, Copy, PartialEq)]
enum Sampler {
    Ddpm,
    Ddim,
    Dpm,
}

impl<'a> Sampling<'a> {
    /// Reads the arguments of [`sampling_ports`] and of [`crate::sampling::start`]; `path` is the model's file, and
    /// `model` holds the values of arguments left out.
    pub(crate) fn new(args: &Args<'_>, path: &'a Path, model: &'a SamplingDefaults) -> Result<Sampling<'a>> {
        let times = if args.has("steps") {
            let times = if args.text("spacing")? == "noisy" { schedule::noisy } else { even };
            times(args.count("steps")?)
        } else if model.timesteps.is_empty() {
            even(model.steps)
        } else {
            model.timesteps.clone()
        };
        let falling = times.is_sorted_by(|a, b| a > b) && times.iter().all(|t| (0. ..=1.).contains(t));
        if times.len() < 2 || !falling {
            let source = "its metadata has times that do not fall from 1 to 0".into();
            return Err(Error::Model { path: path.to_owned(), source });
        }
        let guidance = Guidance::new(args, model.guidance)?;
        let sampler = match args.text("sampler")? {
            "ddim" => Sampler::Ddim,
            "dpm" => Sampler::Dpm,
            _ => Sampler::Ddpm,
        };
        let start = Start::new(args)?;
        let shift = args.float("shift")?;
        let times = if shift == 1. { times } else { model.schedule.shifted(&times, shift) };
        let times = start.times(&times);
        let (schedule, preview) = (&model.schedule, model.preview.as_ref());
        Ok(Sampling { schedule, times, guidance, sampler, start, preview, picture: [0, 0], path })
    }

    /// Shows previews in the height and width of the picture, in pixels.
    pub(crate) fn of_picture(self, picture: [usize; 2]) -> Sampling<'a> {
        Sampling { picture, ..self }
    }

    /// Conditionings with the text and, for guidance, without it.
    pub(crate) fn conditions(
        &self,
        text: Feeds,
        negative: impl FnOnce() -> Result<Feeds>,
    ) -> Result<Conditions> {
        let negative = if self.guidance.is_some() { Some(negative()?) } else { None };
        Conditions::new(text, negative, self.guidance.as_ref())
    }

    /// Draws noise of shape `[1,c,h,w]`, adds it to `init` if given, and denoises step by step.
    ///
    /// `evaluate` runs the model, see [`Conditions::predict`].
    pub(crate) fn run(
        &self,
        ctx: &mut Ctx<'_>,
        noise: &mut Noise,
        init: Option<&[f32]>,
        shape @ [channels, height, width]: [usize; 3],
        conditions: &Conditions,
        mut evaluate: impl FnMut(&Ctx<'_>, &[(&str, &Tensor)], &InvariantOutputs) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let steps = self.times.len() - 1;
        let count = channels.saturating_mul(height).saturating_mul(width);
        if count > MOST_NUMBERS {
            let message = format!("of shape {shape:?} are {count} numbers; the maximum is {MOST_NUMBERS}");
            return Err(Error::invalid("latents", message));
        }
        // Total memory of the arrays made in each step.
        memory::check(16 * size_of::<f32>() * count)?;
        let new_noise = noise.normal(count);
        let (mut x, inpaint) = self.start.begin(self.schedule, &self.times, init, new_noise, [height, width]);
        let mut previous_x0 = Vec::new();
        for (done, (&t, &next)) in self.times.iter().zip(&self.times[1..]).enumerate() {
            ctx.step(done, steps)?;
            let guidance = self.guidance.as_ref();
            let predicted = conditions
                .predict(guidance, (t, &x, shape), |feeds, invariant| evaluate(ctx, feeds, invariant));
            let predicted = predicted.map_err(|error| in_step(error, done + 1, steps))?;
            let shown = self.preview.filter(|_| ctx.wants_preview());
            let looks_back = self.sampler == Sampler::Dpm;
            let guess =
                if looks_back || shown.is_some() { self.picture(&x, &predicted, t) } else { Vec::new() };
            if let Some(picture) = shown.and_then(|map| rgb(map, &guess, [height, width])) {
                ctx.preview(|| enlarged(picture, self.picture));
            }
            let (step, new_noise) = match self.sampler {
                // Also drawn at the last step, where it is unused, to keep the random generator in step with diffusers.
                Sampler::Ddpm => (self.schedule.ddpm(t, next), noise.normal(x.len())),
                Sampler::Ddim => (self.schedule.ddim(t, next), Vec::new()),
                Sampler::Dpm => {
                    let previous = done.checked_sub(1).map(|previous| self.times[previous]);
                    (self.schedule.dpm(previous, t, next), Vec::new())
                }
            };
            take(&mut x, [&predicted, &new_noise, &previous_x0], &step);
            previous_x0 = guess;
            if let Some(inpaint) = &inpaint {
                inpaint.restore(&mut x, self.schedule, next);
            }
            if let Some(odd) = NotFinite::among(&x, &shape) {
                let source = format!("the sample {odd}; its noise is too strong for the schedule").into();
                return Err(in_step(Error::Model { path: self.path.to_owned(), source }, done + 1, steps));
            }
        }
        ctx.step(steps, steps)?;
        Ok(x)
    }

    /// The picture if the predicted noise were exact (x0): (x − √(1−ᾱ)·ε)/√ᾱ.
    fn picture(&self, x: &[f32], predicted: &[f32], t: f64) -> Vec<f32> {
        let (picture, noise) = self.schedule.mix(t);
        x.iter()
            .zip(predicted)
            .map(|(x, e)| ((f64::from(*x) - noise * f64::from(*e)) / picture) as f32)
            .collect()
    }
}

/// Adds the step to a model's error.
fn in_step(error: Error, step: usize, of: usize) -> Error {
    match error {
        Error::Model { path, source } => {
            Error::Model { path, source: format!("in step {step} of {of}: {source}").into() }
        }
        other => other,
    }
}

/// One step, in f64: the first one multiplies by more than ten and subtracts nearly as much.
fn take(x: &mut [f32], [predicted, noise, previous_x0]: [&[f32]; 3], step: &SamplingStep) {
    // Not every sampler uses all of them.
    let or_zero = |values: &[f32], at: usize| f64::from(values.get(at).copied().unwrap_or(0.));
    for (at, (x, e)) in x.iter_mut().zip(predicted).enumerate() {
        let sum =
            step.sample * f64::from(*x) + step.predicted * f64::from(*e) + step.noise * or_zero(noise, at);
        *x = (sum + step.previous_x0 * or_zero(previous_x0, at)) as f32;
    }
}

fn even(steps: usize) -> Vec<f64> {
    schedule::linear(1., steps)
}

/// Converts an error to a refusal that blames the model.
pub(crate) fn blame_model(error: Error) -> Refusal {
    Refusal::because("model", error)
}

#[cfg(test)]
mod tests {
    use wuerst_core::{CancellationToken, Observer, Signature, Value};

    use super::*;

    const SIGNATURE: &str = concat!(sampling_ports!(), ", negative: f32[n]? ->");

    /// Samples `[1,1,2,2]` with a model that takes everything for noise.
    fn sampled(values: &[Option<Value>], timesteps: &[f64]) -> Result<(Vec<f32>, Vec<f32>)> {
        let ports: Signature = SIGNATURE.parse()?;
        let model = SamplingDefaults { timesteps: timesteps.to_vec(), ..SamplingDefaults::new(4, 1.) };
        let sampling = Sampling::new(&Args::new(&ports.inputs, values), Path::new("a.onnx"), &model)?;
        let (cancel, mut observer, mut times) = (CancellationToken::new(), (), vec![]);
        let mut ctx = Ctx::new("node", &cancel, &mut observer);
        let conditions = sampling.conditions(vec![], || Ok(vec![]))?;
        let x = sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], &conditions, |_, feeds, _| {
            times.push(feeds[1].1.values::<f32>().unwrap_or_default()[0]);
            Ok(feeds[0].1.clone())
        })?;
        Ok((x, times))
    }

    fn args(steps: Option<i64>, spacing: &str, sampler: &str) -> Vec<Option<Value>> {
        let guidance = [None, Some(Value::Float(1.)), Some(Value::Float(0.)), Some(Value::Int(2))];
        let own = vec![steps.map(Value::from), Some(spacing.into()), Some(sampler.into())];
        let rest = [Some(Value::Float(0.)), Some(Value::Float(1.)), None];
        own.into_iter().chain(guidance).chain(rest).collect()
    }

    #[test]
    fn times_follow_arguments_or_model() -> Result<()> {
        let own = [1., 0.5, 0.2, 0.];
        assert_eq!(sampled(&args(None, "linear", "ddpm"), &own)?.1, [1., 0.5, 0.2]);
        assert_eq!(sampled(&args(Some(2), "linear", "ddpm"), &own)?.1, [1., 0.5]);
        assert_eq!(sampled(&args(None, "linear", "ddpm"), &[])?.1, [1., 0.75, 0.5, 0.25]);
        for wrong in [&[1.][..], &[0.5, 0.5], &[2., 0.], &[1., f64::NAN, 0.]] {
            let said = sampled(&args(None, "linear", "ddpm"), wrong);
            assert!(matches!(said, Err(Error::Model { .. })), "{wrong:?}: {said:?}");
        }
        let noisy = sampled(&args(Some(3), "noisy", "ddpm"), &own)?.1;
        assert_eq!(noisy, [1., (1. - 1. / 6.) as f32, (2. / 3.) as f32]);
        Ok(())
    }

    #[test]
    fn samplers_differ_in_their_noise() -> Result<()> {
        let [ddpm, again, ddim, dpm] =
            ["ddpm", "ddpm", "ddim", "dpm"].map(|s| sampled(&args(Some(4), "linear", s), &[]));
        let (ddpm, ddim, dpm) = (ddpm?.0, ddim?.0, dpm?.0);
        assert_eq!(ddpm, again?.0);
        assert!(ddpm != ddim && dpm != ddim);
        // Deterministic steps only scale the noise that they began with, if all of it is taken for noise.
        let start = Noise::new(1).normal(4);
        let ratio = ddim[0] / start[0];
        assert!(ddim.iter().zip(&start).all(|(x, z)| (x / z - ratio).abs() < 1e-5));
        assert_eq!(
            sampled(&args(Some(1), "linear", "dpm"), &[])?.0,
            sampled(&args(Some(1), "linear", "ddim"), &[])?.0
        );
        Ok(())
    }

    #[test]
    fn foreign_plug_in_results_are_checked() -> Result<()> {
        struct Stop(CancellationToken);
        impl Observer for Stop {
            fn progress(&mut self, _: &str, done: usize, _: usize) {
                if done == 1 {
                    self.0.cancel();
                }
            }
        }
        let ports: Signature = SIGNATURE.parse()?;
        let values = args(Some(4), "linear", "ddpm");
        let model = SamplingDefaults::new(4, 1.);
        let sampling = Sampling::new(&Args::new(&ports.inputs, &values), Path::new("a.onnx"), &model)?;
        let cancel = CancellationToken::new();
        let (mut observer, mut calls) = (Stop(cancel.clone()), 0);
        let mut ctx = Ctx::new("node", &cancel, &mut observer);
        let conditions = sampling.conditions(vec![], || Ok(vec![]))?;
        let stopped =
            sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], &conditions, |_, feeds, _| {
                calls += 1;
                Ok(feeds[0].1.clone())
            });
        assert!(matches!(stopped, Err(Error::Cancelled)) && calls == 2);
        let (cancel, mut observer) = (CancellationToken::new(), ());
        let mut ctx = Ctx::new("node", &cancel, &mut observer);
        let wrong = |_: &Ctx<'_>, _: &[(&str, &Tensor)], _: &InvariantOutputs| {
            Tensor::from_vec(&[1, 1, 2, 3], vec![0f32; 6])
        };
        let said = sampling.run(&mut ctx, &mut Noise::new(1), None, [1, 2, 2], &conditions, wrong);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("[1, 1, 2, 2]") && said.contains("[1, 1, 2, 3]"), "{said}");
        Ok(())
    }

    #[test]
    fn overflow_names_its_step() -> Result<()> {
        let ports: Signature = SIGNATURE.parse()?;
        let values = args(Some(4), "linear", "ddim");
        let model = SamplingDefaults::new(4, 1.);
        let sampling = Sampling::new(&Args::new(&ports.inputs, &values), Path::new("a.onnx"), &model)?;
        let (cancel, mut observer, mut calls) = (CancellationToken::new(), (), 0);
        let mut ctx = Ctx::new("node", &cancel, &mut observer);
        let conditions = sampling.conditions(vec![], || Ok(vec![]))?;
        let shape = [1, 2, 2];
        let large = |_: &Ctx<'_>, _: &[(&str, &Tensor)], _: &InvariantOutputs| {
            calls += 1;
            Tensor::from_vec(&[1, 1, 2, 2], vec![if calls == 2 { f32::INFINITY } else { 0. }; 4])
        };
        let said = sampling.run(&mut ctx, &mut Noise::new(1), None, shape, &conditions, large);
        let said = said.unwrap_err().to_string();
        assert!(said.starts_with("model a.onnx: in step 2 of 4: the sample holds"), "{said}");
        Ok(())
    }
}

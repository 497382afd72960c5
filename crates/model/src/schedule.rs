//! The noise schedule: the amount of noise in a picture at a time in 0..1, and the coefficients of sampling steps.
//!
//! Coefficients are f64 and should be applied in f32 or better: the first step of a short run multiplies by more than
//! ten, and subtracts nearly as much.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

/// The cosine schedule (Nichol and Dhariwal, 2021) in continuous time, where 1 is noise.
///
/// Parses diffusers' `scheduler_config.json`; the default is the published schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// Above 1: more noise at a given time. Below 1: more noise too, but by t^scaler. 1 in the published models.
    pub scaler: f64,
    /// Keeps the slope at t = 0 away from zero.
    pub s: f64,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { scaler: 1., s: 0.008 }
    }
}

/// One sampling step: the next sample is `sample·x + predicted·ε + noise·z + previous_x0·p`, with x the sample, ε the
/// predicted noise, z new normal numbers, and p the previous x₀, predicted by the step before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingStep {
    /// Factor of the sample.
    pub sample: f64,
    /// Factor of the predicted noise; negative.
    pub predicted: f64,
    /// Factor of new noise. To reproduce diffusers, draw z even if this is 0.
    pub noise: f64,
    /// Factor of the previous x₀.
    pub previous_x0: f64,
}

impl Schedule {
    /// ᾱ(t), the fraction of the picture's variance left at time t in 0..1; itself in 1e-4..0.9999.
    pub fn alpha_bar(&self, t: f64) -> f64 {
        let t = if self.scaler > 1. {
            1. - (1. - t).powf(self.scaler)
        } else if self.scaler < 1. {
            t.powf(self.scaler)
        } else {
            t
        };
        let level = |t: f64| ((t + self.s) / (1. + self.s) * FRAC_PI_2).cos().powi(2);
        (level(t) / level(0.)).clamp(1e-4, 0.9999)
    }

    /// The time at which ᾱ has this value, within the limits of [`Schedule::alpha_bar`].
    fn time_of(&self, alpha_bar: f64) -> f64 {
        let first = (self.s / (1. + self.s) * FRAC_PI_2).cos();
        let t = (alpha_bar.sqrt() * first).min(1.).acos() / FRAC_PI_2 * (1. + self.s) - self.s;
        let t = t.clamp(0., 1.);
        if self.scaler > 1. {
            1. - (1. - t).powf(1. / self.scaler)
        } else if self.scaler < 1. {
            t.powf(1. / self.scaler)
        } else {
            t
        }
    }

    /// The times with as much more noise as a picture `shift` times as large needs (Hoogeboom et al., 2023): the
    /// logarithm of the signal-to-noise ratio falls by 2·ln(shift). Like ᾱ, the times stay away from 0 and 1.
    pub fn shifted(&self, times: &[f64], shift: f64) -> Vec<f64> {
        let moved = |t: &f64| {
            let kept = self.alpha_bar(*t);
            let level = (kept / (1. - kept)).ln() - 2. * shift.ln();
            self.time_of((1. / (1. + (-level).exp())).clamp(1e-4, 0.9999))
        };
        let mut moved: Vec<f64> = times.iter().map(moved).collect();
        // Times at one limit would be equal.
        moved.dedup();
        moved
    }

    /// Factors of picture and noise in a sample at time t: √ᾱ and √(1−ᾱ).
    pub fn mix(&self, t: f64) -> (f64, f64) {
        let kept = self.alpha_bar(t);
        (kept.sqrt(), (1. - kept).sqrt())
    }

    /// A step of ancestral sampling (DDPM, Ho et al., 2020) from time `t` to the earlier `next`.
    ///
    /// With α = ᾱ(t)/ᾱ(next): x' = (x − (1−α)/√(1−ᾱ(t))·ε)/√α + √((1−α)(1−ᾱ(next))/(1−ᾱ(t)))·z, without the last
    /// term when `next` is 0.
    pub fn ddpm(&self, t: f64, next: f64) -> SamplingStep {
        let (kept, kept_next) = (self.alpha_bar(t), self.alpha_bar(next));
        let alpha = kept / kept_next;
        let variance = (1. - alpha) * (1. - kept_next) / (1. - kept);
        SamplingStep {
            sample: 1. / alpha.sqrt(),
            predicted: -(1. - alpha) / (alpha * (1. - kept)).sqrt(),
            noise: if next == 0. { 0. } else { variance.max(0.).sqrt() },
            previous_x0: 0.,
        }
    }

    /// A deterministic step (DDIM, Song et al., 2021) from time `t` to the earlier `next`.
    ///
    /// x' = √ᾱ(next)·x₀ + √(1−ᾱ(next))·ε, where x₀ = (x − √(1−ᾱ(t))·ε)/√ᾱ(t).
    pub fn ddim(&self, t: f64, next: f64) -> SamplingStep {
        let ((picture, noise), (picture_next, noise_next)) = (self.mix(t), self.mix(next));
        let sample = picture_next / picture;
        SamplingStep { sample, predicted: noise_next - sample * noise, noise: 0., previous_x0: 0. }
    }

    /// A deterministic step of second order (DPM-Solver++(2M), Lu et al., 2022) from time `t` to the earlier `next`,
    /// after one from `previous` to `t`. Without `previous`, and at the last step, which is long, it is of first order,
    /// which equals DDIM.
    ///
    /// With λ = ln(√ᾱ/√(1−ᾱ)), h = λ(next) − λ(t) and w = h/(2·(λ(t) − λ(previous))):
    /// x' = √(1−ᾱ(next))/√(1−ᾱ(t))·x + √ᾱ(next)·(1 − e⁻ʰ)·((1 + w)·x₀ − w·p), where x₀ is as in DDIM.
    pub fn dpm(&self, previous: Option<f64>, t: f64, next: f64) -> SamplingStep {
        let Some(previous) = previous.filter(|_| next > 0.) else { return self.ddim(t, next) };
        let level = |t: f64| {
            let (picture, noise) = self.mix(t);
            (picture / noise).ln()
        };
        let ((picture, noise), (picture_next, noise_next)) = (self.mix(t), self.mix(next));
        let long = level(next) - level(t);
        let weight = long / (2. * (level(t) - level(previous)));
        let share = picture_next * (1. - (-long).exp());
        let expected = share * (1. + weight) / picture;
        SamplingStep {
            sample: noise_next / noise + expected,
            predicted: -expected * noise,
            noise: 0.,
            previous_x0: -share * weight,
        }
    }
}

/// `steps + 1` evenly spaced times from `start` down to 0; the network is evaluated at all but the last.
///
/// `start` is 1 to begin from noise, less to begin from a noised picture.
pub fn linear(start: f64, steps: usize) -> Vec<f64> {
    (0..=steps).map(|i| start * (steps - i) as f64 / steps.max(1) as f64).collect()
}

/// `steps + 1` times from 1 down to 0, two thirds of them in the noisiest third. With 29 steps they are the best ones for
/// the published prior.
pub fn noisy(steps: usize) -> Vec<f64> {
    let sparse = steps.div_ceil(3);
    let dense = steps - sparse;
    let first = (0..=dense).map(|i| 1. - i as f64 / (3 * dense.max(1)) as f64);
    let last = (1..=sparse).map(|i| (sparse - i) as f64 / (1.5 * sparse as f64));
    if dense == 0 { linear(1., steps) } else { first.chain(last).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance, "{got} is not {want}");
    }

    #[test]
    fn alpha_bar_is_reference_s() {
        let pairs = [
            (0., 0.9999),
            (0.01, 0.999_368_72),
            (0.25, 0.847_012_16),
            (0.5, 0.493_843_59),
            (0.75, 0.144_272_1),
            (0.9, 0.024_091_72),
            (0.99, 0.000_242_86),
            (1., 0.0001),
        ];
        for (t, want) in pairs {
            close(Schedule::default().alpha_bar(t), want, 5e-9);
        }
    }

    #[test]
    fn ddpm_steps_are_reference_s() {
        // steps, place, and the three coefficients
        let rows = [
            (12, 0, 12.950_618_7, 12.874_046_0, 0.988_667_5),
            (12, 1, 1.983_159_9, 1.491_474_4, 0.841_681_2),
            (12, 6, 1.122_700_6, 0.326_083_7, 0.392_588_9),
            (12, 11, 1.010_085_7, 0.142_034_1, 0.),
            (60, 0, 2.597_126_0, 2.212_195_6, 0.922_634_3),
            (60, 30, 1.025_957_8, 0.072_048_7, 0.217_711_6),
            (60, 59, 1.000_611_4, 0.033_627_1, 0.),
        ];
        for (steps, at, sample, predicted, noise) in rows {
            let times = linear(1., steps);
            let step = Schedule::default().ddpm(times[at], times[at + 1]);
            close(step.sample, sample, 1e-7);
            close(step.predicted, -predicted, 1e-7);
            close(step.noise, noise, 1e-7);
        }
    }

    #[test]
    fn ddim_keeps_picture_and_noise_apart() {
        let schedule = Schedule::default();
        let (picture, noise) = (0.7, -1.3);
        let at = |t| schedule.mix(t).0 * picture + schedule.mix(t).1 * noise;
        let step = schedule.ddim(0.8, 0.3);
        close(step.sample * at(0.8) + step.predicted * noise, at(0.3), 1e-12);
    }

    /// Where pictures are normal numbers with deviation s, the noise that a perfect model predicts is known, and so is
    /// where each sample must end: x·√(ᾱs² + 1−ᾱ) at the end over that at the beginning.
    #[test]
    fn deterministic_steps_reach_known_pictures() {
        let (schedule, s) = (Schedule::default(), 0.3f64);
        let spread = |t| (schedule.alpha_bar(t) * s * s + 1. - schedule.alpha_bar(t)).sqrt();
        // From 0.95 to 0.05, so that the level of noise is smooth, and no step is of first order for being the last.
        let error = |steps: usize, second: bool| {
            let times: Vec<f64> = linear(0.9, steps).iter().map(|t| t + 0.05).collect();
            let (mut x, mut expected) = (1., 0.);
            for at in 0..steps {
                let (t, next) = (times[at], times[at + 1]);
                let (picture, noise) = schedule.mix(t);
                let predicted = noise * x / spread(t).powi(2);
                let previous = (at > 0 && second).then(|| times[at - 1]);
                let step = if second { schedule.dpm(previous, t, next) } else { schedule.ddim(t, next) };
                let now = (x - noise * predicted) / picture;
                x = step.sample * x + step.predicted * predicted + step.previous_x0 * expected;
                expected = now;
            }
            (x / (spread(0.05) / spread(0.95)) - 1.).abs()
        };
        let (first, second) = (error(80, false) / error(160, false), error(80, true) / error(160, true));
        assert!((1.8..2.3).contains(&first), "half the step, half the error: {first}");
        assert!((3.4..4.8).contains(&second), "half the step, a quarter of the error: {second}");
        assert!(error(20, true) < error(20, false) / 4.);
        assert_eq!(schedule.dpm(Some(0.5), 0.3, 0.), schedule.ddim(0.3, 0.));
    }

    #[test]
    fn shifted_times_are_the_authors() {
        let want = [
            0.99358, 0.97496, 0.94969, 0.92396, 0.89751, 0.87007, 0.84134, 0.81096, 0.77854, 0.74362,
            0.70565, 0.66397, 0.61786, 0.56646, 0.50886, 0.44414, 0.37152, 0.29064, 0.20181, 0.10627,
            0.00712,
        ];
        let got = Schedule::default().shifted(&linear(1., 20), 2.);
        assert_eq!(got.len(), want.len());
        got.iter().zip(want).for_each(|(got, want)| close(*got, want, 6e-6));
        close(Schedule::default().shifted(&[1.], 1.)[0], 0.99358, 6e-6);
        for scaler in [0.5, 2.] {
            let bent = Schedule { scaler, ..Schedule::default() };
            close(bent.shifted(&[0.4], 1.)[0], 0.4, 1e-9);
        }
    }

    #[test]
    fn the_scaler_bends_time() {
        let bent = |scaler| Schedule { scaler, ..Schedule::default() }.alpha_bar(0.5);
        let straight = |t| Schedule::default().alpha_bar(t);
        close(bent(2.), straight(0.75), 1e-12);
        close(bent(0.5), straight(0.5f64.sqrt()), 1e-12);
    }

    #[test]
    fn times_run_from_noise_to_picture() {
        assert_eq!(linear(1., 4), [1., 0.75, 0.5, 0.25, 0.]);
        for steps in 1..50 {
            let times = noisy(steps);
            assert!(
                times.len() == steps + 1
                    && times[0] == 1.
                    && times[steps] == 0.
                    && times.is_sorted_by(|a, b| a > b)
            );
        }
        let times = noisy(29);
        assert_eq!(times.len(), 30);
        for (at, want) in
            [(0, 1.), (1, 0.982_456), (18, 0.684_211), (19, 0.666_667), (20, 0.6), (28, 0.066_667)]
        {
            close(times[at], want, 5e-7);
        }
        assert_eq!(times[29], 0.);
    }
}

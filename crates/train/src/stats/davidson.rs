//! Bradley-Terry strengths with ties, by Davidson's model.
//!
//! With strengths θ and ln ν, the model is a conditional logit: the utility of "i wins" is θᵢ, that of a tie
//! (θᵢ + θⱼ)/2 + ln ν. Its likelihood is concave, so Newton's method finds the maximum.

/// Outcomes of the comparisons of two models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcomes {
    /// Numbers of the models.
    pub models: [usize; 2],
    /// Wins of the first, ties, wins of the second.
    pub counts: [f64; 3],
}

/// Penalty of the squared parameters: it keeps the strengths finite if a model never loses, and hardly changes others.
const PENALTY: f64 = 1e-4;

/// Newton steps at most; a dozen suffices.
const STEPS: usize = 100;

/// A fit of Davidson's model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// θ of each model, with a mean of 0.
    pub strengths: Vec<f64>,
    /// ln ν; `None` if there are no ties.
    pub tie: Option<f64>,
}

impl Fit {
    /// Probabilities that model `i` wins, ties, or loses against model `j`.
    pub fn shares(&self, i: usize, j: usize) -> [f64; 3] {
        let (a, b) = (self.strengths[i], self.strengths[j]);
        let tie = self.tie.map_or(f64::NEG_INFINITY, |tie| (a + b) / 2. + tie);
        softmax([a, tie, b])
    }
}

fn softmax(utilities: [f64; 3]) -> [f64; 3] {
    let largest = utilities.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let parts = utilities.map(|u| (u - largest).exp());
    let total: f64 = parts.iter().sum();
    parts.map(|part| part / total)
}

/// Fits the strengths of `models` models.
pub fn fit(models: usize, outcomes: &[Outcomes]) -> Fit {
    let tied = outcomes.iter().any(|o| o.counts[1] > 0.);
    let size = models + usize::from(tied);
    let mut x = vec![0.; size];
    let mut value = likelihood(&x, models, outcomes);
    for _ in 0..STEPS {
        let (gradient, hessian) = derivatives(&x, models, outcomes);
        let step = solve(hessian, gradient);
        // A full step may go too far when the strengths are far apart.
        let mut length = 1.;
        let next = loop {
            let next: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x + length * s).collect();
            let there = likelihood(&next, models, outcomes);
            if there >= value || length < 1e-6 {
                value = there.max(value);
                break next;
            }
            length /= 2.;
        };
        let moved = x.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
        x = next;
        if moved < 1e-10 {
            break;
        }
    }
    let tie = tied.then(|| x[models]);
    x.truncate(models);
    let mean = x.iter().sum::<f64>() / models.max(1) as f64;
    Fit { strengths: x.into_iter().map(|theta| theta - mean).collect(), tie }
}

/// Weights of the parameters in the utilities of win, tie and loss.
fn features(o: &Outcomes, models: usize, tied: bool) -> [Vec<(usize, f64)>; 3] {
    let [i, j] = o.models;
    let tie = if tied { vec![(i, 0.5), (j, 0.5), (models, 1.)] } else { vec![] };
    [vec![(i, 1.)], tie, vec![(j, 1.)]]
}

fn shares(x: &[f64], features: &[Vec<(usize, f64)>; 3]) -> [f64; 3] {
    let utility = |f: &Vec<(usize, f64)>| f.iter().map(|(at, by)| x[*at] * by).sum();
    let [win, tie, loss] = features.each_ref().map(utility);
    softmax([win, if features[1].is_empty() { f64::NEG_INFINITY } else { tie }, loss])
}

fn likelihood(x: &[f64], models: usize, outcomes: &[Outcomes]) -> f64 {
    let tied = x.len() > models;
    let of = |o: &Outcomes| -> f64 {
        let shares = shares(x, &features(o, models, tied));
        o.counts.iter().zip(shares).filter(|(n, _)| **n > 0.).map(|(n, p)| n * p.ln()).sum()
    };
    outcomes.iter().map(of).sum::<f64>() - PENALTY / 2. * x.iter().map(|x| x * x).sum::<f64>()
}

/// Gradient, and the negative of the second derivatives.
fn derivatives(x: &[f64], models: usize, outcomes: &[Outcomes]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = x.len();
    let mut gradient: Vec<f64> = x.iter().map(|x| -PENALTY * x).collect();
    let mut hessian = vec![vec![0.; size]; size];
    (0..size).for_each(|at| hessian[at][at] = PENALTY);
    for o in outcomes {
        let features = features(o, models, size > models);
        let (shares, n) = (shares(x, &features), o.counts.iter().sum::<f64>());
        let mut mean = vec![0.; size];
        for ((f, p), count) in features.iter().zip(shares).zip(o.counts) {
            for (at, by) in f {
                gradient[*at] += count * by;
                mean[*at] += p * by;
                for (other, too) in f {
                    hessian[*at][*other] += n * p * by * too;
                }
            }
        }
        for at in 0..size {
            gradient[at] -= n * mean[at];
            for other in 0..size {
                hessian[at][other] -= n * mean[at] * mean[other];
            }
        }
    }
    (gradient, hessian)
}

/// Solves a positive definite system by elimination.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for at in 0..n {
        let (pivot, value) = (a[at].clone(), b[at]);
        for row in at + 1..n {
            let factor = a[row][at] / pivot[at];
            a[row].iter_mut().zip(&pivot).skip(at).for_each(|(x, p)| *x -= factor * p);
            b[row] -= factor * value;
        }
    }
    for at in (0..n).rev() {
        let known: f64 = (at + 1..n).map(|other| a[at][other] * b[other]).sum();
        b[at] = (b[at] - known) / a[at][at];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_models_have_their_shares() {
        let fit = fit(2, &[Outcomes { models: [0, 1], counts: [40., 40., 20.] }]);
        let shares = fit.shares(0, 1);
        for (got, want) in shares.into_iter().zip([0.4, 0.4, 0.2]) {
            assert!((got - want).abs() < 1e-4, "{shares:?}");
        }
    }

    #[test]
    fn unbeaten_model_has_finite_strength() {
        let fit = fit(2, &[Outcomes { models: [0, 1], counts: [30., 0., 0.] }]);
        assert!(fit.tie.is_none() && fit.strengths[0] > 3. && fit.strengths[0] < 20., "{fit:?}");
    }
}

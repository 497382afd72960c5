//! Means over a few steps, as lines of `log.csv`.

use super::TrainingStats;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use wuerst_read::regular;

/// Maximum length of a log, in bytes.
pub const LONGEST: u64 = 1 << 30;

/// Steps of a line.
pub const EVERY: u64 = 50;

/// Removes the lines after `step` from a log, if there is one.
///
/// # Errors
/// A file that cannot be read or written.
pub fn cut(path: &Path, step: u64) -> Result<()> {
    let lines = || -> std::io::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let text = regular::read_text(path, LONGEST)?;
        let until = until(&text, step);
        if until.len() < text.len() { fs::write(path, until) } else { Ok(()) }
    };
    lines().with_context(|| format!("cannot shorten {}", path.display()))
}

/// The lines of a log up to `step`.
pub fn until(text: &str, step: u64) -> String {
    let before =
        |line: &&str| line.split(',').next().and_then(|n| n.parse().ok()).is_some_and(|at: u64| at <= step);
    text.lines().filter(before).map(|line| format!("{line}\n")).collect()
}

/// Sums over the steps since the last line.
#[derive(Default)]
pub struct Mean {
    steps: f64,
    loss: f64,
    norm: f64,
    parts: Vec<(&'static str, f64)>,
}

impl Mean {
    /// Counts a step in.
    pub fn add(&mut self, loss: f64, norm: f64, parts: &[(&'static str, f64)]) {
        self.steps += 1.;
        self.loss += loss;
        self.norm += norm;
        if self.parts.is_empty() {
            self.parts = parts.to_vec();
        } else {
            self.parts.iter_mut().zip(parts).for_each(|(sum, part)| sum.1 += part.1);
        }
    }

    /// Mean loss.
    pub fn loss(&self) -> f64 {
        self.loss / self.steps
    }

    /// Step, samples, hours, loss, gradient norm, then the parts as name=value.
    pub fn line(&self, spent: &TrainingStats) -> String {
        let parts: String = self.parts.iter().map(|(n, v)| format!(",{n}={:.5}", v / self.steps)).collect();
        let (loss, norm) = (self.loss(), self.norm / self.steps);
        format!("{},{},{:.4},{loss:.5},{norm:.4}{parts}", spent.step, spent.samples, spent.hours)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_after_step_go() {
        assert_eq!(super::until("50,a\n100,b\n150,c\n", 100), "50,a\n100,b\n");
        assert_eq!(super::until("50,a\n10", 50), "50,a\n10\n");
    }
}

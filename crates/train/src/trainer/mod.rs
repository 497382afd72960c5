//! The training loop that every stage shares: steps, averages, logs, checkpoints, resuming, stopping.

pub mod checkpoint;
pub mod log;

use crate::eval::Weights;
use crate::optim::{AdamW, OptimConfig};
use crate::plot;
use anyhow::{Context, Result, ensure};
pub use checkpoint::TrainingStats;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::Tensor;

/// Interval of checkpoints: the maximum work that a killed process loses.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(180);

/// Length and settings of one stage's training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopConfig {
    /// Pictures per step.
    pub batch: usize,
    /// Steps in all.
    pub steps: u64,
    /// Steps between sample grids and loss curves; 0 for none.
    #[serde(default, alias = "sheet_every")]
    pub sample_grid_every: u64,
    /// Steps whose checkpoints are kept, for comparisons or as branches (`wuerst-train branch`); others are deleted once
    /// there is a newer one.
    #[serde(default)]
    pub keep: Vec<u64>,
    /// How the weights are stepped.
    pub optim: OptimConfig,
}

impl LoopConfig {
    /// Checks every setting; `name` is its name in the run's file.
    ///
    /// # Errors
    /// The first setting out of range, with its value and the allowed range.
    pub fn check(&self, name: &str) -> Result<()> {
        ensure!(self.batch > 0, "{name}.batch is 0; a step needs a picture");
        self.optim.check(&format!("{name}.optim"))
    }
}

/// The stage-specific part of the loop.
pub trait TrainedStage {
    /// Folder and log name, such as `decoder`.
    fn name(&self) -> &str;
    /// The loss of one batch, and named parts of it for the log. All random numbers depend on `seed`.
    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)>;
    /// Writes sample grids of the averaged weights into the folder.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()>;
    /// MACs of one sample's forward pass, from the recording.
    fn macs(&self) -> u64;
}

/// A stage in training: its weights, their average, the moments and the statistics.
pub struct Trainer {
    /// Weights updated by gradients.
    pub weights: Weights,
    /// Exponential moving average of the weights, which is exported.
    pub average: Weights,
    /// Statistics so far.
    pub spent: TrainingStats,
    optimiser: AdamW,
    folder: PathBuf,
    seed: i64,
    /// Lock held while the stage is trained.
    _alone: File,
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C and SIGTERM end the loop after the step in progress, with a checkpoint.
pub fn stop_on_signal() -> Result<()> {
    ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst)).context("installing the Ctrl-C handler")
}

impl Trainer {
    /// Starts from `weights`, or from the folder's checkpoint if there is one.
    pub fn open(folder: PathBuf, weights: Weights, seed: i64) -> Result<Trainer> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let (average, optimiser) = (weights.snapshot(), AdamW::new(&weights));
        let _alone = checkpoint::alone(&folder)?;
        let mut trainer =
            Trainer { weights, average, spent: TrainingStats::default(), optimiser, folder, seed, _alone };
        if let Some(spent) = checkpoint::newest(&trainer.folder)? {
            trainer.resume(spent).with_context(|| format!("resuming {}", trainer.folder.display()))?;
        }
        Ok(trainer)
    }

    /// Declares the stage's training data by a key that changes with it.
    ///
    /// # Errors
    /// Another key than at the beginning of the stage.
    pub fn learns_from(self, key: &str) -> Result<Trainer> {
        checkpoint::same_data(&self.folder, key)?;
        Ok(self)
    }

    /// Statistics of a stage up to the folder's newest checkpoint; `None` if there is none.
    ///
    /// # Errors
    /// A damaged `spent.json`.
    pub fn spent(folder: &Path) -> Result<Option<TrainingStats>> {
        checkpoint::newest(folder)
    }

    /// The averaged weights of the folder's newest checkpoint.
    pub fn averaged_file(folder: &Path) -> Option<PathBuf> {
        let spent = checkpoint::newest(folder).ok().flatten()?;
        Some(checkpoint::generation(folder, spent.step).join("average.safetensors"))
    }

    fn resume(&mut self, spent: TrainingStats) -> Result<()> {
        self.spent = spent;
        let generation = checkpoint::generation(&self.folder, self.spent.step);
        self.weights.load_declared(&generation.join("weights.safetensors"))?;
        self.average.load_declared(&generation.join("average.safetensors"))?;
        let moments = generation.join("moments.safetensors");
        let moments =
            Tensor::read_safetensors(&moments).with_context(|| format!("reading {}", moments.display()))?;
        self.optimiser.restore(&moments);
        // Steps after the checkpoint are repeated.
        log::cut(&self.log_path(), self.spent.step)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log.csv")
    }

    /// Makes `tensors`, some of which the network may not have, the checkpoint of a folder that has none.
    pub fn seed_checkpoint(folder: &Path, tensors: &[(String, Tensor)], spent: &TrainingStats) -> Result<()> {
        checkpoint::write(folder, spent, [tensors, tensors, &[]])
    }

    /// Writes a new generation, points to it, and only then removes older ones, except those to `keep`. A kill at any
    /// moment loses at most the steps since the last checkpoint.
    pub fn save(&self, keep: &[u64]) -> Result<()> {
        let parts = [self.weights.all(), self.average.all(), self.optimiser.state()];
        checkpoint::write(&self.folder, &self.spent, parts.each_ref().map(Vec::as_slice))?;
        checkpoint::prune(&self.folder, self.spent.step, keep)
    }

    /// Runs steps until the configured end or a signal; a resumed run gives the same bits as an uninterrupted one.
    pub fn run(&mut self, stage: &mut dyn TrainedStage, config: &LoopConfig) -> Result<()> {
        let bar = ProgressBar::new(config.steps).with_position(self.spent.step).with_message("loss …");
        bar.set_style(ProgressStyle::with_template(
            "{prefix} {wide_bar} {pos}/{len} {msg} {per_sec} {eta} left",
        )?);
        bar.set_prefix(stage.name().to_owned());
        let log_path = self.log_path();
        #[expect(clippy::disallowed_methods, reason = "the run's own log, which is written")]
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let (mut mean, mut saved) = (log::Mean::default(), Instant::now());
        while self.spent.step < config.steps && !STOP.load(Ordering::SeqCst) {
            let started = Instant::now();
            let step = self.spent.step;
            let (loss, parts) = stage.loss(&self.weights, config.batch, step_seed(self.seed, step))?;
            loss.backward();
            let norm = self.optimiser.step(&self.weights, &config.optim, (step, config.steps));
            self.average.approach(&self.weights, 1. - config.optim.ema_at(step));
            self.spent.step += 1;
            self.spent.samples += config.batch as u64;
            self.spent.flops += 6. * stage.macs() as f64 * config.batch as f64;
            self.spent.hours += started.elapsed().as_secs_f64() / 3600.;
            mean.add(loss.double_value(&[]), norm, &parts);
            bar.set_position(self.spent.step);
            if self.spent.step.is_multiple_of(log::EVERY) {
                bar.set_message(format!("loss {:.4}", mean.loss()));
                writeln!(log, "{}", mean.line(&self.spent))?;
                // Without a terminal there is no bar.
                if bar.is_hidden() && self.spent.step.is_multiple_of(500) {
                    eprintln!("{} {}", stage.name(), mean.line(&self.spent));
                }
                mean = log::Mean::default();
            }
            if config.sample_grid_every > 0 && self.spent.step.is_multiple_of(config.sample_grid_every) {
                stage.sample_grid(&self.average, &self.folder, self.spent.step)?;
                plot::loss_curve(&log_path, &self.folder.join("loss.png"))?;
            }
            if saved.elapsed() > BETWEEN_CHECKPOINTS || config.keep.contains(&self.spent.step) {
                self.save(&config.keep)?;
                saved = Instant::now();
            }
        }
        self.save(&config.keep)?;
        bar.abandon();
        Ok(())
    }
}

/// Seed of a step's random numbers, from the run's seed and the step alone, so that resuming needs no generator state.
fn step_seed(seed: i64, step: u64) -> i64 {
    let mixed = (seed as u64 ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 2) as i64
}

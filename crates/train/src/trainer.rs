//! The loop that every stage shares: steps, averages, logs, checkpoints, resuming, stopping.

use crate::eval::Weights;
use crate::optim::{AdamW, OptimConfig};
use crate::plot;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::Tensor;

/// Length and pace of one stage's training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopConfig {
    /// Pictures per step.
    pub batch: usize,
    /// Steps in all.
    pub steps: u64,
    /// Steps between sample sheets and loss curves; 0 makes none.
    #[serde(default)]
    pub sheet_every: u64,
    /// How the weights are stepped.
    pub optim: OptimConfig,
}

/// What a stage adds to the loop.
pub trait Stage {
    /// Folder and log name, as `decoder`.
    fn name(&self) -> &str;
    /// The loss of one batch, and named parts of it for the log. All chance comes from `seed`.
    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)>;
    /// Writes sample sheets of the averaged weights into the folder.
    fn sheet(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()>;
    /// Multiply-adds of one sample's forward pass, from the recording.
    fn macs(&self) -> u64;
}

/// What a run has spent, kept in the checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Steps done.
    pub step: u64,
    /// Pictures seen.
    pub samples: u64,
    /// Floating-point operations, counting a multiply-add as two and the backward pass as two forward ones.
    pub flops: f64,
    /// Wall-clock hours.
    pub hours: f64,
}

/// A stage being trained: its weights, their average, the moments and what was spent.
pub struct Trainer {
    /// What gradients step.
    pub weights: Weights,
    /// Their exponential moving average: what is exported.
    pub average: Weights,
    /// So far.
    pub spent: Spent,
    optimiser: AdamW,
    folder: PathBuf,
    seed: i64,
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C and SIGTERM end the loop after the step in progress, with a checkpoint.
pub fn stop_on_signal() -> Result<()> {
    ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst)).context("installing the Ctrl-C handler")
}

impl Trainer {
    /// Starts from `weights`, or from the folder's checkpoint if there is one.
    pub fn open(folder: PathBuf, weights: Weights, seed: i64) -> Result<Trainer> {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let (average, optimiser) = (weights.snapshot(), AdamW::new(&weights));
        let mut trainer = Trainer { weights, average, spent: Spent::default(), optimiser, folder, seed };
        if trainer.folder.join("spent.json").exists() {
            trainer.resume().with_context(|| format!("resuming {}", trainer.folder.display()))?;
        }
        Ok(trainer)
    }

    /// What a stage has spent up to the folder's newest checkpoint; none when there is no checkpoint.
    ///
    /// # Errors
    /// A damaged `spent.json`.
    pub fn spent(folder: &Path) -> Result<Option<Spent>> {
        let path = folder.join("spent.json");
        if !path.exists() {
            return Ok(None);
        }
        let spent = serde_json::from_slice(&fs::read(&path)?);
        Ok(Some(spent.with_context(|| format!("{} is damaged", path.display()))?))
    }

    /// The averaged weights of the folder's newest checkpoint.
    pub fn averaged_file(folder: &Path) -> Option<PathBuf> {
        let spent = Trainer::spent(folder).ok().flatten()?;
        Some(folder.join(format!("step-{}", spent.step)).join("average.safetensors"))
    }

    fn resume(&mut self) -> Result<()> {
        self.spent = serde_json::from_slice(&fs::read(self.folder.join("spent.json"))?)?;
        let generation = generation(&self.folder, &self.spent);
        self.weights.load_declared(&generation.join("weights.safetensors"))?;
        self.average.load_declared(&generation.join("average.safetensors"))?;
        self.optimiser.restore(&Tensor::read_safetensors(generation.join("moments.safetensors"))?);
        Ok(())
    }

    /// Makes `tensors`, some of which the network may not have, the checkpoint of a folder that has none.
    pub fn plant(folder: &Path, tensors: &[(String, Tensor)], spent: &Spent) -> Result<()> {
        write_generation(folder, spent, [tensors, tensors, &[]])
    }

    /// Writes a new generation, points to it, and only then removes the old one: a kill at any moment loses at most
    /// the steps since the last checkpoint.
    pub fn save(&self) -> Result<()> {
        let parts = [self.weights.all(), self.average.all(), self.optimiser.state()];
        write_generation(&self.folder, &self.spent, parts.each_ref().map(Vec::as_slice))?;
        let generation = generation(&self.folder, &self.spent);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            let number = name.to_str().and_then(|name| name.strip_prefix("step-"));
            let old = number.is_some_and(|number| number.parse::<u64>().is_ok()) && path != generation;
            // Of a link its own type.
            if old && entry.file_type()?.is_dir() {
                remove_generation(&path)?;
            }
        }
        Ok(())
    }

    /// Steps until the configured end or a signal; resuming gives the same bits as not stopping.
    pub fn run(&mut self, stage: &mut dyn Stage, config: &LoopConfig) -> Result<()> {
        let bar = ProgressBar::new(config.steps).with_position(self.spent.step).with_message("loss …");
        bar.set_style(ProgressStyle::with_template(
            "{prefix} {wide_bar} {pos}/{len} {msg} {per_sec} {eta} left",
        )?);
        bar.set_prefix(stage.name().to_owned());
        let log_path = self.folder.join("log.csv");
        let mut log = fs::OpenOptions::new().create(true).append(true).open(&log_path)?;
        let (mut mean, mut saved) = (Mean::default(), Instant::now());
        while self.spent.step < config.steps && !STOP.load(Ordering::SeqCst) {
            let started = Instant::now();
            let step = self.spent.step;
            let (loss, parts) = stage.loss(&self.weights, config.batch, step_seed(self.seed, step))?;
            loss.backward();
            let norm = self.optimiser.step(&self.weights, &config.optim, step);
            self.average.approach(&self.weights, 1. - config.optim.ema_at(step));
            self.spent.step += 1;
            self.spent.samples += config.batch as u64;
            self.spent.flops += 6. * stage.macs() as f64 * config.batch as f64;
            self.spent.hours += started.elapsed().as_secs_f64() / 3600.;
            mean.add(loss.double_value(&[]), norm, &parts);
            bar.set_position(self.spent.step);
            if self.spent.step.is_multiple_of(50) {
                bar.set_message(format!("loss {:.4}", mean.loss()));
                writeln!(log, "{}", mean.line(&self.spent))?;
                // Without a terminal there is no bar.
                if bar.is_hidden() && self.spent.step.is_multiple_of(500) {
                    eprintln!("{} {}", stage.name(), mean.line(&self.spent));
                }
                mean = Mean::default();
            }
            if config.sheet_every > 0 && self.spent.step.is_multiple_of(config.sheet_every) {
                stage.sheet(&self.average, &self.folder, self.spent.step)?;
                plot::loss_curve(&log_path, &self.folder.join("loss.png"))?;
            }
            if saved.elapsed() > Duration::from_secs(180) {
                self.save()?;
                saved = Instant::now();
            }
        }
        self.save()?;
        bar.abandon();
        Ok(())
    }
}

fn generation(folder: &Path, spent: &Spent) -> PathBuf {
    folder.join(format!("step-{}", spent.step))
}

/// The files of a checkpoint, in its folder.
const PARTS: [&str; 3] = ["weights", "average", "moments"];

/// Removes the files of a checkpoint, and its folder if nothing else is in it.
fn remove_generation(folder: &Path) -> Result<()> {
    for name in PARTS {
        match fs::remove_file(folder.join(format!("{name}.safetensors"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
    }
    // Files of the user's stay, with the folder.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Weights, their average and the moments, and then, by `spent.json`, that they are the newest.
fn write_generation(folder: &Path, spent: &Spent, parts: [&[(String, Tensor)]; 3]) -> Result<()> {
    let generation = generation(folder, spent);
    fs::create_dir_all(&generation)?;
    for (name, tensors) in PARTS.into_iter().zip(parts) {
        Tensor::write_safetensors(tensors, generation.join(format!("{name}.safetensors")))?;
    }
    let next = folder.join("spent.json.new");
    fs::write(&next, serde_json::to_vec_pretty(spent)?)?;
    fs::rename(next, folder.join("spent.json"))?;
    Ok(())
}

/// A step's chance depends on the run's seed and the step alone, so that resuming needs no generator state.
fn step_seed(seed: i64, step: u64) -> i64 {
    let mixed = (seed as u64 ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 2) as i64
}

#[derive(Default)]
struct Mean {
    steps: f64,
    loss: f64,
    norm: f64,
    parts: Vec<(&'static str, f64)>,
}

impl Mean {
    fn add(&mut self, loss: f64, norm: f64, parts: &[(&'static str, f64)]) {
        self.steps += 1.;
        self.loss += loss;
        self.norm += norm;
        if self.parts.is_empty() {
            self.parts = parts.to_vec();
        } else {
            self.parts.iter_mut().zip(parts).for_each(|(sum, part)| sum.1 += part.1);
        }
    }

    fn loss(&self) -> f64 {
        self.loss / self.steps
    }

    /// step, samples, hours, loss, gradient norm, then the parts as name=value.
    fn line(&self, spent: &Spent) -> String {
        let parts: String = self.parts.iter().map(|(n, v)| format!(",{n}={:.5}", v / self.steps)).collect();
        let (loss, norm) = (self.loss(), self.norm / self.steps);
        format!("{},{},{:.4},{loss:.5},{norm:.4}{parts}", spent.step, spent.samples, spent.hours)
    }
}

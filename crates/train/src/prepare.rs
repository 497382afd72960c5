//! Computes once what no training step changes: pictures, text states, frozen compressor features.

use crate::config::RunConfig;
use crate::data::{Dataset, Split};
use crate::frozen::Frozen;
use crate::stage::Corpus;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

/// Pictures that go through a frozen network at a time.
const BATCH: usize = 64;

/// A progress bar for work that is counted in `what`.
pub fn bar(len: usize, what: &str) -> Result<ProgressBar> {
    let bar = ProgressBar::new(len as u64).with_prefix(what.to_owned());
    bar.set_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} left")?);
    Ok(bar)
}

/// A line now and then where no terminal shows the bar.
fn tell(progress: &ProgressBar) {
    if progress.is_hidden() && progress.position().is_multiple_of(50 * BATCH as u64) {
        let of = progress.length().unwrap_or(0);
        eprintln!("{} {}/{of} {:.0}/s", progress.prefix(), progress.position(), progress.per_sec());
    }
}

/// Takes a bar away; where no terminal showed it, a line says what was done.
pub fn finish(progress: &ProgressBar) {
    if progress.is_hidden() {
        let (n, seconds) = (progress.position(), progress.elapsed().as_secs_f64());
        eprintln!("{}: {n} in {seconds:.0} s", progress.prefix());
    }
    progress.finish_and_clear();
}

/// The training corpus of a run, from its cache file if nothing it depends on has changed.
pub fn corpus(config: &RunConfig, device: Device) -> Result<Corpus> {
    let path = cache_file(config)?;
    if !path.exists() {
        build(config, &path)?;
    }
    let read = Tensor::read_safetensors(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut tensors: HashMap<String, Tensor> = read.into_iter().collect();
    let mut take =
        |name: &str| tensors.remove(name).with_context(|| format!("{} lacks `{name}`", path.display()));
    Ok(Corpus {
        pictures: take("pictures")?,
        features: take("features")?,
        text: take("text")?,
        captions: take("captions")?,
        shares: take("shares")?,
        device,
    })
}

/// Named after everything the corpus depends on, so that a changed setting never meets an old file.
fn cache_file(config: &RunConfig) -> Result<PathBuf> {
    let depends = serde_json::to_vec(&(
        &config.data,
        config.length,
        config.compressor.size,
        config.compressor.frozen_blocks,
        env!("CARGO_PKG_VERSION"),
    ))?;
    let key = blake3::hash(&depends).to_hex();
    Ok(config.cache.join(format!("corpus-{}.safetensors", &key[..16])))
}

fn build(config: &RunConfig, path: &Path) -> Result<()> {
    let dataset = Dataset::open(&config.cache, &config.data, Split::Train)?;
    let frozen = Frozen::open(config)?;
    let progress = bar(dataset.len(), "pictures and features")?;
    let mut numbers = HashMap::from([(String::new(), 0i64)]);
    let (mut texts, mut captions, mut shares) = (vec![String::new()], vec![], vec![]);
    let (mut pictures, mut features) = (vec![], vec![]);
    for first in (0..dataset.len()).step_by(BATCH) {
        let indices: Vec<usize> = (first..dataset.len().min(first + BATCH)).collect();
        let batch: Vec<_> = indices.par_iter().map(|i| dataset.picture(*i)).collect();
        for picture in &batch {
            let number = *numbers.entry(picture.caption.clone()).or_insert_with(|| {
                texts.push(picture.caption.clone());
                texts.len() as i64 - 1
            });
            captions.push(number);
            shares.push(picture.weight);
        }
        let small: Vec<u8> = batch.iter().flat_map(|p| p.rgb.iter().copied()).collect();
        let large: Vec<u8> = batch.iter().flat_map(|p| p.rgb_large.iter().copied()).collect();
        pictures.push(planes(&small, batch.len(), config.data.size));
        let large = planes(&large, batch.len(), config.data.compressor_size).to_kind(Kind::Float) / 255.;
        features.push(frozen.features(&large)?.to_kind(Kind::Half));
        progress.inc(batch.len() as u64);
        tell(&progress);
    }
    progress.finish();
    let text = encode(config, &frozen, &texts)?;
    let named = [
        ("pictures", Tensor::cat(&pictures, 0)),
        ("features", Tensor::cat(&features, 0)),
        ("text", text),
        ("captions", Tensor::from_slice(&captions)),
        ("shares", Tensor::from_slice(&shares)),
    ];
    // Under another name first: a stopped run must not leave half a corpus behind.
    let unfinished = path.with_extension("unfinished");
    Tensor::write_safetensors(&named, &unfinished)?;
    std::fs::rename(&unfinished, path).with_context(|| format!("writing {}", path.display()))
}

/// `[h,w,3]` bytes of `n` square pictures as u8 `[n,3,s,s]`.
fn planes(bytes: &[u8], n: usize, side: usize) -> Tensor {
    let size = [n as i64, side as i64, side as i64, 3];
    Tensor::from_slice(bytes).reshape(size).permute([0, 3, 1, 2]).contiguous()
}

fn encode(config: &RunConfig, frozen: &Frozen, texts: &[String]) -> Result<Tensor> {
    let progress = bar(texts.len(), "captions")?;
    let mut states = vec![];
    for batch in texts.chunks(BATCH) {
        states.push(frozen.states(batch)?.to_kind(Kind::Half));
        progress.inc(batch.len() as u64);
        tell(&progress);
    }
    progress.finish();
    anyhow::ensure!(!states.is_empty(), "{}: no captions", config.cache.display());
    Ok(Tensor::cat(&states, 0))
}

/// Captions as token ids and mask, i64 `[b,l]` each, padded and cut to `length`.
pub fn tokens(tokenizer: &Tokenizer, captions: &[String]) -> Result<(Tensor, Tensor)> {
    let encoded =
        tokenizer.encode_batch(captions.to_vec(), true).map_err(|e| anyhow::anyhow!("tokenizing: {e}"))?;
    let length = encoded.first().map_or(0, |e| e.len()) as i64;
    let flat = |pick: fn(&tokenizers::Encoding) -> &[u32]| {
        let all: Vec<i64> = encoded.iter().flat_map(|e| pick(e).iter().map(|n| i64::from(*n))).collect();
        Tensor::from_slice(&all).reshape([encoded.len() as i64, length])
    };
    Ok((flat(|e| e.get_ids()), flat(|e| e.get_attention_mask())))
}

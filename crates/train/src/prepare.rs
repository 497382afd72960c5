//! Computes data that no training step changes: pictures, text states, frozen compressor features.

use crate::config::RunConfig;
use crate::data::{Dataset, DatasetSplit};
use crate::frozen::Frozen;
use crate::shards::{self, Table};
use crate::stage::{Corpus, FrozenRows};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

/// A progress bar; `what` names the unit of work.
pub fn bar(len: usize, what: &str) -> Result<ProgressBar> {
    let bar = ProgressBar::new(len as u64).with_prefix(what.to_owned());
    bar.set_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} left")?);
    Ok(bar)
}

/// Prints progress as a line if no terminal shows the bar.
pub fn tell(progress: &ProgressBar) {
    if progress.is_hidden() {
        let of = progress.length().unwrap_or(0);
        eprintln!("{} {}/{of} {:.0}/s", progress.prefix(), progress.position(), progress.per_sec());
    }
}

/// Removes a bar; if no terminal showed it, prints a line about the finished work.
pub fn finish(progress: &ProgressBar) {
    if progress.is_hidden() {
        let (n, seconds) = (progress.position(), progress.elapsed().as_secs_f64());
        eprintln!("{}: {n} in {seconds:.0} s", progress.prefix());
    }
    progress.finish_and_clear();
}

/// The training corpus of a run, from its cache if nothing has changed that it depends on.
///
/// # Errors
/// As [`corpus_of`].
pub fn corpus(config: &RunConfig, device: Device) -> Result<Corpus> {
    corpus_of(config, DatasetSplit::Train, device)
}

/// The corpus of a split: pictures, captions, and the frozen networks' results for them.
///
/// # Errors
/// As [`pictures_of`], and missing weights.
pub fn corpus_of(config: &RunConfig, split: DatasetSplit, device: Device) -> Result<Corpus> {
    let corpus = pictures_of(config, split, device)?;
    let frozen = Some(frozen_rows(config, split, &corpus)?);
    Ok(Corpus { frozen, ..corpus })
}

/// The pictures and captions of a split.
///
/// Computes those that are not in the cache, shard by shard, so that a stopped run keeps finished shards.
///
/// # Errors
/// Missing packages, or files that cannot be read or written.
pub fn pictures_of(config: &RunConfig, split: DatasetSplit, device: Device) -> Result<Corpus> {
    let key = key(config, split)?;
    let folder = folder(config, &key);
    let index = folder.join("index.safetensors");
    if !index.exists() {
        compose(config, split, &folder, &index)?;
    }
    let read = Tensor::read_safetensors(&index).with_context(|| format!("reading {}", index.display()))?;
    let mut tensors: HashMap<String, Tensor> = read.into_iter().collect();
    let mut take =
        |name: &str| tensors.remove(name).with_context(|| format!("{} lacks `{name}`", index.display()));
    let (captions, shares) = (take("captions")?, take("shares")?);
    let pictures = Table::open(&folder.join("pictures"), "pictures", captions.size()[0] as usize)?;
    Ok(Corpus { pictures, frozen: None, captions, shares, device, key })
}

fn folder(config: &RunConfig, key: &str) -> PathBuf {
    config.cache.join(format!("corpus-{}", &key[..16]))
}

/// A digest of everything that the corpus depends on, so that old files are never used with changed settings.
fn key(config: &RunConfig, split: DatasetSplit) -> Result<String> {
    let depends = serde_json::to_vec(&(
        &config.data,
        config.length,
        config.compressor.size,
        config.compressor.frozen_blocks,
        env!("CARGO_PKG_VERSION"),
        split,
    ))?;
    Ok(blake3::hash(&depends).to_hex().to_string())
}

fn compose(config: &RunConfig, split: DatasetSplit, folder: &Path, index: &Path) -> Result<()> {
    let dataset = Dataset::open(&config.cache, &config.data, split)?;
    shards::fill(&folder.join("pictures"), dataset.len(), "pictures", &mut |which| {
        let indices = Vec::<i64>::try_from(which)?;
        let made: Vec<_> = indices.par_iter().map(|at| dataset.picture(*at as usize).rgb).collect();
        Ok(vec![("pictures", planes(&made, config.data.size))])
    })?;
    let Plan { captions, shares, .. } = Plan::of(&dataset);
    let named = [("captions", Tensor::from_slice(&captions)), ("shares", Tensor::from_slice(&shares))];
    // Written last, and renamed: its presence means that everything is complete.
    let unfinished = index.with_extension("unfinished");
    Tensor::write_safetensors(&named, &unfinished)
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    std::fs::rename(&unfinished, index).with_context(|| format!("cannot write {}", index.display()))
}

/// Results of the frozen networks for a corpus, from the cache or computed.
fn frozen_rows(config: &RunConfig, split: DatasetSplit, corpus: &Corpus) -> Result<FrozenRows> {
    let folder = folder(config, &corpus.key);
    let [features, text] = ["features", "text"].map(|name| folder.join(name));
    let pictures = corpus.pictures.len() as usize;
    let texts = corpus.captions.max().int64_value(&[]) as usize + 1;
    if !(shards::complete(&features, pictures) && shards::complete(&text, texts)) {
        let dataset = Dataset::open(&config.cache, &config.data, split)?;
        let frozen = Frozen::open(config)?;
        shards::fill(&features, pictures, "features", &mut |which| {
            let indices = Vec::<i64>::try_from(which)?;
            let made: Vec<_> = indices.par_iter().map(|at| dataset.picture(*at as usize).rgb_large).collect();
            let large = planes(&made, config.data.compressor_size).to_kind(Kind::Float) / 255.;
            Ok(vec![("features", frozen.features(&large)?.to_kind(Kind::Half))])
        })?;
        let plan = Plan::of(&dataset);
        shards::fill(&text, texts, "captions", &mut |which| {
            let numbers = Vec::<i64>::try_from(which)?;
            let chosen: Vec<String> = numbers.into_iter().map(|at| plan.texts[at as usize].clone()).collect();
            Ok(vec![("text", frozen.states(&chosen)?.to_kind(Kind::Half))])
        })?;
    }
    Ok(FrozenRows {
        features: Rc::new(Table::open(&features, "features", pictures)?),
        text: Table::open(&text, "text", texts)?,
    })
}

/// Captions and weights of a dataset's pictures.
struct Plan {
    /// Every distinct caption, with the empty one first.
    texts: Vec<String>,
    /// The caption of each picture.
    captions: Vec<i64>,
    /// How often each picture is drawn.
    shares: Vec<f32>,
}

impl Plan {
    fn of(dataset: &Dataset) -> Plan {
        let mut numbers = HashMap::from([(String::new(), 0i64)]);
        let mut plan = Plan { texts: vec![String::new()], captions: vec![], shares: vec![] };
        for at in 0..dataset.len() {
            let recipe = dataset.recipe(at);
            let number = *numbers.entry(recipe.caption).or_insert_with_key(|caption| {
                plan.texts.push(caption.clone());
                plan.texts.len() as i64 - 1
            });
            plan.captions.push(number);
            plan.shares.push(recipe.weight);
        }
        plan
    }
}

/// Converts square pictures of `[h,w,3]` bytes to u8 `[n,3,s,s]`.
fn planes(pictures: &[Vec<u8>], side: usize) -> Tensor {
    let size = [pictures.len() as i64, side as i64, side as i64, 3];
    Tensor::from_slice(&pictures.concat()).reshape(size).permute([0, 3, 1, 2]).contiguous()
}

/// Captions as token ids and mask, i64 `[b,l]` each, padded and truncated to `length`.
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

//! Generates pictures with an exported model through the engine, as for a user.

use super::subjects::Subject;
use crate::prepare;
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use std::path::Path;
use tch::Tensor;
use wuerst::{Change, Engine, Graph, Options, Value};

static GRAPH: &str = include_str!("../../../../graphs/text-to-image.yaml");

/// The graph from Stage B on, with the embedding as an input.
static FROM_EMBEDDING: &str = r#"
wuerstchen: 1
inputs: { prompt: text, embedding: "f32[1,c,h,w]", seed: int }
nodes:
  tokens:  { use: wuerst.tokenize, with: { text: $prompt, model: text-encoder } }
  text:    { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  decoder: { use: wuerst.decoder, with: { embedding: $embedding, text: $text.states, model: decoder, seed: $seed } }
  vqgan:   { use: wuerst.vqgan_decode, with: { latents: $decoder.latents, model: vqgan-decoder } }
outputs: { image: $vqgan.image }
"#;

static BASELINE: &str = include_str!("../../../../graphs/baseline.yaml");

/// An engine with a model folder, its graph from text to picture, and the part of that graph after the prior.
pub struct Generator {
    engine: Engine,
    graph: Graph,
    from_embedding: Option<Graph>,
}

/// Whether a model folder holds the single-stage baseline and no cascade.
pub fn is_baseline(models: &Path) -> bool {
    models.join("baseline.onnx").exists() && !models.join("prior.onnx").exists()
}

impl Generator {
    /// Checks the folder against the graph, whose arguments, named as `node.port`, may be changed.
    ///
    /// # Errors
    /// Models that are missing or violate their contract; changes that fit nothing.
    pub fn open(models: &Path, changes: &[(String, String)]) -> Result<Generator> {
        let stages = wuerst::stages::RuntimeOptions { threads: Some(1), ..Default::default() };
        let engine = Engine::new(Options { models: models.to_owned(), stages, ..Options::default() })?;
        let changes: Vec<Change<'_>> = changes.iter().map(|(name, text)| Change::Text(name, text)).collect();
        let baseline = is_baseline(models);
        let graph =
            engine.graph_with(if baseline { BASELINE } else { GRAPH }, &changes).with_context(|| {
                format!("{} is not a model folder; `wuerst-train export RUN` writes one", models.display())
            })?;
        let from_embedding = if baseline { None } else { Some(engine.graph(FROM_EMBEDDING)?) };
        Ok(Generator { engine, graph, from_embedding })
    }

    /// Generates each subject from its caption, in place of its picture; subject i with seed `seed + i`.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn draw(&self, subjects: &[Subject], seed: i64, what: &str) -> Result<Vec<Subject>> {
        let captions: Vec<&str> = subjects.iter().map(|s| s.caption.as_str()).collect();
        Ok(shown(subjects, self.pictures(&captions, seed, what)?))
    }

    /// Generates each subject from its caption and its row of `embeddings`, f32 `[n,16,h,w]`.
    ///
    /// # Errors
    /// Errors of the engine, and a baseline, which reads no embedding.
    pub fn draw_from(&self, subjects: &[Subject], embeddings: &Tensor, seed: i64) -> Result<Vec<Subject>> {
        let graph = self.from_embedding.as_ref().context("a baseline draws from no embedding")?;
        let size = embeddings.size();
        let shape = [1, size[1] as usize, size[2] as usize, size[3] as usize];
        let rows: Vec<Vec<f32>> =
            (0..size[0]).map(|i| Vec::try_from(embeddings.get(i).reshape([-1]))).collect::<Result<_, _>>()?;
        let pictures = self.each(subjects.len(), "drawing from real embeddings", |at| {
            let job = self.engine.job(graph);
            job.set("prompt", subjects[at].caption.as_str())?;
            job.set("embedding", wuerst::Tensor::from_vec(&shape, rows[at].clone())?)?;
            job.set("seed", seed + at as i64)?;
            job.get("image", &mut ())
        })?;
        Ok(shown(subjects, pictures))
    }

    /// Pictures of `size × size × 3` bytes for prompts.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn pictures(&self, prompts: &[&str], seed: i64, what: &str) -> Result<Vec<Vec<u8>>> {
        let seeded: Vec<(&str, i64)> = prompts.iter().copied().zip(seed..).collect();
        self.seeded_pictures(&seeded, what)
    }

    /// As [`pictures`](Generator::pictures), with the seed of each prompt.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn seeded_pictures(&self, prompts: &[(&str, i64)], what: &str) -> Result<Vec<Vec<u8>>> {
        self.each(prompts.len(), what, |at| {
            let (prompt, seed) = prompts[at];
            let job = self.engine.job(&self.graph);
            job.set("prompt", prompt)?;
            job.set("seed", seed)?;
            job.get("image", &mut ())
        })
    }

    fn each(
        &self,
        n: usize,
        what: &str,
        draw: impl Fn(usize) -> wuerst::Result<Value> + Sync,
    ) -> Result<Vec<Vec<u8>>> {
        let bar = prepare::bar(n, what)?;
        let picture = |at: usize| {
            let image = draw(at)?;
            bar.inc(1);
            match image {
                Value::Tensor(image) => Ok(image.values::<u8>().unwrap_or_default().to_vec()),
                other => bail!("the graph's `image` is {}", other.ty()),
            }
        };
        let pictures = (0..n).into_par_iter().map(picture).collect();
        prepare::finish(&bar);
        pictures
    }
}

/// The subjects with new pictures.
fn shown(subjects: &[Subject], pictures: Vec<Vec<u8>>) -> Vec<Subject> {
    let shown = |(subject, rgb): (&Subject, Vec<u8>)| Subject { rgb, ..subject.clone() };
    subjects.iter().zip(pictures).map(shown).collect()
}

//! Draws pictures with an exported model, through the engine, as a user would.

use super::subjects::Subject;
use crate::prepare;
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use std::path::Path;
use wuerst::{Engine, Graph, Options, Value};

static GRAPH: &str = include_str!("../../../../graphs/text-to-image.yaml");

/// An engine with a model folder and the text-to-image graph.
pub struct Painter {
    engine: Engine,
    graph: Graph,
}

impl Painter {
    /// Checks the folder against the graph.
    ///
    /// # Errors
    /// Models that are missing or break their contract.
    pub fn open(models: &Path) -> Result<Painter> {
        let stages = wuerst::stages::Options { threads: Some(1), ..Default::default() };
        let engine = Engine::new(Options { models: models.to_owned(), stages, ..Options::default() })?;
        let graph = engine.graph(GRAPH).with_context(|| {
            format!("{} is no model folder; `wuerst-train export RUN` writes one", models.display())
        })?;
        Ok(Painter { engine, graph })
    }

    /// Draws each subject from its caption, in place of its picture; number i with seed `seed + i`.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn draw(&self, subjects: &[Subject], seed: i64, what: &str) -> Result<Vec<Subject>> {
        let captions: Vec<&str> = subjects.iter().map(|s| s.caption.as_str()).collect();
        let pictures = self.pictures(&captions, seed, what)?;
        let drawn = |(subject, rgb): (&Subject, Vec<u8>)| Subject { rgb, ..subject.clone() };
        Ok(subjects.iter().zip(pictures).map(drawn).collect())
    }

    /// Pictures of `size × size × 3` bytes for prompts.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn pictures(&self, prompts: &[&str], seed: i64, what: &str) -> Result<Vec<Vec<u8>>> {
        let bar = prepare::bar(prompts.len(), what)?;
        let picture = |(at, prompt): (usize, &&str)| {
            let job = self.engine.job(&self.graph);
            job.set("prompt", *prompt)?;
            job.set("seed", seed + at as i64)?;
            let image = job.get("image", &mut ())?;
            bar.inc(1);
            match image {
                Value::Tensor(image) => Ok(image.values::<u8>().unwrap_or_default().to_vec()),
                other => bail!("the graph's `image` is {}", other.ty()),
            }
        };
        let pictures = prompts.par_iter().enumerate().map(picture).collect();
        bar.finish_and_clear();
        pictures
    }
}

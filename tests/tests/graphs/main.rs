//! Every graph that ships, on the tiny model: the promises that hold for any weights. Results of training are tested
//! on the model that ships.

mod each;
mod limits;
mod lists;
mod mixed;
mod photographs;
mod pictures;
mod production;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wuerst::{Engine, Job, Options, Tensor, Value};
use wuerst_tests::built::{root, tiny};

/// One engine for all tests, so that each model is loaded once.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Options { models: tiny(), ..Options::default() }).expect("an engine"))
}

/// An engine with the model that ships.
fn trained() -> Result<Engine> {
    Ok(Engine::new(Options { models: root().join("models/icons"), ..Options::default() })?)
}

/// A job over a graph that ships, with few steps where it has steps.
fn job(graph: &str) -> Result<Job> {
    job_of(engine(), graph)
}

fn job_of(engine: &Engine, graph: &str) -> Result<Job> {
    let path = root().join("graphs").join(graph);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let job = engine.job(&engine.graph(&text)?);
    for (input, count) in [("steps", 4i64), ("decoder_steps", 3)] {
        if job.graph().inputs().iter().any(|port| port.name == input) {
            job.set(input, count)?;
        }
    }
    Ok(job)
}

fn get(job: &Job, output: &str) -> Result<Tensor> {
    match job.get(output, &mut ())? {
        Value::Tensor(tensor) => Ok(tensor),
        other => anyhow::bail!("{output} is {other}"),
    }
}

/// The picture that the text alone makes.
fn from_text(prompt: &str, seed: i64) -> Result<Tensor> {
    let job = job("text-to-image.yaml")?;
    job.set("prompt", prompt)?;
    job.set("seed", seed)?;
    get(&job, "image")
}

/// A folder with files for the graphs to read.
struct Desk(TempDir);

impl Desk {
    fn new() -> Result<Desk> {
        Ok(Desk(tempfile::tempdir()?))
    }

    /// Writes a picture, and gives its path.
    fn picture(&self, name: &str, picture: &Tensor) -> Result<String> {
        let &[height, width, 3] = picture.shape() else { anyhow::bail!("{:?}", picture.shape()) };
        let path = self.path(name);
        let mut encoder = png::Encoder::new(File::create(&path)?, width.try_into()?, height.try_into()?);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(picture.values::<u8>().context("bytes")?)?;
        writer.finish()?;
        text(&path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path that is text")?.to_owned())
}

/// A picture with something to see in it, made without any model.
fn drawn(side: usize) -> Result<Tensor> {
    let colour = |y: usize, x: usize| {
        let (y, x) = (y * 64 / side, x * 64 / side);
        let inside = (y as i64 - 32).pow(2) + (x as i64 - 28).pow(2) < 400;
        if inside { [220u8, 40, 30] } else { [240, (200 + y / 2) as u8, 255 - x as u8] }
    };
    let bytes = (0..side * side).flat_map(|i| colour(i / side, i % side)).collect();
    Ok(Tensor::from_vec(&[side, side, 3], bytes)?)
}

/// The mean of the absolute differences, in 0..255.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let (a, b) = (a.values::<u8>().expect("bytes"), b.values::<u8>().expect("bytes"));
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn models_stay_within_memory_budget() -> Result<()> {
    // Memory for all models but the text encoder, next to which nothing fits.
    let mut options = Options { models: root().join("models/icons"), ..Options::default() };
    options.stages.model_bytes = 72 << 20;
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&fs::read_to_string(root().join("graphs/text-to-image.yaml"))?)?);
    for (input, value) in [("seed", 5i64), ("steps", 4), ("decoder_steps", 3)] {
        job.set(input, value)?;
    }
    job.set("prompt", "a red apple, twemoji style")?;
    let loaded = || -> Vec<String> {
        let placements = engine.model_cache().placements();
        placements.iter().filter_map(|p| Some(p.model.file_stem()?.to_str()?.to_owned())).collect()
    };
    job.get("embedding", &mut ())?;
    assert_eq!(loaded(), ["prior"], "the text encoder made room");
    let Value::Tensor(image) = job.get("image", &mut ())? else { anyhow::bail!("no picture") };
    assert_eq!(loaded(), ["prior", "decoder", "vqgan-decoder"]);
    let whole = job_of(&trained()?, "text-to-image.yaml")?;
    whole.set("seed", 5i64)?;
    whole.set("prompt", "a red apple, twemoji style")?;
    assert_eq!(image, get(&whole, "image")?);
    job.set("seed", 6i64)?;
    job.get("embedding", &mut ())?;
    assert_eq!(loaded(), ["decoder", "vqgan-decoder", "prior"], "the last used comes last");
    Ok(())
}

#[test]
fn every_graph_has_a_test_here() -> Result<()> {
    let sources = [
        include_str!("pictures.rs"),
        include_str!("mixed.rs"),
        include_str!("main.rs"),
        include_str!("production.rs"),
    ]
    .concat();
    for entry in fs::read_dir(root().join("graphs"))? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        // The published models' graphs are run by `pipeline`, on small models of their layout.
        let published = name == "wuerstchen.yaml" || name.starts_with("cascade");
        // The trainer's tests train and export its model.
        let of_trainer = name == "baseline.yaml";
        if name.ends_with(".yaml") && !published && !of_trainer {
            let tested = [format!("job(\"{name}\")"), format!("of(&engine, \"{name}\")")];
            assert!(tested.iter().any(|call| sources.contains(call)), "no test runs graphs/{name}");
        }
    }
    Ok(())
}

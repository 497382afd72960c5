//! Models that are kept as they were optimised: the same bytes, whatever happens to the folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use wuerst::{Engine, Observer, Value};
use wuerst_model::metadata::{self, Metadata};
use wuerst_model::onnx::set_metadata;
use wuerst_tests::bundle;

use crate::models::{HALF, field, half_model};
use crate::{bytes, options, set_case, shipped};

/// The embedding of the case, by a new engine.
fn run(models: &Path, prepared: Option<&Path>) -> Result<Vec<u8>> {
    let mut options = options(models, 1);
    options.stages.prepared = prepared.map(Path::to_owned);
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    Ok(bytes(&job.get("embedding", &mut ())?))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder.join("wuerst-models"))?.flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    entries.sort();
    Ok(entries)
}

#[test]
fn prepared_models_give_same_bytes() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), None)?;
    assert!(run(tree.path(), Some(&folder))? == want, "as they are written");
    let made = entries(&folder)?;
    assert_eq!(made.len(), 3, "a text encoder and both parts of the prior");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for entry in &made {
        File::options().append(true).open(entry.join("seal"))?.set_modified(long_ago)?;
    }
    assert!(run(tree.path(), Some(&folder))? == want, "as they are read");
    assert_eq!(entries(&folder)?, made);
    for entry in &made {
        let used = fs::metadata(entry.join("seal"))?.modified()?;
        ensure!(used > long_ago + Duration::from_secs(60), "{} was not used", entry.display());
    }
    let prior = tree.path().join("prior.onnx");
    File::options().append(true).open(&prior)?.set_modified(long_ago)?;
    assert!(run(tree.path(), Some(&folder))? == want);
    assert_eq!(entries(&folder)?, made, "a time is not content");
    // A pair of metadata that no stage reads is a byte of the content all the same.
    set_metadata(&prior, &[("author".to_owned(), "another".to_owned())])?;
    File::options().append(true).open(&prior)?.set_modified(long_ago)?;
    assert!(run(tree.path(), Some(&folder))? == want);
    assert_eq!(entries(&folder)?.len(), 5, "both parts of another prior");
    Ok(())
}

#[test]
fn damage_is_repaired() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), Some(&folder))?;
    for entry in entries(&folder)? {
        let path = entry.join("model.onnx.data");
        let (then, mut weights) = (fs::metadata(&path)?.modified()?, fs::read(&path)?);
        let middle = weights.len() / 2;
        weights[middle] ^= 64;
        fs::write(&path, &weights)?;
        File::options().append(true).open(&path)?.set_modified(then)?;
    }
    assert!(run(tree.path(), Some(&folder))? == want, "a bit was changed, and neither length nor time");
    for name in ["model.onnx", "model.onnx.data", "seal"] {
        let made = entries(&folder)?;
        for entry in &made {
            File::options().write(true).open(entry.join(name))?.set_len(5)?;
        }
        assert!(run(tree.path(), Some(&folder))? == want, "{name} was cut off");
        assert_eq!(entries(&folder)?, made);
        for entry in &made {
            ensure!(fs::metadata(entry.join(name))?.len() > 5, "{name} was not made again");
        }
    }
    Ok(())
}

#[test]
fn writers_do_not_disturb_each_other() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), None)?;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| run(tree.path(), Some(&folder)))).collect();
        writers.into_iter().try_for_each(|writer| {
            let got = writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
            ensure!(got == want, "a writer got other bytes");
            Ok(())
        })
    })?;
    let made = entries(&folder)?;
    assert_eq!(made.len(), 3, "{made:?}");
    // A folder that cannot be made is no reason to fail.
    let file = tree.path().join("a file");
    fs::write(&file, "")?;
    assert!(run(tree.path(), Some(&file))? == want);
    Ok(())
}

/// Cuts off the weights of every entry.
fn cut_off(folder: &Path) -> Result<()> {
    let made = entries(folder)?;
    ensure!(!made.is_empty(), "nothing was kept");
    for entry in made {
        File::options().write(true).open(entry.join("model.onnx.data"))?.set_len(0)?;
    }
    Ok(())
}

/// Cuts off the weights after a step of the prior.
struct CutsOff<'a>(&'a Path);

impl Observer for CutsOff<'_> {
    fn progress(&mut self, node: &str, done: usize, _: usize) {
        if node == "prior" && done == 1 {
            cut_off(self.0).expect("weights to cut off");
        }
    }
}

#[test]
fn weights_may_shrink_while_mapped() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), Some(&folder))?;
    let mut options = options(tree.path(), 1);
    options.stages.prepared = Some(folder.clone());
    options.cache_bytes = 1;
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    let again = |seed: &str, observer: &mut dyn Observer| -> Result<Vec<u8>> {
        job.set_text("seed", seed)?;
        Ok(bytes(&job.get("embedding", observer)?))
    };
    let other = again("77", &mut ())?;
    cut_off(&folder)?;
    assert!(again("78", &mut ())? != other, "between runs: the models are made again");
    assert!(again("77", &mut ())? == other);
    // Those were optimised anew; the next engine maps what they left.
    engine.release();
    let error = again("79", &mut CutsOff(&folder)).expect_err("weights went during the run").to_string();
    assert!(error.contains("changed while it was in use"), "{error}");
    assert!(again("77", &mut ())? == other, "and the next run is well");
    assert!(run(tree.path(), Some(&folder))? == want);
    Ok(())
}

/// A model that is small as a file and large when it was optimised: an expanded constant, of which one number is taken.
fn unfolding() -> Vec<u8> {
    const SIDE: i64 = 1 << 20;
    let node = |op: &[u8], inputs: &[&[u8]], output: &[u8], attributes: &[u8]| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name)).collect();
        field(1, &[&inputs, &*field(2, output), &field(4, op), attributes].concat())
    };
    let constant = |name: &[u8], element: u8, bytes: &[u8]| {
        field(5, &[&[1 << 3, 1, 2 << 3, element], &*field(8, name), &field(9, bytes)].concat())
    };
    let list =
        |name: &[u8], number: u8| field(5, &[&*field(1, name), &[8 << 3, number], &[0xa0, 1, 7]].concat());
    let first = [list(b"axes", 0), list(b"starts", 0), list(b"ends", 1)].concat();
    let others = [
        node(b"Expand", &[b"zero", b"side"], b"zeros", &[]),
        node(b"Shape", &[b"latents"], b"sizes", &[]),
        node(b"Slice", &[b"sizes"], b"size", &first),
        node(b"Gather", &[b"zeros", b"size"], b"none", &[]),
        node(b"Add", &[b"colours", b"none"], b"image", &[]),
        constant(b"zero", 10, &[0, 0]),
        constant(b"side", 7, &SIDE.to_le_bytes()),
    ];
    let metadata = Metadata::VqganDecoder(metadata::Vqgan { latent_scale: 0.5, pixels_per_latent: 1 });
    half_model(&metadata, b"colours", &others.concat())
}

#[test]
fn written_bytes_count() -> Result<()> {
    let tree = tempfile::tempdir()?;
    let model = unfolding();
    ensure!(model.len() < 2000, "a small file");
    fs::write(tree.path().join("half.onnx"), model)?;
    let cache = tree.path().join("cache");
    let pixels = |budget: u64| -> Result<Vec<u8>> {
        let mut options = options(tree.path(), 1);
        options.stages.prepared = Some(cache.clone());
        options.stages.prepared_bytes = budget;
        let engine = Engine::new(options)?;
        let job = engine.job(&engine.graph(HALF)?);
        job.set("latents", Value::from(ndarray::Array4::from_elem((1, 4, 1, 2), 0.5f32)))?;
        Ok(bytes(&job.get("pixels", &mut ())?))
    };
    let kept = || -> Result<u64> {
        let files = entries(&cache)?.into_iter().flat_map(fs::read_dir).flatten().flatten();
        Ok(files.map(|file| file.metadata().map_or(0, |about| about.len())).sum())
    };
    let large = pixels(1 << 30)?;
    ensure!(kept()? > 1 << 20, "it unfolds: {} bytes", kept()?);
    for entry in entries(&cache)? {
        fs::remove_dir_all(entry)?;
    }
    for _ in 0..2 {
        assert!(pixels(1 << 20)? == large);
        ensure!(kept()? < 1 << 10, "{} bytes are left", kept()?);
    }
    assert!(pixels(1 << 30)? == large && kept()? > 1 << 20, "with room it is kept");
    Ok(())
}

//! The step-invariant part is computed once per picture, and the picture stays equal.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use ndarray::ArrayD;
use wuerst::{Change, Engine};
use wuerst_model::onnx::{self, ExportOptions, Stored};
use wuerst_model::prior;
use wuerst_tests::bundle::{self, PLAIN, SIZES};
use wuerst_tests::numbers::relative_error;

use crate::{f32s, options, set_case, shipped};

/// Marks a model so that it is evaluated whole: with an empty `training_info`, which says nothing.
fn mark_whole(model: &Path) -> Result<()> {
    Ok(File::options().append(true).open(model)?.write_all(&[0xa2, 0x01, 0x00])?)
}

/// The embedding, the latents, and the MACs of the prior and of the decoder.
fn run(engine: &Engine, changes: &[(&str, &str)]) -> Result<([ArrayD<f32>; 2], [u64; 2])> {
    let changes: Vec<Change<'_>> = changes.iter().map(|(name, text)| Change::Text(name, text)).collect();
    let graph =
        shipped("wuerstchen.yaml")?.replace("\noutputs:\n", "\noutputs:\n  latents: $decoder.latents\n");
    let job = engine.job(&engine.graph_with(&graph, &changes)?);
    set_case(&job)?;
    let latents = f32s(&job.get("latents", &mut ())?);
    let report = job.report();
    let work = |name: &str| {
        let node = report.nodes.iter().find(|node| node.node == name);
        node.map(|node| node.usage.macs).with_context(|| format!("no {name}"))
    };
    let work = [work("prior")?, work("decoder")?];
    let results = [f32s(&job.get("embedding", &mut ())?), latents];
    Ok((results, work))
}

#[test]
fn parts_make_same_pictures() -> Result<()> {
    let (apart, whole) = (tempfile::tempdir()?, tempfile::tempdir()?);
    for folder in [&apart, &whole] {
        bundle::write(folder.path())?;
    }
    for name in ["prior.onnx", "decoder.onnx"] {
        mark_whole(&whole.path().join(name))?;
    }
    let [apart, whole] = [&apart, &whole].map(|folder| Engine::new(options(folder.path(), 1)));
    let (apart, whole) = (apart?, whole?);
    for changes in [
        &[][..],
        &[("prior.guidance_batch", "1"), ("decoder.guidance_batch", "1")],
        &[("prior.guidance_start", "0.8"), ("prior.guidance_end", "0.3")],
        &[("prior.guidance", "1")],
    ] {
        let ((got, work), (want, all)) = (run(&apart, changes)?, run(&whole, changes)?);
        for (got, want) in got.iter().zip(&want) {
            let error = relative_error(got, want)?;
            assert!(error < 1e-4, "{changes:?}: {error}");
        }
        assert!(work[0] < all[0] && work[1] < all[1], "{work:?} of {all:?}");
    }
    Ok(())
}

#[test]
fn weights_may_be_external() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = || Engine::new(options(folder.path(), 1));
    let want = run(&engine()?, &[])?;
    let path = folder.path().join("prior.onnx");
    let stored = Stored::open(&path)?;
    let graph = prior::graph(&PLAIN.json("wuerstchen-prior/prior/config.json")?, &SIZES)?;
    let beside =
        ExportOptions { inline_bytes: 0, metadata: stored.metadata().to_vec(), ..ExportOptions::default() };
    onnx::write(&path, &graph, &stored, &beside)?;
    assert!(fs::metadata(folder.path().join("prior.onnx.data"))?.len() > 0);
    // The cache folder takes both parts, and gives them back.
    let cache = tempfile::tempdir()?;
    for kept in [false, true, true] {
        let mut options = options(folder.path(), 1);
        options.stages.prepared = kept.then(|| cache.path().to_owned());
        assert_eq!(run(&Engine::new(options)?, &[])?, want);
    }
    Ok(())
}

//! Prior and decoder take the embedding of the time. Models that take the time itself still load.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use ndarray::ArrayD;
use wuerst::Engine;
use wuerst_model::import::{ImportOptions, Models};
use wuerst_model::onnx::{Head, Precision};
use wuerst_tests::built::root;
use wuerst_tests::bundle::PLAIN;
use wuerst_tests::numbers::relative_error;

use crate::{f32s, options, set_case};

fn inputs(model: &Path) -> Result<Vec<String>> {
    let head = Head::of_file(&fs::File::open(model)?)?;
    Ok(head.inputs.into_iter().map(|input| input.name).collect())
}

fn embedding(folder: &Path) -> Result<ArrayD<f32>> {
    let engine = Engine::new(options(folder, 1))?;
    let job = engine.job(&engine.graph(&fs::read_to_string(folder.join("graph.yaml"))?)?);
    set_case(&job)?;
    Ok(f32s(&job.get("embedding", &mut ())?))
}

/// In half precision a network cannot embed times itself: neighbouring numbers lie 8 to 64 of 10⁴ positions apart.
#[test]
fn no_model_embeds_times() -> Result<()> {
    let imported = tempfile::tempdir()?;
    PLAIN.import(imported.path(), &ImportOptions::default())?;
    for folder in [imported.path(), &root().join("models/icons")] {
        for model in ["prior.onnx", "decoder.onnx"] {
            let inputs = inputs(&folder.join(model))?;
            assert!(inputs.iter().any(|name| name == "time_embedding"), "{model}: {inputs:?}");
            assert!(!inputs.iter().any(|name| name == "timestep"), "{model}: {inputs:?}");
        }
    }
    Ok(())
}

/// `tests/reference/timestep` holds the bundle's prior as an earlier version wrote it.
#[test]
fn models_with_timestep_still_load() -> Result<()> {
    let half = ImportOptions { precision: Precision::F16, ..ImportOptions::default() };
    let (folder, out) = (tempfile::tempdir()?, tempfile::tempdir()?);
    PLAIN.import(folder.path(), &half)?;
    let want = embedding(folder.path())?;
    let prior = folder.path().join("prior.onnx");
    fs::copy(PLAIN.path("timestep/prior.onnx"), &prior)?;
    assert!(inputs(&prior)?.contains(&"timestep".to_owned()));
    assert!(relative_error(&embedding(folder.path())?, &want)? < 1e-5);

    let converted = out.path().join("models");
    let models = Models::open(folder.path(), &[])?;
    models.write(
        &converted,
        Default::default(),
        Default::default(),
        &mut |_, _| ControlFlow::Continue(()),
    )?;
    assert!(inputs(&converted.join("prior.onnx"))?.contains(&"time_embedding".to_owned()));
    assert_eq!(embedding(&converted)?, want);
    Ok(())
}

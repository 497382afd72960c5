//! Models exported by PyTorch in place of the shipped ones: messages about results that are not pictures.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wuerst_tests::built::root;

use crate::{GRAPH, text, wuerst};

/// Links to the shipped models, and copies of `tests/models`.
fn models() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["models/icons", "tests/models"] {
        for entry in fs::read_dir(root().join(name))? {
            let path = entry?.path().canonicalize()?;
            let place = folder.path().join(path.file_name().context("a name")?);
            match path.extension().and_then(|end| end.to_str()) {
                Some("md") => {}
                _ if name == "models/icons" => symlink(&path, place)?,
                _ => drop(fs::copy(&path, place)?),
            }
        }
    }
    Ok(folder)
}

/// Whether a run with these settings succeeds, and what it says.
fn run(models: &Path, sets: &[&str]) -> Result<(bool, String)> {
    let picture = models.join("o.png");
    let output = format!("image={}", text(&picture)?);
    let mut args = vec!["run", GRAPH, "-o", &output];
    for set in [&["prompt=apple", "steps=2", "decoder_steps=1"], sets].concat() {
        args.extend(["--set", set]);
    }
    let done = wuerst(models, &args)?.output()?;
    let said = String::from_utf8(done.stderr)?;
    ensure!(done.status.success() == picture.exists(), "{said}");
    Ok((done.status.success(), said))
}

#[test]
fn foreign_vqgans_are_judged() -> Result<()> {
    for (kind, good, want) in [
        ("255", true, "100% of its colours lie outside 0 to 1"),
        ("255", true, "does the model give 0 to 255?"),
        ("nan", false, "gave `image`, which holds NaN at [0, 0, 0, 0]"),
        (
            "x8",
            false,
            "gave `image` as f32[1,3,128,128], where f32[1,3,64,64] is expected: `wuerst.pixels_per_latent`",
        ),
        ("nhwc", false, "gave `image` as f32[1,64,64,3], where f32[1,3,64,64] is expected"),
        ("u8", false, "breaks the contract of a vqgan-decoder: its output `image` is u8["),
    ] {
        let models = models()?;
        let (done, said) = run(models.path(), &[&format!("vqgan.model=vqgan-{kind}")])?;
        ensure!(done == good && said.contains(want), "{kind}: {said}");
    }
    Ok(())
}

#[test]
fn foreign_priors_run() -> Result<()> {
    let models = models()?;
    let (done, said) = run(models.path(), &["prior.model=own"])?;
    ensure!(done && said.is_empty(), "{said}");
    Ok(())
}

#[test]
fn fixed_exports_say_so() -> Result<()> {
    let prior = ["prior.model=own-fixed", "prior.guidance_batch=1"];
    for (sets, want) in [
        (&["prior.model=own-fixed"][..], "exported for a fixed batch of 1, not 2"),
        (&["prior.model=own-fixed"], "(a dynamic axis), or set guidance_batch to 1"),
        (&[prior[0], prior[1], "width=96"], "width: "),
        (&[prior[0], prior[1], "width=96"], "exported for one size, 4 along this side and not 6"),
        (&["vqgan.model=vqgan-fixed", "width=96"], "exported for one size, 16 along this side and not 24"),
        (&["vqgan.model=vqgan-fixed", "width=96"], "; set width to 64"),
    ] {
        let models = models()?;
        let (done, said) = run(models.path(), sets)?;
        ensure!(!done && said.contains(want), "{sets:?}: {said}");
    }
    for sets in [&prior[..], &["vqgan.model=vqgan-fixed"], &["prior.model=own-fixed", "guidance=1"]] {
        let models = models()?;
        let (done, said) = run(models.path(), sets)?;
        ensure!(done && said.is_empty(), "{sets:?}: {said}");
    }
    Ok(())
}

/// A graph with the tiny prior alone, checked.
fn checked(models: &Path) -> Result<String> {
    let graph = models.join("g.yaml");
    fs::write(
        &graph,
        "wuerstchen: 1\ninputs: { text: 'f32[b,l,d]' }\nnodes: { p: { use: wuerst.prior, with: { text: $text, model: own } } }\noutputs: { o: $p.embedding }\n",
    )?;
    let output = wuerst(models, &["check", text(&graph)?])?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && said.contains(":3:62: nodes.p.with.model: "), "{said}");
    Ok(said)
}

#[test]
fn damaged_data_is_checked() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let kept = fs::read(at("ext.data"))?;
    fs::write(at("ext.data"), &kept[..kept.len() - 1])?;
    let said = checked(models.path())?;
    ensure!(
        said.contains("has 86591 bytes, and 86592 are expected: it is cut off, or another model's"),
        "{said}"
    );
    fs::write(at("ext.data"), "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 86592\n")?;
    ensure!(checked(models.path())?.contains("Git LFS pointer"));
    fs::remove_file(at("ext.data"))?;
    ensure!(checked(models.path())?.contains("ext.data: is missing: put it next to the model"));
    fs::create_dir(at("ext.data"))?;
    ensure!(checked(models.path())?.contains("ext.data"));
    // A name of the same length that leads out of the folder.
    let mut model = fs::read(at("own.onnx"))?;
    while let Some(begin) = model.windows(8).position(|part| part == b"ext.data") {
        model[begin..begin + 8].copy_from_slice(b"../x.dat");
    }
    fs::write(at("own.onnx"), model)?;
    let said = checked(models.path())?;
    ensure!(said.contains("is in `../x.dat`; a data file lies next to its model, without `..`"), "{said}");
    Ok(())
}

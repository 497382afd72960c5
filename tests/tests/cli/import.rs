//! `wuerst import` and `wuerst inspect`: from published checkpoints to diffusers' picture, with nothing else said.

use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};
use ndarray::ArrayD;
use serde_json::Value;
use wuerst_tests::bundle::{Bundle, ODD, PLAIN};
use wuerst_tests::numbers::relative_error;

use crate::{contents, outcome, succeeded, text};

fn import(bundle: Bundle, out: &Path, more: &[&str]) -> Result<Output> {
    let source = bundle.source();
    let args = ["import", text(&source.prior)?, text(&source.decoder)?, "--out", text(out)?];
    outcome(&[&args, more].concat())
}

#[test]
fn import_reproduces_diffusers_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    let said = succeeded(&import(ODD, &models, &[])?)?;
    assert!(said.contains("text-encoder-prior") && said.contains("graph.yaml"), "{said}");
    let graph = models.join("graph.yaml");
    let case: Value = ODD.json("expected/case.json")?;
    let names = [
        ("prompt", "prompt"),
        ("negative", "negative"),
        ("width", "width"),
        ("height", "height"),
        ("seed", "gen"),
        ("steps", "steps_p"),
        ("guidance", "cfg_p"),
        ("decoder_steps", "steps_d"),
        ("decoder_guidance", "cfg_d"),
    ];
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let sets: Vec<String> =
        names.iter().map(|(input, key)| format!("{input}={}", plain(&case[key]))).collect();
    let files = ["image.npy", "image.png", "embedding.npy"].map(|file| folder.path().join(file));
    let outputs: Vec<String> = ["image", "image", "embedding"]
        .iter()
        .zip(&files)
        .map(|(output, file)| format!("{output}={}", file.display()))
        .collect();
    let mut args = vec!["run", text(&graph)?];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    outputs.iter().for_each(|output| args.extend(["-o", output]));
    let output = outcome(&args)?;
    succeeded(&output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("longer than the 40 tokens") && said.contains("cut off: \"— l’été\n\t!\""),
        "{said}"
    );
    let image: ArrayD<f32> = ndarray_npy::read_npy(&files[0])?;
    assert_eq!(image.shape(), [128, 256, 3]);
    let image = relative_error(&image.insert_axis(ndarray::Axis(0)), &ODD.expected("image")?)?;
    let embedding: ArrayD<f32> = ndarray_npy::read_npy(&files[2])?;
    let embedding = relative_error(&embedding, &ODD.expected("image_embeddings")?)?;
    println!("image {image:.1e}, embedding {embedding:.1e}");
    assert!(image <= 1e-3 && embedding <= 1e-3);
    assert_eq!(fs::read(&files[1])?[..4], *b"\x89PNG");
    // A size that the maths cannot serve.
    let width = sets.iter().position(|set| set.starts_with("width")).context("a width")?;
    args[3 + 2 * width] = "width=200";
    let refused = outcome(&args)?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("200 pixels; the nearest that it can are 128 and 256"),
        "{said}"
    );
    Ok(())
}

#[test]
fn same_checkpoint_gives_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    // A folder that is there, and empty, will do.
    fs::create_dir(&two)?;
    for out in [&one, &two] {
        succeeded(&import(PLAIN, out, &["--dtype", "f16", "--for", "cpu"])?)?;
    }
    let written = contents(&one)?;
    assert_eq!(written.len(), 9);
    assert!(written == contents(&two)?);
    let again = import(PLAIN, &one, &[])?;
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("not empty: name a new folder"), "{said}");
    assert!(written == contents(&one)?);
    Ok(())
}

/// A model too small to gain from int8 stays unchanged, with a warning.
#[test]
fn int8_is_for_large_networks_on_cpu() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [wide, narrow, other] = ["wide", "narrow", "other"].map(|name| folder.path().join(name));
    let eight = ["--quantize", "int8"];
    succeeded(&import(ODD, &wide, &["--for", "cpu"])?)?;
    let output = import(ODD, &narrow, &eight)?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: no matrix product"));
    assert!(contents(&wide)? == contents(&narrow)?);
    // Some of a decoder are, where a skip joins.
    assert!(import(PLAIN, &other, &eight)?.stderr.is_empty());
    let said = |model: &str| succeeded(&outcome(&["inspect", text(&other.join(model))?])?);
    assert!(said("decoder.onnx")?.contains("wuerst.quantized = int8"));
    assert!(!said("text-encoder-prior.onnx")?.contains("int8"));
    for (more, why) in [
        (["--quantize", "int8", "--for", "cuda"], "is for the CPU"),
        (["--quantize", "int4", "--for", "cpu"], "[possible values: int8]"),
    ] {
        let refused = import(PLAIN, &folder.path().join("none"), &more)?;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(why), "{said}");
    }
    Ok(())
}

#[test]
fn failed_import_names_misfits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [plain, odd] = [PLAIN.source(), ODD.source()];
    let out = folder.path().join("out");
    let run = |prior: &Path, decoder: &Path, out: &Path| -> Result<String> {
        let output = outcome(&["import", text(prior)?, text(decoder)?, "--out", text(out)?])?;
        assert_eq!(output.status.code(), Some(1));
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let said = run(&odd.prior, &plain.decoder, &out)?;
    assert!(said.contains("the decoder's effnet_embd is 16, but the prior's c_in: 12"), "{said}");
    let said = run(&plain.decoder, &plain.prior, &out)?;
    assert!(said.contains("it has no prior; are the two folders swapped?"), "{said}");
    let said = run(&plain.prior, &plain.decoder, &folder.path().join("no/out"))?;
    assert!(said.contains("no") && !folder.path().join("no").exists(), "{said}");
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

#[test]
fn inspect_shows_ports_and_cost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    succeeded(&import(PLAIN, &models, &["--for", "cuda"])?)?;
    let said = succeeded(&outcome(&["inspect", text(&models)?, "--size", "384x256"])?)?;
    for part in [
        "prior.onnx\n  contract       prior: latents: f32[b,c,h,w]",
        "parameters     551,104",
        "for 384x256 pixels",
        "embedding: f32[batch,16,embedding_height,embedding_width]",
        "wuerst.latent_scale = 0.3764",
        "standard, and those of com.microsoft",
        "6 models: 958,506 parameters",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let one = text(&models.join("prior.onnx"))?.to_owned();
    let size = |size: &str| outcome(&["inspect", &one, "--size", size]);
    let work = |said: String| said.lines().find(|line| line.contains("MACs")).map(str::to_owned);
    assert_ne!(work(succeeded(&size("256")?)?), work(succeeded(&size("512")?)?));
    assert!(
        succeeded(&size("200")?)?.contains("cannot make 200 pixels; the nearest that it can are 128 and 256")
    );
    let refused = size("0")?;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a side is 1 to 65536 pixels"));
    let none = outcome(&["inspect", text(folder.path())?])?;
    assert!(String::from_utf8_lossy(&none.stderr).contains("holds no .onnx file"));
    Ok(())
}

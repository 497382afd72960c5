//! `wuerst convert`: a folder of stage models becomes one with other operators, or one that multiplies in int8.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use ndarray::ArrayD;
use wuerst_model::network::Network;
use wuerst_model::onnx::{self, BoxError, ExportOptions, Operators, Precision, Weight};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_tests::built::{root, tiny};
use wuerst_tests::bundle::{ODD, PLAIN, SIZES, prior_metadata};
use wuerst_tests::numbers::random_weights;

use crate::{contents, outcome, succeeded, text};

/// [`tiny`], from the repository.
const TINY: &str = "tests/tiny";

pub fn succeeds(args: &[&str]) -> Result<String> {
    succeeded(&outcome(args)?)
}

pub fn fails(args: &[&str]) -> Result<String> {
    let output = outcome(args)?;
    ensure!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// 10·log₁₀ of 1 over the mean square of the differences, of pixels in 0..1.
pub fn decibels(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a.clamp(0., 1.) - b.clamp(0., 1.)).powi(2));
    -10. * (squares.sum::<f32>() / a.len() as f32).log10()
}

pub fn pixels(models: &Path, prompt: &str, seed: u64) -> Result<ArrayD<f32>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pixels.npy");
    let (prompt, seed) = (format!("prompt={prompt}"), format!("seed={seed}"));
    let output = format!("pixels={}", text(&file)?);
    let run = ["run", "graphs/text-to-image.yaml", "--models", text(models)?, "-o", &output];
    succeeds(&[&run[..], &["--set", &prompt, "--set", &seed]].concat())?;
    Ok(ndarray_npy::read_npy(&file)?)
}

#[test]
fn int8_icons_make_similar_pictures() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let icons = root().join("models/icons");
    let before = contents(&icons)?;
    for (more, apart) in [(&["--for", "cpu"][..], 70. ..200.), (&["--quantize", "int8"], 30. ..60.)] {
        let models = folder.path().join(more[1]);
        succeeds(&[&["convert", "models/icons", "--out", text(&models)?], more].concat())?;
        let after = contents(&models)?;
        assert!(before.keys().eq(after.keys()));
        for (name, bytes) in &before {
            assert!(name.ends_with(".onnx") || after[name] == *bytes, "{name}");
            if more[1] == "int8" && ["prior.onnx", "decoder.onnx"].contains(&name.as_str()) {
                // From two bytes a number.
                assert!(after[name].len() * 10 < bytes.len() * 8, "{name}: {}", after[name].len());
            }
        }
        for (prompt, seed) in [("a red apple, twemoji style", 1), ("a yellow star", 4)] {
            let got = decibels(&pixels(&icons, prompt, seed)?, &pixels(&models, prompt, seed)?);
            println!("{}, {prompt}: {got:.1} dB", more[1]);
            assert!(apart.contains(&got), "{}, {prompt}: {got} dB", more[1]);
        }
        let inspected = |models: &Path| succeeds(&["inspect", text(&models.join("prior.onnx"))?]);
        let said = inspected(&models)?;
        let whole = inspected(&icons)?;
        let parameters = whole.lines().find(|line| line.contains("  parameters ")).unwrap_or("none");
        for part in [parameters, "com.microsoft"] {
            assert!(said.contains(part), "{part}\n{said}");
        }
        assert_eq!(said.contains("wuerst.quantized = int8"), more[1] == "int8", "{said}");
    }
    Ok(())
}

/// Whatever an import was for, what it wrote becomes to the byte what an import for another target writes.
#[test]
fn conversion_equals_import() -> Result<()> {
    let targets: [&[&str]; 3] = [&[], &["--for", "cpu"], &["--quantize", "int8"]];
    for (bundle, dtype) in [(PLAIN, "f32"), (ODD, "f16")] {
        let folder = tempfile::tempdir()?;
        let path = |name: &str, at: usize| folder.path().join(format!("{name}-{at}"));
        let source = bundle.source();
        for (at, target) in targets.iter().enumerate() {
            let out = path("imported", at);
            let args = ["import", text(&source.prior)?, text(&source.decoder)?, "--out", text(&out)?];
            succeeds(&[&args[..], &["--dtype", dtype], target].concat())?;
        }
        // From either of those that have all numbers.
        for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2)] {
            let (imported, converted) = (path("imported", from), path(&format!("of-{from}"), to));
            let args = ["convert", text(&imported)?, "--out", text(&converted)?];
            succeeds(&[&args[..], targets[to]].concat())?;
            assert!(contents(&converted)? == contents(&path("imported", to))?, "{dtype}: {from} to {to}");
        }
        assert!(contents(&path("imported", 0))? != contents(&path("imported", 1))?);
    }
    Ok(())
}

/// Also for a model with inline weights, with external data, and in f16.
#[test]
fn wherever_weights_are_they_are_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = PriorConfig { c: 256, c_cond: 64, depth: 2, nhead: 4, ..PriorConfig::default() };
    let graph = prior::graph(&config, &SIZES)?;
    let network = Network::Prior(config);
    // As f16 loses nothing of them, whatever they are stored as they are the same.
    let random = random_weights(&graph);
    let weights = |name: &str| -> Result<Weight, BoxError> {
        let mut weight = random(name)?;
        weight.data.iter_mut().for_each(|v| *v = (*v * 1024.).round() / 1024.);
        Ok(weight)
    };
    let metadata = prior_metadata().pairs().into_iter().chain([network.pair()]).collect();
    let plain = ExportOptions { name: "prior".into(), metadata, ..ExportOptions::default() };
    for (case, precision, inline_bytes) in [
        ("inside", Precision::F32, u64::MAX),
        ("beside", Precision::F32, 0),
        ("half", Precision::F16, u64::MAX),
    ] {
        let [wide, narrow] = ["wide", "narrow"].map(|name| folder.path().join(format!("{name}-{case}")));
        fs::create_dir(&wide)?;
        fs::write(wide.join("notes.txt"), "kept")?;
        let options = ExportOptions { precision, inline_bytes, ..plain.clone() };
        onnx::write(&wide.join("prior.onnx"), &graph, &weights, &options)?;
        assert_eq!(wide.join("prior.onnx.data").exists(), inline_bytes == 0);
        succeeds(&["convert", text(&wide)?, "--out", text(&narrow)?, "--quantize", "int8"])?;
        let at_once = ExportOptions { precision, operators: Operators::Int8, ..plain.clone() };
        let want = onnx::encode(&graph, &weights, &at_once)?;
        let got = contents(&narrow)?;
        assert!(got.keys().eq(["notes.txt", "prior.onnx"]), "{case}: {:?}", got.keys());
        assert!(got["prior.onnx"] == want, "{case}");
    }
    Ok(())
}

#[test]
fn only_named_stages_change() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    let args = ["convert", TINY, "--out", text(&models)?, "--stages", "decoder", "--for", "cpu"];
    succeeds(&args)?;
    let (before, after) = (contents(&tiny())?, contents(&models)?);
    let differ: Vec<&String> = before.keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(differ, ["decoder.onnx"]);
    Ok(())
}

#[test]
fn failed_conversion_leaves_no_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [once, twice, silent] = ["once", "twice", "silent"].map(|name| folder.path().join(name));
    let eight = ["--quantize", "int8"];
    // The tiny model has no product that is worth it.
    succeeds(
        &[&["convert", "models/icons", "--out", text(&once)?, "--stages", "prior"], &eight[..]].concat(),
    )?;
    // A foreign model that names no network is copied, and cannot be selected.
    fs::create_dir(&silent)?;
    let graph =
        prior::graph(&PriorConfig { c: 32, c_cond: 8, depth: 1, nhead: 2, ..Default::default() }, &SIZES)?;
    let options = ExportOptions { metadata: prior_metadata().pairs(), ..ExportOptions::default() };
    onnx::write(&silent.join("prior.onnx"), &graph, &random_weights(&graph), &options)?;
    let to = |from: &str, more: &[&str]| -> Result<String> {
        fails(&[&["convert", from, "--out", text(&twice)?], more].concat())
    };
    for (from, more, why) in [
        (text(&once)?, &[][..], "prior.onnx: is quantised already"),
        (TINY, &["--stages", "decoder,priest"], "there is no priest among the models"),
        (TINY, &["--quantize", "int8", "--for", "cuda"], "is for the CPU"),
        (text(&silent)?, &["--stages", "prior"], "prior.onnx: does not state its network"),
        (text(&silent)?, &[], "holds no stage model that states"),
        ("graphs", &[], "holds no stage model"),
        ("no/models", &[], "no/models: "),
    ] {
        let said = to(from, more)?;
        assert!(said.contains(why), "{why}\n{said}");
    }
    fs::remove_file(once.join("prior.onnx"))?;
    fs::copy(silent.join("prior.onnx"), once.join("prior.onnx"))?;
    let mixed = folder.path().join("mixed");
    succeeds(&["convert", text(&once)?, "--out", text(&mixed)?])?;
    assert!(fs::read(mixed.join("prior.onnx"))? == fs::read(silent.join("prior.onnx"))?);
    let said = fails(&["convert", TINY, "--out", text(&once)?])?;
    assert!(said.contains("not empty: name a new folder"), "{said}");
    let output = outcome(
        &[&["convert", TINY, "--out", text(&twice)?, "--stages", "vqgan-encoder"], &eight[..]].concat(),
    )?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: no matrix product"));
    fs::remove_dir_all(&twice)?;
    // Half a model is not a model.
    let broken = folder.path().join("broken");
    fs::create_dir(&broken)?;
    let whole = fs::read(tiny().join("prior.onnx"))?;
    fs::write(broken.join("prior.onnx"), &whole[..whole.len() / 2])?;
    let said = to(text(&broken)?, &[])?;
    assert!(said.contains("prior.onnx: not an ONNX file"), "{said}");
    assert_eq!(fs::read_dir(folder.path())?.count(), 4);
    Ok(())
}

/// A link may lead to any file of the user's, and would publish it with the models.
#[test]
#[cfg(unix)]
fn links_are_left_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (models, out, key) = (folder.path().join("in"), folder.path().join("out"), folder.path().join("key"));
    fs::create_dir(&models)?;
    fs::write(&key, "secret")?;
    for file in ["vqgan-decoder.onnx", "tokenizer.json"] {
        fs::copy(tiny().join(file), models.join(file))?;
    }
    for link in ["key.txt", "other.onnx", "vqgan-decoder.onnx.data"] {
        std::os::unix::fs::symlink(&key, models.join(link))?;
    }
    ensure!(std::process::Command::new("mkfifo").arg(models.join("pipe.onnx")).status()?.success());
    let args = ["convert", text(&models)?, "--out", text(&out)?, "--for", "cpu", "--stages", "vqgan-decoder"];
    let output = outcome(&args)?;
    succeeded(&output)?;
    let warned = String::from_utf8_lossy(&output.stderr);
    for name in ["key.txt", "other.onnx", "pipe.onnx"] {
        assert!(warned.contains(&format!("{name} is not a regular file and is left out")), "{warned}");
    }
    let written = contents(&out)?;
    assert!(written.keys().eq(["tokenizer.json", "vqgan-decoder.onnx"]), "{:?}", written.keys());
    Ok(())
}

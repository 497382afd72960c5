//! `wuerst quantize`: a folder of stage models becomes one that multiplies in eight bits.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use ndarray::ArrayD;
use wuerst_model::network::Network;
use wuerst_model::onnx::{self, BoxError, Operators, Options, Precision, Weight};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_tests::built::{command, root};
use wuerst_tests::bundle::{SIZES, prior_facts};
use wuerst_tests::numbers::random_weights;

/// Runs the command in the repository.
fn wuerst(args: &[&str]) -> Result<Output> {
    Ok(command()?.current_dir(root()).args(args).output()?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn succeeds(args: &[&str]) -> Result<String> {
    let output = wuerst(args)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn fails(args: &[&str]) -> Result<String> {
    let output = wuerst(args)?;
    ensure!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(folder)?.flatten();
    entries.map(|e| Ok((e.file_name().to_string_lossy().into_owned(), fs::read(e.path())?))).collect()
}

/// 10·log₁₀ of 1 over the mean square of the differences, of pixels in 0..1.
fn decibels(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a.clamp(0., 1.) - b.clamp(0., 1.)).powi(2));
    -10. * (squares.sum::<f32>() / a.len() as f32).log10()
}

#[test]
fn the_shipped_models_make_nearly_the_same_pictures() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    let said = succeeds(&["quantize", "models/icons", "--out", text(&models)?])?;
    assert!(said.contains("prior ") && !said.contains("text-encoder"), "{said}");
    let (before, after) = (contents(&root().join("models/icons"))?, contents(&models)?);
    assert!(before.keys().eq(after.keys()));
    for (name, bytes) in &before {
        if ["prior.onnx", "decoder.onnx"].contains(&name.as_str()) {
            // From two bytes a number.
            assert!(after[name].len() * 10 < bytes.len() * 8, "{name}: {}", after[name].len());
        } else {
            assert!(after[name] == *bytes, "{name}");
        }
    }
    for (prompt, seed) in [("a red apple, twemoji style", "1"), ("a yellow star", "4")] {
        let pixels = [Path::new("models/icons"), &models].map(|models| -> Result<ArrayD<f32>> {
            let file = folder.path().join("pixels.npy");
            let (prompt, seed) = (format!("prompt={prompt}"), format!("seed={seed}"));
            let output = format!("pixels={}", text(&file)?);
            let run = ["run", "graphs/text-to-image.yaml", "--models", text(models)?, "-o", &output];
            succeeds(&[&run[..], &["--set", &prompt, "--set", &seed]].concat())?;
            Ok(ndarray_npy::read_npy(&file)?)
        });
        let [wide, narrow] = pixels;
        let apart = decibels(&wide?, &narrow?);
        println!("{prompt}: {apart:.1} dB");
        assert!((30. ..80.).contains(&apart), "{prompt}: {apart} dB");
    }
    let said = succeeds(&["inspect", text(&models.join("prior.onnx"))?])?;
    for part in ["parameters     4,196,960", "com.microsoft", "wuerst.quantized = int8"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    Ok(())
}

/// A model that was written with its weights inside, in a data file or in half the bytes, and is then quantised, is byte
/// by byte the one that is written so at once.
#[test]
fn it_is_the_same_as_to_write_it_so() -> Result<()> {
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
    let metadata = prior_facts().pairs().into_iter().chain([network.pair()]).collect();
    let plain = Options { name: "prior".into(), metadata, ..Options::default() };
    for (case, precision, inline_bytes) in [
        ("inside", Precision::F32, u64::MAX),
        ("beside", Precision::F32, 0),
        ("half", Precision::F16, u64::MAX),
    ] {
        let [wide, narrow] = ["wide", "narrow"].map(|name| folder.path().join(format!("{name}-{case}")));
        fs::create_dir(&wide)?;
        fs::write(wide.join("notes.txt"), "kept")?;
        let options = Options { precision, inline_bytes, ..plain.clone() };
        onnx::write(&wide.join("prior.onnx"), &graph, &weights, &options)?;
        assert_eq!(wide.join("prior.onnx.data").exists(), inline_bytes == 0);
        succeeds(&["quantize", text(&wide)?, "--out", text(&narrow)?])?;
        let at_once = Options { precision, operators: Operators::Int8, ..plain.clone() };
        let want = onnx::encode(&graph, &weights, &at_once)?;
        let got = contents(&narrow)?;
        assert!(got.keys().eq(["notes.txt", "prior.onnx"]), "{case}: {:?}", got.keys());
        assert!(got["prior.onnx"] == want, "{case}");
    }
    Ok(())
}

#[test]
fn only_the_stages_that_are_named_change() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    succeeds(&["quantize", "models/icons", "--out", text(&models)?, "--stages", "decoder"])?;
    let (before, after) = (contents(&root().join("models/icons"))?, contents(&models)?);
    let differ: Vec<&String> = before.keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(differ, ["decoder.onnx"]);
    Ok(())
}

#[test]
fn what_cannot_be_quantised_is_refused_and_nothing_is_left() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
    succeeds(&["quantize", "models/icons", "--out", text(&once)?, "--stages", "prior"])?;
    let to = |from: &str, more: &[&str]| -> Result<String> {
        fails(&[&["quantize", from, "--out", text(&twice)?], more].concat())
    };
    for (from, more, why) in [
        (text(&once)?, vec![], "prior.onnx: is quantised already"),
        ("models/icons", vec!["--stages", "decoder,priest"], "there is no priest among the models"),
        ("models/icons", vec!["--stages", "text-encoder"], "text-encoder.onnx: has no matrix product"),
        ("graphs", vec![], "holds no stage model"),
        ("no/models", vec![], "no/models: "),
    ] {
        let said = to(from, &more)?;
        assert!(said.contains(why), "{why}\n{said}");
    }
    let said = fails(&["quantize", "models/icons", "--out", text(&once)?])?;
    assert!(said.contains("not empty: name a new folder"), "{said}");
    // Half a model is no model.
    let broken = folder.path().join("broken");
    fs::create_dir(&broken)?;
    let whole = fs::read(root().join("models/icons/prior.onnx"))?;
    fs::write(broken.join("prior.onnx"), &whole[..whole.len() / 2])?;
    let said = to(text(&broken)?, &[])?;
    assert!(said.contains("prior.onnx: is not an ONNX model"), "{said}");
    assert_eq!(fs::read_dir(folder.path())?.count(), 2);
    Ok(())
}

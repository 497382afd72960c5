//! Bad input to the command: one sentence that names the thing and the remedy, exit code 1, and no file left.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wuerst_tests::built::{command, root};
use wuerst_tests::bundle;

struct Bench {
    models: TempDir,
    out: TempDir,
}

impl Bench {
    fn new() -> Result<Bench> {
        let (models, out) = (tempfile::tempdir()?, tempfile::tempdir()?);
        bundle::write_with_one_encoder(models.path())?;
        Ok(Bench { models, out })
    }

    /// The error of a command that must fail, and leave nothing behind.
    fn refused(&self, args: &[&str]) -> Result<String> {
        let before = names(self.out.path())?;
        let output =
            command()?.current_dir(root()).args(args).arg("--models").arg(self.models.path()).output()?;
        let error = String::from_utf8(output.stderr)?;
        // A device that is not here is no mistake of the input.
        let code = if args.contains(&"--strict") { 75 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert_eq!(names(self.out.path())?, before, "{args:?} left a file");
        Ok(error)
    }

    /// Like `refused`, for `generate`, which writes into an existing folder. Checks that the message has all of `wants`.
    fn generate(&self, prompt: &str, more: &[&str], wants: &[&str]) -> Result<()> {
        let picture = self.out.path().join("a.png");
        let args = ["generate", prompt, "-o", picture.to_str().context("a path in UTF-8")?];
        says(&self.refused(&[&args, more].concat())?, wants);
        Ok(())
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn says(error: &str, wants: &[&str]) {
    assert!(error.starts_with("error: "), "{error}");
    for want in wants {
        assert!(error.contains(want), "{want} is not in: {error}");
    }
}

#[test]
fn prompts_and_numbers() -> Result<()> {
    let bench = Bench::new()?;
    bench.generate("", &[], &["the prompt is empty", "say what the picture shows"])?;
    bench.generate(" \t", &[], &["the prompt is empty"])?;
    bench.generate(&"word ".repeat(10_000), &[], &["10000 words", "1000 at most"])?;
    bench.generate("a", &["--size", "100"], &["width", "100 pixels", "nearest that it can is 128"])?;
    bench.generate("a", &["--size", "0x128"], &["width", "0 is outside 1..16384"])?;
    bench.generate("a", &["--size", "99999999999"], &["width", "outside"])?;
    bench.generate("a", &["--size", "wide"], &["--size", "96x64"])?;
    bench.generate("a", &["--steps", "0"], &["steps", "0 is outside"])?;
    bench.generate("a", &["--guidance", "nan"], &["guidance", "not a finite number"])?;
    bench.generate("a", &["--seed", "-1"], &["seed", "-1 is outside 0.."])?;
    bench.generate(
        "a",
        &["--seed", "9223372036854775807", "--count", "2", "--steps", "99999"],
        &["steps"],
    )?;
    bench.generate("a", &["--count", "0"], &["--count"])?;
    bench.generate("a", &["--set", "decoder_step=2"], &["no input `decoder_step`", "decoder_steps"])?;
    bench.generate("a", &["--set", "prior.stepz=2"], &["`stepz`", "did you mean `steps`"])?;
    bench.generate("a", &["--device", "abacus"], &["`abacus` is none of cpu"])?;
    bench.generate("a", &["--stage-device", "pryor=cpu"], &["`pryor` is none of text-encoder, prior"])?;
    bench.generate("a", &["--stage-threads", "prior=four"], &["`four` of `prior` is not a number"])?;
    // ONNX Runtime for the CPU has no CUDA, and only that stage asks for it.
    let cuda = ["--strict", "--stage-device", "vqgan-decoder=cuda:0,cpu"];
    bench.generate("a", &cuda, &["vqgan-decoder.onnx", "`strict`"])?;
    Ok(())
}

#[test]
fn outputs() -> Result<()> {
    let bench = Bench::new()?;
    let out = bench.out.path();
    let refused = |path: &Path, wants: &[&str]| -> Result<()> {
        let path = path.to_str().context("a path in UTF-8")?;
        says(&bench.refused(&["generate", "a", "-o", path])?, wants);
        Ok(())
    };
    refused(&out.join("no/such/a.png"), &["no folder", "no/such", "make it first"])?;
    refused(Path::new("/proc/a.png"), &["/proc/a.png cannot be written", "somewhere else"])?;
    refused(&out.join("a.jpg"), &["a.jpg", "written as .png"])?;
    fs::create_dir(out.join("folder.png"))?;
    refused(&out.join("folder.png"), &["is a folder"])?;
    let run = |more: &[&str]| bench.refused(&[&["run", "graphs/text-to-image.yaml"], more].concat());
    let file = |name: &str| out.join(name).display().to_string();
    says(&run(&["-o", &format!("imag={}", file("a.png"))])?, &["no output `imag`", "did you mean `image`"]);
    says(&run(&["-o", &format!("image={}", file("a.doc"))])?, &["a.doc", ".png, .npy or .txt"]);
    says(&run(&["-o", "image"])?, &["OUTPUT=FILE"]);
    says(&run(&["-o", &format!("image={}", file("a.png"))])?, &["prompt", "must be set"]);
    let set = ["--set", "prompt=a", "--set", "steps=1", "--set", "decoder_steps=1"];
    let outputs = [format!("image={}", file("a.npy")), format!("embedding={}", file("b.png"))];
    let both = ["-o", &outputs[0], "-o", &outputs[1]];
    says(&run(&[&set[..], &both].concat())?, &["embedding is f32", "write it as .npy"]);
    Ok(())
}

#[test]
fn graphs_and_runtimes() -> Result<()> {
    let bench = Bench::new()?;
    bench.generate("a", &["--graph", "/nowhere.yaml"], &["no graph /nowhere.yaml", "name a YAML file"])?;
    bench.generate("a", &["--graph", "/"], &["the graph /: "])?;
    let graph = bench.models.path().join("bad.yaml");
    let path = graph.to_str().context("a path in UTF-8")?;
    fs::write(&graph, [0xff, 0xfe])?;
    bench.generate("a", &["--graph", path], &["bad.yaml: not UTF-8 text: byte 0x"])?;
    fs::write(&graph, "wuerstchen: 1\noutputs: { x: $y.z }\n")?;
    bench.generate("a", &["--graph", path], &["bad.yaml:2:15: outputs.x: ", "2 | outputs"])?;
    let runtime = "/nowhere/libonnxruntime.so";
    bench.generate("a", &["--runtime", runtime], &["no ONNX Runtime library", runtime, "give the path"])?;
    bench.generate("a", &["--runtime", "/etc/passwd"], &["ONNX Runtime"])
}

#[test]
fn models() -> Result<()> {
    let bench = Bench::new()?;
    let at = |name: &str| bench.models.path().join(name);
    let broken = |name: &str, content: Option<&[u8]>, wants: &[&str]| -> Result<()> {
        let kept = fs::read(at(name))?;
        match content {
            Some(content) => fs::write(at(name), content)?,
            None => fs::remove_file(at(name))?,
        }
        bench.generate("a", &[], wants)?;
        Ok(fs::write(at(name), kept)?)
    };
    broken("prior.onnx", None, &["no model `prior`", "holds decoder.onnx"])?;
    broken("prior.onnx", Some(b"<html>"), &["prior.onnx", "not an ONNX file"])?;
    broken("tokenizer-decoder.json", None, &["put `tokenizer-decoder.json` next to it"])?;
    broken("tokenizer-decoder.json", Some(b"{}"), &["tokenizer-decoder.json"])?;
    let decoder = fs::read(at("decoder.onnx"))?;
    broken("prior.onnx", Some(&decoder), &["is a decoder, where a prior is expected"])?;
    broken("decoder.onnx", Some(&decoder[..decoder.len() / 2]), &["decoder.onnx"])?;

    let empty = tempfile::tempdir()?;
    let picture = bench.out.path().join("a.png");
    let refused = |models: &Path| -> Result<String> {
        let output = command()?
            .current_dir(root())
            .args(["generate", "a", "-o"])
            .arg(&picture)
            .arg("--models")
            .arg(models)
            .output()?;
        assert!(output.status.code() == Some(1) && !picture.exists());
        Ok(String::from_utf8(output.stderr)?)
    };
    says(&refused(empty.path())?, &["holds no .onnx file", "--models"]);
    says(&refused(Path::new("/nowhere"))?, &["the models folder /nowhere is not there", "WUERST_MODELS"]);
    Ok(())
}

/// A picture of one pixel that says to be made by this graph, packed.
fn picture_of(graph: &str) -> Result<Vec<u8>> {
    let mut file = vec![];
    let mut writer = png::Encoder::new(&mut file, 1, 1).write_header()?;
    let mut text = png::text_metadata::ITXtChunk::new("graph", graph);
    text.compressed = true;
    writer.write_text_chunk(&text)?;
    writer.write_image_data(&[0])?;
    writer.finish()?;
    Ok(file)
}

#[test]
#[cfg(unix)]
fn recipes_have_limits() -> Result<()> {
    let bench = Bench::new()?;
    let from = bench.models.path().join("from.png");
    let from_text = from.to_str().context("a path in UTF-8")?;
    let run = || bench.refused(&["run", "--from", from_text, "-o", "image=a.png"]);
    fs::write(&from, picture_of(&" ".repeat(64 << 20))?)?;
    says(&run()?, &["from.png", "more text before its pixels", "16 MiB"]);
    fs::write(&from, picture_of("wuerstchen: 1\n")?)?;
    says(&run()?, &["from.png", "`output` is missing"]);
    fs::remove_file(&from)?;
    assert!(std::process::Command::new("mkfifo").arg(&from).status()?.success());
    says(&run()?, &["from.png cannot be read", "is a pipe, not a regular file"]);
    Ok(())
}

/// Code does not come out of the folder that a user happens to be in.
#[test]
#[cfg(target_os = "linux")]
fn runtime_in_current_folder_is_ignored() -> Result<()> {
    let bench = Bench::new()?;
    let vendor = bench.out.path().join(".vendor/onnxruntime");
    fs::create_dir_all(&vendor)?;
    fs::write(vendor.join("libonnxruntime.so"), "no library")?;
    let mut wuerst = command()?;
    wuerst
        .current_dir(bench.out.path())
        .env_remove("ORT_DYLIB_PATH")
        .arg("generate")
        .args(["a", "-o", "a.png"]);
    wuerst
        .arg("--models")
        .arg(bench.models.path())
        .arg("--graph")
        .arg(root().join("graphs/text-to-image.yaml"));
    let output = wuerst.args(["--steps", "1", "--no-terminal-preview"]).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains(".vendor/onnxruntime/libonnxruntime.so"), "{error}");
    Ok(())
}

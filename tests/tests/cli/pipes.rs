//! A pipe in the place of each file that a command reads: it is refused by name, and never waited for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use wuerst_tests::bundle::PLAIN;

use super::models;
use super::opening::{pipe, refused};

/// Puts a pipe in the place of a file, or where none is yet.
fn replace(file: &Path) -> Result<()> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    pipe(file)
}

/// Message about a refused pipe.
fn of_a_pipe(folder: &Path, args: &[&str]) -> Result<()> {
    let said = refused(folder, args)?;
    ensure!(said.contains("is a pipe, not a regular file"), "{args:?}: {said}");
    Ok(())
}

/// A folder with `pipe` and models.
fn bench() -> Result<TempDir> {
    let folder = models()?;
    pipe(&folder.path().join("pipe"))?;
    Ok(folder)
}

#[test]
fn options_name_no_pipes() -> Result<()> {
    let folder = bench()?;
    let graph = "wuerstchen: 1\ninputs: { f: file, m: model }\nnodes:\n  t: { use: text.load, with: { file: $f } }\n  \
                 i: { use: image.load, with: { file: $f } }\n  n: { use: tensor.load, with: { file: $f } }\n  \
                 k: { use: wuerst.tokenize, with: { text: a, model: $m } }\n\
                 outputs: { t: $t.text, i: $i.image, n: $n.tensor, k: $k.ids }\n";
    fs::write(folder.path().join("g.yaml"), graph)?;
    let models = ["--models", "."];
    for args in [
        &["check", "pipe"][..],
        &["run", "pipe", "-o", "image=a.png"],
        &["run", "g.yaml", "--set", "f=pipe", "-o", "t=a.txt"],
        &["run", "g.yaml", "--set", "f=pipe", "-o", "i=a.png"],
        &["run", "g.yaml", "--set", "f=pipe", "-o", "n=a.npy"],
        &["run", "g.yaml", "--set", "m=pipe", "-o", "k=a.npy"],
        &["run", "--from", "pipe", "-o", "image=a.png"],
        &["run", "g.yaml", "--config", "pipe", "-o", "t=a.txt"],
        &["run", "g.yaml", "--plugin", "pipe", "-o", "t=a.txt"],
        &["generate", "a red apple", "--graph", "pipe", "-o", "a.png"],
        &["generate", "a red apple", "--runtime", "pipe", "-o", "a.png"],
        &["graph", "pipe"],
        &["graph", "g.yaml", "--report", "pipe"],
        &["nodes", "--subgraph", "a.b=pipe"],
        &["nodes", "--plugin", "pipe"],
        &["nodes", "--config", "pipe"],
        &["bench", "pipe"],
    ] {
        of_a_pipe(folder.path(), &[args, &models].concat())?;
    }
    of_a_pipe(folder.path(), &["inspect", "pipe"])
}

#[test]
fn models_lie_in_no_pipes() -> Result<()> {
    let tokens = "wuerstchen: 1\nnodes:\n  t: { use: wuerst.tokenize, with: { text: a, model: text-encoder } }\noutputs: { ids: $t.ids }\n";
    let folder = models()?;
    fs::write(folder.path().join("g.yaml"), tokens)?;
    replace(&folder.path().join("tokenizer-decoder.json"))?;
    let run = ["run", "g.yaml", "--models", ".", "-o", "ids=a.npy"];
    of_a_pipe(folder.path(), &run)?;
    of_a_pipe(folder.path(), &["check", "g.yaml", "--models", "."])?;
    replace(&folder.path().join("text-encoder.onnx"))?;
    of_a_pipe(folder.path(), &run)?;
    of_a_pipe(folder.path(), &["check", "g.yaml", "--models", "."])?;
    of_a_pipe(folder.path(), &["inspect", "text-encoder.onnx"])
}

#[test]
fn imported_files_are_no_pipes() -> Result<()> {
    for file in [
        "prior/prior/config.json",
        "prior/prior/diffusion_pytorch_model.safetensors",
        "prior/text_encoder/config.json",
        "prior/scheduler/scheduler_config.json",
        "decoder/vqgan/config.json",
        "decoder/tokenizer/vocab.json",
        "decoder/tokenizer/merges.txt",
        "decoder/tokenizer/tokenizer_config.json",
    ] {
        let folder = tempfile::tempdir()?;
        let source = PLAIN.source();
        for (from, to) in [(source.prior, "prior"), (source.decoder, "decoder")] {
            linked(&from, &folder.path().join(to))?;
        }
        let path = folder.path().join(file);
        ensure!(path.exists(), "{file} is not there");
        replace(&path)?;
        let import = ["import", "prior", "decoder", "--out", "new"];
        of_a_pipe(folder.path(), &import)?;
        ensure!(!folder.path().join("new").exists(), "{file}: imported");
        if file.ends_with(".safetensors") {
            fs::remove_file(&path)?;
            let index = path.with_extension("safetensors.index.json");
            fs::write(&index, "{\"weight_map\":{\"w\":\"pipe\"}}")?;
            pipe(&path.with_file_name("pipe"))?;
            of_a_pipe(folder.path(), &import)?;
        }
        pipe(&folder.path().join("pipe"))?;
        of_a_pipe(folder.path(), &[&import[..], &["--compressor", "pipe"]].concat())?;
    }
    Ok(())
}

/// A folder like another, of links to its files.
fn linked(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (path, to) = (entry.path().canonicalize()?, to.join(entry.file_name()));
        if path.is_dir() { linked(&path, &to)? } else { symlink(&path, &to)? }
    }
    Ok(())
}

#[test]
fn watched_pipe_is_refused() -> Result<()> {
    let folder = bench()?;
    let args = ["run", "pipe", "--watch", "-o", "image=a.png", "--models", "."];
    let mut command = wuerst_tests::built::command()?;
    command.current_dir(folder.path()).args(args).stderr(std::process::Stdio::piped());
    let mut child = command.spawn()?;
    let said = std::io::BufReader::new(child.stderr.take().ok_or_else(|| anyhow::anyhow!("no stderr"))?);
    let lines: Vec<String> = std::io::BufRead::lines(said).take(2).collect::<Result<_, _>>()?;
    child.kill()?;
    child.wait()?;
    ensure!(lines[0].contains("is a pipe, not a regular file"), "{lines:?}");
    ensure!(lines[1].contains("waiting for a change"), "{lines:?}");
    Ok(())
}

//! Models, tokenizers and checkpoints of strangers, through the command: each is an error, soon and in little memory.

mod models;
mod process;
mod published;
mod tokenizers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use process::{Ended, Times, run};
use wuerst_tests::onnx_bytes::vqgan;

/// The most memory that a command may take, in KiB.
const MEMORY: u64 = 512 << 10;

/// A graph that runs the model alone.
const DECODE: &str = "wuerstchen: 1
nodes:
  noise: { use: tensor.noise, with: { channels: 4, height: 8, width: 8 } }
  picture: { use: wuerst.vqgan_decode, with: { latents: $noise.tensor, model: hostile } }
outputs: { image: $picture.image }
";

/// A graph that runs the tokenizer alone.
const TOKENIZE: &str = "wuerstchen: 1
nodes:
  tokens: { use: wuerst.tokenize, with: { text: a red apple, model: encoder } }
outputs: { ids: $tokens.ids }
";

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path in UTF-8")?.to_owned())
}

/// `check` and `run` of a graph.
fn graph_commands(folder: &Path, graph: &str, output: &str) -> Result<Vec<Vec<String>>> {
    let path = folder.join("graph.yaml");
    fs::write(&path, graph)?;
    let (graph, models) = (text(&path)?, text(folder)?);
    let models = ["--models".to_owned(), models];
    let out = format!("{output}={}", text(&folder.join("out.npy"))?);
    let check = ["check".to_owned(), graph.clone()];
    let run = ["run".to_owned(), graph, "-o".to_owned(), out, "--threads".to_owned(), "1".to_owned()];
    Ok(vec![[&check[..], &models].concat(), [&run[..], &models].concat()])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Commands that did not end in errors, within little memory.
fn problems(what: &str, ended: &[Ended]) -> Vec<String> {
    let problem = |Ended { args, code, kib, said, .. }: &Ended| {
        let said: String = said.chars().take(500).collect();
        let wrong = if *code != 1 || said.is_empty() {
            format!("ended with {code}")
        } else if *kib >= MEMORY {
            format!("took {} MiB", kib >> 10)
        } else {
            return None;
        };
        Some(format!("{what}: {} {wrong}: {said}", args[0]))
    };
    ended.iter().filter_map(problem).collect()
}

fn none(problems: &[String]) -> Result<()> {
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn hostile_models_are_errors() -> Result<()> {
    let (mut ways, mut wrong, mut times) = (BTreeSet::new(), vec![], Times::default());
    for (name, model) in models::all() {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hostile.onnx");
        fs::write(&path, model)?;
        let mut commands = graph_commands(folder.path(), DECODE, "image")?;
        commands.push(words(&["inspect", &text(&path)?]));
        let models = folder.path().join("models");
        fs::create_dir(&models)?;
        fs::copy(&path, models.join("hostile.onnx"))?;
        let out = folder.path().join("converted");
        commands.push(words(&["convert", &text(&models)?, "--out", &text(&out)?]));
        let ended = run(&commands)?;
        times.add(&name, &ended);
        wrong.extend(problems(&name, &ended));
        ensure!(!out.exists(), "{name}: converted");
        ways.insert(name);
    }
    times.print();
    none(&wrong)?;
    ensure!(ways.len() + tokenizers::all().len() + published::all().len() >= 100, "{} models", ways.len());
    Ok(())
}

#[test]
fn hostile_tokenizers_are_errors() -> Result<()> {
    let (mut wrong, mut times) = (vec![], Times::default());
    for (name, tokenizer) in tokenizers::all() {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("encoder.onnx"), tokenizers::encoder())?;
        fs::write(folder.path().join("tokenizer.json"), tokenizer)?;
        let ended = run(&graph_commands(folder.path(), TOKENIZE, "ids")?)?;
        times.add(&name, &ended);
        wrong.extend(problems(&name, &ended));
    }
    times.print();
    none(&wrong)
}

#[test]
fn hostile_checkpoints_are_errors() -> Result<()> {
    let (mut wrong, mut times) = (vec![], Times::default());
    for (name, file, content) in published::all() {
        let folder = tempfile::tempdir()?;
        let [prior, decoder] = published::copy(folder.path())?;
        fs::write(folder.path().join(file), content)?;
        let out = folder.path().join("imported");
        let import = words(&["import", &text(&prior)?, &text(&decoder)?, "--out", &text(&out)?]);
        let ended = run(&[import])?;
        times.add(&name, &ended);
        wrong.extend(problems(&name, &ended));
        ensure!(!out.exists(), "{name}: imported");
    }
    times.print();
    none(&wrong)
}

/// The undamaged source works, so that the others are refused for their damage.
#[test]
fn same_files_unharmed_are_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("hostile.onnx");
    fs::write(&path, vqgan(&[], &[]))?;
    fs::write(folder.path().join("encoder.onnx"), tokenizers::encoder())?;
    fs::write(folder.path().join("tokenizer.json"), tokenizers::good().to_string())?;
    let mut commands = graph_commands(folder.path(), DECODE, "image")?;
    commands.push(words(&["inspect", &text(&path)?]));
    let mut all = run(&commands)?;
    all.extend(run(&graph_commands(folder.path(), TOKENIZE, "ids")?)?);
    for Ended { args, code, kib, said, .. } in all {
        ensure!(code == 0 && kib < MEMORY, "{args:?}: {code}, {kib} KiB: {said}");
    }
    Ok(())
}

//! The command as a user runs it.

mod bench;
mod byte_order;
mod cache;
mod checks;
mod comfyui;
mod convert;
mod f16;
#[cfg(target_os = "linux")]
mod failing;
#[cfg(unix)]
mod foreign;
mod graphs;
mod import;
mod inspect;
mod lora;
mod lsp;
mod marks;
#[cfg(unix)]
mod opening;
mod pictures;
#[cfg(unix)]
mod pipes;
mod precision;
mod prompts;
mod refusals;
mod settings;
mod shipped;
mod sizes;
#[cfg(target_os = "linux")]
mod streams;
mod tables;
mod terminals;
mod tokens;
mod trust;
mod watch;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wuerst_tests::built::{command, root};
use wuerst_tests::bundle;

const GRAPH: &str = "graphs/text-to-image.yaml";

/// A folder of models, into which the command also writes.
fn models() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    Ok(folder)
}

/// The command in the repository, with these models.
fn wuerst(models: &Path, args: &[&str]) -> Result<Command> {
    let mut command = command()?;
    command.current_dir(root()).env("WUERST_MODELS", models).args(args);
    Ok(command)
}

/// Its stdout; it must succeed.
fn stdout(mut command: Command) -> Result<String> {
    succeeded(&command.output()?)
}

/// Generates a picture of few steps.
fn generate(models: &Path, file: &str, more: &[&str]) -> Result<Vec<u8>> {
    let path = models.join(file);
    let path = text(&path)?;
    let args = ["generate", "a red apple", "-o", path, "--steps", "2", "--set", "decoder_steps=2"];
    stdout(wuerst(models, &[&args, more].concat())?)?;
    Ok(if Path::new(path).exists() { fs::read(path)? } else { Vec::new() })
}

/// Runs the command in the repository, with no models but those that it is told of.
fn outcome(args: &[&str]) -> Result<Output> {
    Ok(command()?.current_dir(root()).args(args).output()?)
}

/// Stdout of a command that succeeded.
fn succeeded(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

/// The files of a folder.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(folder)?.flatten();
    entries.map(|e| Ok((e.file_name().to_string_lossy().into_owned(), fs::read(e.path())?))).collect()
}

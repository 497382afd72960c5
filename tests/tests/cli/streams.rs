//! Streams, variables and names that are not as most are.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{command, root};

use crate::{GRAPH, models, stdout, text, wuerst};

/// A command whose stdout takes nothing.
fn onto_full_disk(mut command: Command) -> Result<(Option<i32>, String)> {
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let output = command.stdout(full).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    Ok((output.status.code(), String::from_utf8(output.stderr)?))
}

#[test]
fn full_stdout_is_error() -> Result<()> {
    let models = models()?;
    let folder = text(models.path())?;
    for args in [
        &["graph", GRAPH][..],
        &["graph", GRAPH, "--format", "dot"],
        &["nodes"],
        &["nodes", "--schema"],
        &["nodes", "--markdown"],
        &["check", GRAPH],
        &["check", GRAPH, "--json"],
        &["completions", "bash"],
        &["inspect", folder],
    ] {
        let (code, said) = onto_full_disk(wuerst(models.path(), args)?)?;
        ensure!(code == Some(1) && said.contains("stdout cannot be written"), "{args:?}: {code:?} {said}");
    }
    Ok(())
}

#[test]
fn closed_pipe_is_quiet() -> Result<()> {
    let mut nodes = wuerst(Path::new("/nowhere"), &["nodes", "--schema"])?;
    let mut child = nodes.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut first = [0; 10];
    child.stdout.take().context("stdout")?.read_exact(&mut first)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Ok(())
}

#[test]
fn empty_variables_are_unset() -> Result<()> {
    for variable in ["WUERST_CACHE", "WUERST_MODELS", "WUERST_CONFIG"] {
        let mut nodes = command()?;
        let output = nodes.current_dir(root()).env(variable, "").args(["nodes", "wuerst.prior"]).output()?;
        ensure!(output.status.success(), "{variable}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[test]
fn paths_need_no_utf8() -> Result<()> {
    let models = models()?;
    let folder = models.path().join(OsStr::from_bytes(b"f\xff"));
    fs::create_dir(&folder)?;
    let graph = folder.join(OsStr::from_bytes(b"g\xfe.yaml"));
    fs::write(
        &graph,
        "wuerstchen: 1\nnodes: { a: { use: text.join, with: { a: x, b: y } } }\noutputs: { t: $a.text }\n",
    )?;
    let file = folder.join(OsStr::from_bytes(b"t\xfd.txt"));
    let mut output = OsStr::new("t=").to_owned();
    output.push(&file);
    let mut run = wuerst(models.path(), &["run"])?;
    run.arg(&graph).arg("-o").arg(&output);
    stdout(run)?;
    ensure!(fs::read_to_string(&file)?.contains('x'));
    let mut subgraph = OsStr::new("my.join=").to_owned();
    subgraph.push(&graph);
    let mut nodes = wuerst(models.path(), &["nodes", "my.join"])?;
    nodes.arg("--subgraph").arg(&subgraph);
    ensure!(stdout(nodes)?.contains("my.join"));
    Ok(())
}

//! Operations on files that fail while the command runs. `.ci/heavy files` has each in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wuerst_tests::built::{c_tool, command, root};
use wuerst_tests::bundle;

use crate::GRAPH;

/// A folder of models, a cache and a picture, and the program that has operations in it fail.
struct Failing {
    folder: TempDir,
    program: PathBuf,
}

/// How a run ended.
struct Ended {
    code: Option<i32>,
    says: String,
    picture: Option<Vec<u8>>,
    /// The operations that were counted.
    operations: Vec<String>,
}

impl Failing {
    fn new() -> Result<Failing> {
        let folder = tempfile::tempdir()?;
        let program = c_tool("failing", "c99", folder.path())?;
        fs::create_dir_all(folder.path().join("work/models"))?;
        bundle::write_with_one_encoder(&folder.path().join("work/models"))?;
        // Files that changed a moment ago are read anew each time, and operations would have other numbers later.
        thread::sleep(Duration::from_secs(3));
        Ok(Failing { folder, program })
    }

    /// As the system shows it, which the program compares.
    fn work(&self) -> Result<PathBuf> {
        Ok(fs::canonicalize(self.folder.path().join("work"))?)
    }

    /// Makes a picture; of the models in the cache, and not of results.
    fn run(&self, how: &str, number: usize) -> Result<Ended> {
        let work = self.work()?;
        let (picture, cache) = (work.join("a.png"), work.join("cache"));
        let results = cache.join("wuerst-results");
        if results.exists() {
            fs::remove_dir_all(results)?;
        }
        let report = self.folder.path().join("report");
        let mut failing = Command::new(&self.program);
        failing.arg(&work).args([how, &number.to_string()]).arg(&report).arg(command()?.get_program());
        failing.args(["run", GRAPH, "--threads", "1", "--set", "prompt=a red apple"]);
        failing.args(["--set", "steps=1", "--set", "decoder_steps=1"]);
        failing.arg("--models").arg(work.join("models")).arg("--cache").arg(&cache);
        failing.arg("-o").arg(format!("image={}", picture.display()));
        let output = failing.current_dir(root()).env_remove("WUERST_MODELS").output()?;
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() != Some(125), "no run can be watched here: {says}");
        let operations = fs::read_to_string(report)?.lines().map(str::to_owned).collect();
        let written = fs::read(&picture).ok();
        Ok(Ended { code: output.status.code(), says, picture: written, operations })
    }

    /// The picture of a run in which nothing fails.
    fn right(&self) -> Result<Vec<u8>> {
        let ended = self.run("once", 0)?;
        ensure!(ended.code == Some(0), "{}", ended.says);
        ended.picture.context("a picture")
    }
}

/// The numbers of the operations of a kind on a file, of which one in `every` is taken.
fn numbers(operations: &[String], kind: &str, file: &str, every: usize) -> Vec<usize> {
    let wanted = |line: &String| {
        let (of, path) = line.split_once(' ').unwrap_or_default();
        of == kind && Path::new(path).file_name().is_some_and(|name| name == file)
    };
    (1..=operations.len()).filter(|at| wanted(&operations[at - 1])).step_by(every).collect()
}

/// Weights that ONNX Runtime cannot map end the process in its kernels, were they used.
#[test]
fn unmapped_weights_are_not_used() -> Result<()> {
    let failing = Failing::new()?;
    let right = failing.right()?;
    let cached = failing.run("once", 0)?;
    assert!(cached.picture.is_some_and(|picture| picture == right));
    for kind in ["open", "map"] {
        let numbers = numbers(&cached.operations, kind, "model.onnx.data", 67);
        ensure!(numbers.len() > 2, "{} of {kind}", numbers.len());
        let mut noticed = 0;
        for number in numbers {
            let ended = failing.run("once", number)?;
            ensure!(ended.code == Some(0), "{kind} {number}: {:?} {}", ended.code, ended.says);
            assert!(ended.picture.is_some_and(|picture| picture == right), "{kind} {number}");
            noticed += usize::from(ended.says.contains("could be mapped"));
        }
        ensure!(noticed > 0, "{kind}: noticed {noticed} times");
    }
    Ok(())
}

#[test]
fn short_reads_change_nothing() -> Result<()> {
    let failing = Failing::new()?;
    let right = failing.right()?;
    fs::remove_dir_all(failing.work()?.join("cache"))?;
    for run in ["first", "cached"] {
        let ended = failing.run("short", 0)?;
        ensure!(ended.code == Some(0), "{run}: {:?} {}", ended.code, ended.says);
        assert!(ended.picture.is_some_and(|picture| picture == right), "{run}");
    }
    Ok(())
}

//! Marks of the byte order (BOM), which editors of Windows write: read as if they were not there, wherever text is read.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::root;

use crate::{contents, models, stdout, text, wuerst};

const MARK: &str = "\u{feff}";

/// Puts a mark in front of a file.
fn mark(path: &Path) -> Result<()> {
    Ok(fs::write(path, [MARK.as_bytes(), &fs::read(path)?].concat())?)
}

#[test]
fn graphs_may_have_one() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let graph = "# Joins two words.\nwuerstchen: 1\nnodes: { j: { use: text.join, with: { a: x, b: y } } }\noutputs: { t: $j.text }\n";
    fs::write(at("g.yaml"), format!("{MARK}{graph}"))?;
    stdout(wuerst(models.path(), &["check", text(&at("g.yaml"))?])?)?;
    let out = format!("t={}", at("t.txt").display());
    stdout(wuerst(models.path(), &["run", text(&at("g.yaml"))?, "-o", &out])?)?;
    ensure!(fs::read(at("t.txt"))? == b"x, y\n");
    let kind = format!("my.join={}", at("g.yaml").display());
    let nodes = stdout(wuerst(models.path(), &["nodes", "my.join", "--subgraph", &kind])?)?;
    ensure!(nodes.contains("Joins two words."), "{nodes}");
    let mut check = wuerst(models.path(), &["check", "-"])?;
    check.stdin(fs::File::open(at("g.yaml"))?).stdout(Stdio::null());
    ensure!(check.status()?.success());
    // Columns count from behind it.
    for (mark, name) in [("", "plain.yaml"), (MARK, "marked.yaml")] {
        fs::write(at(name), format!("{mark}{{ wuerstchen: 1, nods: 1, outputs: {{ a: $a.b }} }}\n"))?;
        let output = wuerst(models.path(), &["check", text(&at(name))?])?.output()?;
        let said = String::from_utf8(output.stderr)?;
        let lines: Vec<&str> = said.lines().collect();
        ensure!(lines[0].contains(".yaml:1:18: nods") && lines[2] == "  |                  ^", "{said}");
    }
    Ok(())
}

#[test]
fn settings_may_have_one() -> Result<()> {
    let models = models()?;
    let file = models.path().join("wuerst.yaml");
    for (rest, good) in [("", true), ("stagez: 1\n", false)] {
        fs::write(&file, format!("{MARK}settings: 1\nthreads: 1\n{rest}"))?;
        let output = wuerst(models.path(), &["nodes", "text.join", "--config", text(&file)?])?.output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.success() == good && (good || said.contains(":3:1")), "{said}");
    }
    fs::write(&file, format!("{MARK}thread: 1\n"))?;
    let output = wuerst(models.path(), &["nodes", "--config", text(&file)?])?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(said.contains(":1:1") && said.contains("thread"), "{said}");
    Ok(())
}

#[test]
fn tokenizers_may_have_one() -> Result<()> {
    let (plain, marked) = (models()?, models()?);
    for name in contents(marked.path())?.keys().filter(|name| name.ends_with(".json")) {
        mark(&marked.path().join(name))?;
    }
    let [one, other] =
        [&plain, &marked].map(|models| crate::generate(models.path(), "a.png", &["--no-metadata"]));
    ensure!(one? == other?);
    Ok(())
}

#[test]
fn recipes_may_have_one() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let graph = at("g.yaml");
    fs::copy(root().join("graphs/text-to-image.yaml"), &graph)?;
    mark(&graph)?;
    let args =
        ["run", text(&graph)?, "--set", "prompt=apple", "--set", "steps=1", "--set", "decoder_steps=1", "-o"];
    stdout(wuerst(models.path(), &[&args[..], &[&format!("image={}", at("a.png").display())]].concat())?)?;
    let again = format!("image={}", at("b.png").display());
    stdout(wuerst(models.path(), &["run", "--from", text(&at("a.png"))?, "-o", &again])?)?;
    ensure!(fs::read(at("a.png"))? == fs::read(at("b.png"))?);
    Ok(())
}

#[test]
fn configurations_may_have_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let import = |prior: &Path, decoder: &Path, out: &str| -> Result<_> {
        let (out, at) = (at(out), models()?);
        let args = ["import", text(prior)?, text(decoder)?, "--out", text(&out)?];
        stdout(wuerst(at.path(), &args)?)?;
        contents(&out)
    };
    let [prior, decoder] =
        ["wuerstchen-prior", "wuerstchen"].map(|name| root().join("tests/reference").join(name));
    let plain = import(&prior, &decoder, "plain")?;
    let mut marked = 0;
    for (from, to) in [(&prior, "prior"), (&decoder, "decoder")] {
        let mut open = vec![(from.clone(), at(to))];
        while let Some((from, to)) = open.pop() {
            fs::create_dir(&to)?;
            for entry in fs::read_dir(&from)? {
                let from = entry?.path();
                let to = to.join(from.file_name().context("a name")?);
                if from.is_dir() {
                    open.push((from, to));
                    continue;
                }
                fs::copy(&from, &to)?;
                if to.extension().is_some_and(|end| end == "json" || end == "txt") {
                    mark(&to)?;
                    marked += 1;
                }
            }
        }
    }
    ensure!(marked > 5, "{marked} files");
    ensure!(import(&at("prior"), &at("decoder"), "marked")? == plain, "another import");
    Ok(())
}

//! Graphs from strangers: names that they may use, and files that must not block.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use wuerst_tests::built::command;

use super::{models, text};

/// Far more than any of the commands here takes: a guard against waiting without end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder for graphs, in it `models`.
fn bench() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("models"))?;
    fs::write(folder.path().join("models/any.onnx"), "")?;
    Ok(folder)
}

/// Message of a refusal. The command must end by itself.
pub fn refused(folder: &Path, args: &[&str]) -> Result<String> {
    let mut command = command()?;
    command.current_dir(folder).args(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            anyhow::bail!("{args:?} waits without end");
        }
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.code() == Some(1), "{args:?}: {said}");
    Ok(said)
}

/// Message of the check for a graph that names a model.
fn check(folder: &Path, model: &str) -> Result<String> {
    let with = format!("{{ text: $p, model: \"{model}\" }}");
    let graph = format!(
        "wuerstchen: 1\ninputs: {{ p: text }}\nnodes:\n  t: {{ use: wuerst.tokenize, with: {with} }}\noutputs: {{ ids: $t.ids }}\n"
    );
    fs::write(folder.join("g.yaml"), graph)?;
    refused(folder, &["check", "g.yaml", "--models", "models"])
}

pub fn pipe(path: &Path) -> Result<()> {
    ensure!(Command::new("mkfifo").arg(path).status()?.success(), "mkfifo");
    Ok(())
}

#[test]
fn special_files_are_no_models() -> Result<()> {
    let folder = bench()?;
    let at = |name: &str| folder.path().join("models").join(name);
    pipe(&at("pipe.onnx"))?;
    let _socket = UnixListener::bind(at("socket.onnx"))?;
    fs::create_dir(at("folder"))?;
    for (target, link) in
        [("/dev/zero", "device"), ("pipe.onnx", "link"), ("circle", "circle"), ("gone", "gone")]
    {
        symlink(target, at(link))?;
    }
    symlink("/proc/self/maps", at("maps.onnx"))?;
    for (model, says) in [
        ("pipe", "is a pipe, not a regular file"),
        ("link", "is a pipe, not a regular file"),
        ("socket", "is a socket, not a regular file"),
        ("device", "is a device, not a regular file"),
        ("folder", "is a folder, not a regular file"),
        ("circle", "no model `circle`"),
        ("gone", "no model `gone`"),
        ("maps", "not an ONNX file"),
    ] {
        let said = check(folder.path(), model)?;
        assert!(said.contains("g.yaml:4:") && said.contains(says), "{model}: {said}");
    }
    Ok(())
}

#[test]
fn large_nothings_are_left_at_once() -> Result<()> {
    let folder = bench()?;
    let models = folder.path().join("models");
    fs::File::create(models.join("zeros.onnx"))?.set_len(1 << 40)?;
    assert!(check(folder.path(), "zeros")?.contains("not an ONNX file, or damaged at byte 0"));
    // Folders within folders, each by two links: a walk would never end.
    let diamond = models.join("diamond");
    for depth in 0..40 {
        fs::create_dir_all(diamond.join(depth.to_string()))?;
        for link in ["a", "b"] {
            symlink(format!("../{}", depth + 1), diamond.join(depth.to_string()).join(link))?;
        }
    }
    assert!(check(folder.path(), "diamond/0")?.contains("is a folder, not a regular file"));
    assert!(check(folder.path(), "diamond/0/a/b")?.contains("is a link to a folder"));
    Ok(())
}

#[test]
fn paths_in_graphs_tell_nothing() -> Result<()> {
    let folder = bench()?;
    let answer = |model: &str| Ok::<_, anyhow::Error>(check(folder.path(), model)?.replace(model, "MODEL"));
    let there = folder.path().join("g.yaml");
    let first = answer(text(&there)?)?;
    assert!(first.contains("wire an input of the type `model`"), "{first}");
    for model in ["/no/such/file", "/etc/shadow", "../g.yaml", "../gone", "any/../any"] {
        // The caret's line moves with the name's length, and nothing else.
        assert_eq!(answer(model)?, first, "{model}");
    }
    Ok(())
}

#[test]
fn defaults_are_of_graph() -> Result<()> {
    let folder = bench()?;
    let check = |ty: &str, default: &str| -> Result<String> {
        let (kind, port) =
            if ty == "model" { ("wuerst.tokenize", "text: a, model") } else { ("text.load", "file") };
        let out = if ty == "model" { "ids" } else { "text" };
        let graph = format!(
            "wuerstchen: 1\ninputs:\n  x: '{ty} = \"{default}\"'\nnodes:\n  t: {{ use: {kind}, with: {{ {port}: $x }} }}\noutputs: {{ o: $t.{out} }}\n"
        );
        fs::write(folder.path().join("g.yaml"), graph)?;
        Ok(refused(folder.path(), &["check", "g.yaml", "--models", "models"])?.replace(default, "NAME"))
    };
    for ty in ["model", "file"] {
        let first = check(ty, "/etc/passwd")?;
        assert!(first.contains(&format!("wire an input of the type `{ty}`")), "{first}");
        for name in ["/no/such", "../g.yaml", "../gone"] {
            assert_eq!(check(ty, name)?, first, "{name}");
        }
        // And a run with the default says the same of it.
        let output = if ty == "model" { "o=a.npy" } else { "o=a.txt" };
        check(ty, "/etc/passwd")?;
        let said = refused(folder.path(), &["run", "g.yaml", "-o", output, "--models", "models"])?;
        assert!(said.contains(&format!("wire an input of the type `{ty}`")), "{said}");
    }
    Ok(())
}

#[test]
fn files_of_graphs_are_regular() -> Result<()> {
    let folder = bench()?;
    let outside = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    pipe(&at("pipe"))?;
    fs::write(outside.path().join("there"), "secret")?;
    symlink(outside.path().join("there"), at("out"))?;
    symlink(outside.path().join("gone"), at("nowhere"))?;
    symlink("/dev/zero", at("zero"))?;
    let check = |file: &str| -> Result<String> {
        let with = format!("with: {{ file: {file} }}");
        let graph = format!(
            "wuerstchen: 1\nnodes: {{ t: {{ use: text.load, {with} }} }}\noutputs: {{ o: $t.text }}\n"
        );
        fs::write(at("g.yaml"), graph)?;
        Ok(refused(folder.path(), &["check", "g.yaml", "--models", "models"])?
            .replace(&format!("`{file}`"), "`NAME`"))
    };
    assert!(check("pipe")?.contains("is a pipe, not a regular file"));
    let headline = |said: String| said.lines().next().unwrap_or_default().to_owned();
    let leads_out = headline(check("out")?);
    assert!(leads_out.contains("leads out of the graph's folder"), "{leads_out}");
    for link in ["nowhere", "zero"] {
        assert_eq!(headline(check(link)?), leads_out, "{link}");
    }
    // Graph files too.
    fs::remove_file(at("g.yaml"))?;
    pipe(&at("g.yaml"))?;
    assert!(
        refused(folder.path(), &["check", "g.yaml", "--models", "models"])?
            .contains("is a pipe, not a regular file")
    );
    let said = refused(folder.path(), &["nodes", "--subgraph", "a.b=g.yaml", "--models", "models"])?;
    assert!(said.contains("is a pipe, not a regular file"), "{said}");
    Ok(())
}

#[test]
fn hosts_name_any_model() -> Result<()> {
    let (folder, own) = (bench()?, models()?);
    let graph = "wuerstchen: 1\ninputs: { m: model }\nnodes:\n  t: { use: wuerst.tokenize, with: { text: a, model: $m } }\noutputs: { ids: $t.ids }\n";
    fs::write(folder.path().join("g.yaml"), graph)?;
    let encoder = own.path().join("text-encoder.onnx");
    symlink(own.path(), folder.path().join("elsewhere"))?;
    for model in [text(&encoder)?, "elsewhere/text-encoder", "models/../elsewhere/text-encoder.onnx"] {
        let set = format!("m={model}");
        let mut run = command()?;
        run.current_dir(folder.path()).args(["run", "g.yaml", "--models", "models", "--set", &set]);
        let output = run.args(["-o", "ids=a.npy"]).output()?;
        assert!(output.status.success(), "{model}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

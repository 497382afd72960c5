//! Refusals before any work: by `check`, and by `run` and `generate`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::{GRAPH, models, stdout, text, wuerst};

/// Output of `check --json` for a wrong file.
fn json(models: &Path, file: &str, more: &[&str]) -> Result<Json> {
    let output = wuerst(models, &[&["check", file, "--json"], more].concat())?.output()?;
    ensure!(output.status.code() == Some(1) && output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).context("JSON")
}

#[test]
fn json_whatever_is_wrong() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let one = |found: &Json| found["problems"].as_array().map(Vec::len) == Some(1);
    let missing = json(models.path(), "/nowhere/g.yaml", &[])?;
    ensure!(one(&missing) && missing["problems"][0]["line"] == 1, "{missing}");
    fs::write(at("latin.yaml"), b"wuerstchen: 1\n# \xe4\n")?;
    let latin = json(models.path(), text(&at("latin.yaml"))?, &[])?;
    let problem = &latin["problems"][0];
    ensure!(problem["line"] == 2 && problem["column"] == 3, "{latin}");
    ensure!(problem["message"].as_str().is_some_and(|message| message.contains("UTF-8")), "{latin}");
    let folder = json(models.path(), text(models.path())?, &[])?;
    ensure!(one(&folder), "{folder}");
    let device = json(models.path(), GRAPH, &["--devices", "abacus"])?;
    ensure!(one(&device) && device.to_string().contains("abacus"), "{device}");
    Ok(())
}

#[test]
fn messages_have_places() -> Result<()> {
    let models = models()?;
    let bad = models.path().join("bad.yaml");
    for content in [&b"wuerstchen: 1\n"[..], b"\xff", b"{", b"wuerstchen: 2\noutputs: { a: $b }\n"] {
        fs::write(&bad, content)?;
        let output = wuerst(models.path(), &["check", text(&bad)?])?.output()?;
        let said = String::from_utf8(output.stderr)?;
        let mut heads = said.lines().filter(|line| {
            line.contains("bad.yaml:") && !line.ends_with("problems") && !line.ends_with("problem")
        });
        let placed = |line: &str| {
            let rest = line.split_once("bad.yaml:").map_or("", |(_, rest)| rest);
            let numbers: Vec<&str> = rest.splitn(3, ':').take(2).collect();
            numbers.len() == 2 && numbers.iter().all(|number| number.parse::<u32>().is_ok_and(|n| n > 0))
        };
        ensure!(said.contains("bad.yaml:") && heads.all(placed), "{said}");
    }
    Ok(())
}

#[test]
fn stdin_is_checked() -> Result<()> {
    let models = models()?;
    let check = |text: &[u8]| -> Result<(Option<i32>, String)> {
        let mut command = wuerst(models.path(), &["check", "-"])?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("stdin")?.write_all(text)?;
        let output = child.wait_with_output()?;
        Ok((output.status.code(), String::from_utf8([output.stdout, output.stderr].concat())?))
    };
    let (code, said) = check(
        b"wuerstchen: 1\nnodes: { a: { use: text.join, with: { a: x, b: y } } }\noutputs: { t: $a.text }\n",
    )?;
    ensure!(code == Some(0) && said.contains("good"), "{said}");
    let (code, said) = check(b"wuerstchen: 1\noutputs: { t: $a.text }\n")?;
    ensure!(code == Some(1) && said.contains("<stdin>:2:15: outputs.t"), "{said}");
    Ok(())
}

#[test]
fn notes_are_printed() -> Result<()> {
    let models = models()?;
    let graph = models.path().join("g.yaml");
    fs::write(
        &graph,
        "wuerstchen: 1\ninputs: { prompt: text }\nnodes: { a: { use: text.join, with: { a: prompt, b: y } } }\noutputs: { t: $a.text }\n",
    )?;
    let output = wuerst(models.path(), &["check", text(&graph)?])?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.success()
            && said.contains(":3:42: nodes.a.with.a: note: ")
            && said.contains("`$prompt`"),
        "{said}"
    );
    let found: Json =
        serde_json::from_str(&stdout(wuerst(models.path(), &["check", text(&graph)?, "--json"])?)?)?;
    ensure!(
        found["problems"] == Json::Array(vec![]) && found["notes"].as_array().map(Vec::len) == Some(2),
        "{found}"
    );
    Ok(())
}

/// Message of a command that must fail without leaving a file in the folder.
fn refused(models: &Path, out: &Path, args: &[&str]) -> Result<String> {
    let output = wuerst(models, args)?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && fs::read_dir(out)?.next().is_none(), "{args:?}: {said}");
    Ok(said)
}

#[test]
fn outputs_have_own_files() -> Result<()> {
    let (models, out) = (models()?, tempfile::tempdir()?);
    let file = |output: &str, name: &str| format!("{output}={}", out.path().join(name).display());
    let run = ["run", GRAPH, "--set", "prompt=apple", "--set", "steps=1", "--set", "decoder_steps=1"];
    let said = |more: &[&str]| refused(models.path(), out.path(), &[&run[..], more].concat());
    let (a, b) = (file("image", "z.npy"), file("embedding", "./z.npy"));
    let both = said(&["-o", &a, "-o", &b])?;
    ensure!(both.contains("cannot hold both image and embedding"), "{both}");
    let report = out.path().join("z.npy");
    let both = said(&["-o", &a, "--report", text(&report)?])?;
    ensure!(both.contains("the report"), "{both}");
    let (a, b) = (file("image", "a.png"), file("embedding", "b.txt"));
    let wrong = said(&["-o", &a, "-o", &b])?;
    ensure!(wrong.contains("embedding is f32[") && wrong.contains("write it as .npy"), "{wrong}");
    Ok(())
}

#[test]
fn seeds_run_out_early() -> Result<()> {
    let (models, out) = (models()?, tempfile::tempdir()?);
    let picture = out.path().join("a.png");
    let args = [
        "generate",
        "apple",
        "--steps",
        "1",
        "--count",
        "3",
        "--seed",
        "18446744073709551614",
        "-o",
        text(&picture)?,
    ];
    let said = refused(models.path(), out.path(), &args)?;
    ensure!(said.contains("the seed is too large"), "{said}");
    Ok(())
}

#[test]
fn kinds_need_dot() -> Result<()> {
    let output = wuerst(Path::new("/nowhere"), &["nodes", "--subgraph", "row=row.yaml"])?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && said.contains("KIND=FILE, as my.row=row.yaml"), "{said}");
    Ok(())
}

#[test]
fn stand_ins_are_named() -> Result<()> {
    let models = models()?;
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3979324\n";
    let page = "<!DOCTYPE html><html><body>401 Unauthorized</body></html>\n";
    for (name, text, want) in [
        ("prior.onnx", pointer, "Git LFS pointer"),
        ("prior.onnx", page, "web page (HTML)"),
        ("tokenizer-decoder.json", pointer, "Git LFS pointer"),
        ("tokenizer-decoder.json", "{ \"model\": ", "tokenizer-decoder.json"),
    ] {
        let path = models.path().join(name);
        let kept = fs::read(&path)?;
        fs::write(&path, text)?;
        let output = wuerst(models.path(), &["check", GRAPH])?.output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(1) && said.contains(want), "{name}: {said}");
        fs::write(&path, kept)?;
    }
    Ok(())
}

#[test]
#[cfg(unix)]
fn linked_models_find_tokenizers() -> Result<()> {
    let models = models()?;
    let links = tempfile::tempdir()?;
    for entry in fs::read_dir(models.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "onnx") {
            std::os::unix::fs::symlink(&path, links.path().join(path.file_name().context("a name")?))?;
        }
    }
    stdout(wuerst(links.path(), &["check", GRAPH])?)?;
    Ok(())
}

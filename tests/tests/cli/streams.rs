//! Streams, variables and names that are not as most are.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{command, root, tiny};

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

/// An option's value that is a name and a path.
fn pair(name: &str, path: &Path) -> OsString {
    let mut pair = OsString::from(format!("{name}="));
    pair.push(path);
    pair
}

#[test]
fn values_need_no_utf8() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let [text, graph, output] = [at(b"t\xff.txt"), at(b"g\xff.yaml"), at(b"o\xff.txt")];
    fs::write(&text, "a\nb")?;
    fs::write(at(b"plain.txt"), "c")?;
    fs::write(
        &graph,
        "wuerstchen: 1\ninputs: { file: file, n: int = 1 }\nnodes: { a: { use: text.load, with: { file: $file } }, b: { use: text.load, with: { file: plain.txt } }, c: { use: text.join, with: { a: $a.text, b: $b.text } }, d: { use: text.pick, with: { lines: $a.text, index: $n } } }\noutputs: { t: $c.text, d: $d.line }\n",
    )?;
    let run = |sets: &[OsString]| -> Result<(Option<i32>, String)> {
        let mut run = wuerst(&tiny(), &["run"])?;
        run.arg(&graph).arg("-o").arg(pair("t", &output));
        for set in sets {
            run.arg("--set").arg(set);
        }
        let done = run.output()?;
        Ok((done.status.code(), String::from_utf8(done.stderr)?))
    };
    let (code, said) = run(&[pair("file", &text), pair("b.file", &text)])?;
    ensure!(code == Some(0) && said.is_empty(), "{said}");
    ensure!(fs::read_to_string(&output)? == "a\nb, a\nb\n");
    // Of two values the last counts.
    let plain = pair("file", &at(b"plain.txt"));
    ensure!(run(&[pair("file", &text), plain.clone()])?.0 == Some(0));
    ensure!(fs::read_to_string(&output)? == "c, c\n");
    ensure!(run(&[plain, pair("file", &text)])?.0 == Some(0));
    ensure!(fs::read_to_string(&output)? == "a\nb, c\n");
    for (sets, want) in [
        (vec![pair("file", &at(b"none\xff"))], "none\u{fffd}: No such file"),
        (vec![pair("file", &text), pair("n", &text)], "n: value: wants int, got the path "),
        (vec![pair("file", &text), pair("c.a", &text)], "wants text, got the path "),
        (vec![pair("file", &text), pair("b.fil", &text)], "`text.load` has no input `fil`"),
        (vec![pair("fil", &text)], "no input `fil`"),
    ] {
        let (code, said) = run(&sets)?;
        ensure!(code == Some(1) && said.contains(want), "{want}: {said}");
    }
    Ok(())
}

#[test]
fn folders_need_no_utf8() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join(OsStr::from_bytes(b"h\xff"));
    fs::create_dir(&home)?;
    for name in ["models", "files", "outputs", "runtime"] {
        fs::create_dir(home.join(name))?;
    }
    for entry in fs::read_dir(tiny())? {
        let path = entry?.path();
        fs::copy(&path, home.join("models").join(path.file_name().context("a name")?))?;
    }
    let library = std::env::var_os("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH")?;
    for entry in fs::read_dir(Path::new(&library).parent().context("a folder")?)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?;
        std::os::unix::fs::symlink(path.canonicalize()?, home.join("runtime").join(name))?;
    }
    let graph = home.join("g.yaml");
    let shipped = fs::read_to_string(root().join(GRAPH))?;
    let saved = "  saved: { use: image.save, with: { image: $vqgan.image, name: s.png } }\noutputs:\n  saved: $saved.saved\n";
    fs::write(&graph, shipped.replace("outputs:\n", saved))?;
    let settings = home.join("wuerst.yaml");
    fs::write(&settings, "settings: 1\nthreads: 1\nmodels: models\n")?;
    let mut run = command()?;
    run.current_dir(root()).args([
        "run",
        "--set",
        "prompt=apple",
        "--set",
        "steps=1",
        "--set",
        "decoder_steps=1",
    ]);
    run.arg(&graph).arg("--config").arg(&settings).arg("-o").arg(pair("image", &home.join("o.png")));
    run.arg("-o").arg(pair("saved", &home.join("n.txt"))).arg("--report").arg(home.join("r.json"));
    for (option, name) in [
        ("--models", "models"),
        ("--files", "files"),
        ("--outputs", "outputs"),
        ("--cache", "cache"),
        ("--runtime", "runtime"),
    ] {
        run.arg(option).arg(home.join(name));
    }
    let done = run.output()?;
    let said = String::from_utf8(done.stderr)?;
    ensure!(done.status.success() && said.is_empty(), "{said}");
    for name in ["o.png", "n.txt", "r.json", "outputs/s.png"] {
        ensure!(fs::metadata(home.join(name))?.len() > 0, "{name}");
    }
    let again = |args: &[&str], paths: &[&Path]| -> Result<()> {
        let done = wuerst(&home.join("models"), args)?.args(paths).output()?;
        ensure!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    };
    let picture = home.join("o.png");
    let made = pair("image", &home.join("p.png"));
    let outputs = home.join("outputs");
    again(
        &["run", "--from"],
        &[&picture, Path::new("-o"), Path::new(&made), Path::new("--outputs"), &outputs],
    )?;
    again(&["inspect"], &[&home.join("models")])?;
    again(&["check"], &[&graph, Path::new("--outputs"), &outputs])?;
    again(
        &["graph", "--report"],
        &[
            &home.join("r.json"),
            &graph,
            Path::new("-o"),
            &home.join("g.html"),
            Path::new("--outputs"),
            &outputs,
        ],
    )?;
    again(
        &["generate", "apple", "--steps", "1", "-o"],
        &[&home.join("q.png"), Path::new("--graph"), &root().join(GRAPH)],
    )?;
    let int8 = home.join("int8");
    let models = home.join("models");
    again(&["convert", "--quantize", "int8", "--stages", "vqgan-encoder", "--out"], &[&int8, &models])?;
    again(&["manual"], &[&outputs])
}

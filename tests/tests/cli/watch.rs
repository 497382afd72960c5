//! `--watch`: the graph runs again when its file changes, and a mistake in it does not end that. And the shell's scripts and
//! the manual.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use wuerst_tests::built::{command, root};

/// The child ends with the test, also when that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a file has a content, as long as the program runs; a generous while, since only never is wrong.
fn becomes(child: &mut Child, file: &Path, content: &str) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        if fs::read_to_string(file).is_ok_and(|text| text.contains(content)) {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("the command ended: {status}");
        }
        sleep(Duration::from_millis(50));
    }
    bail!("{} never had {content:?}: {:?}", file.display(), fs::read_to_string(file));
}

#[test]
fn changed_graph_reruns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [graph, out, said] = ["graph.yaml", "out.txt", "said"].map(|name| folder.path().join(name));
    let write = |with: &str| {
        let text = "wuerstchen: 1\nnodes:\n  joined:\n    use: text.join\n    with: ";
        fs::write(&graph, format!("{text}{with}\noutputs:\n  text: $joined.text\n"))
    };
    write("{ a: one, b: apple }")?;
    let mut command = command()?;
    command.current_dir(root()).arg("run").arg(&graph).args(["--models", "tests/tiny", "--watch"]);
    command.arg("-o").arg(format!("text={}", out.display())).stderr(Stdio::from(fs::File::create(&said)?));
    let mut running = Running(command.spawn()?);
    becomes(&mut running.0, &out, "one")?;
    write("{ a: two, c: [ }")?;
    becomes(&mut running.0, &said, "graph.yaml:5")?;
    write("{ a: three, b: apples }")?;
    becomes(&mut running.0, &out, "three")
}

#[test]
fn shells_and_man_know_every_command() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |args: &[&str]| -> Result<String> {
        let output = command()?.args(args).output()?;
        ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell])?;
        assert!(script.contains("guidance") && script.contains("inspect"), "{shell}: {script}");
    }
    let path = folder.path().to_string_lossy();
    run(&["manual", &path])?;
    for command in [
        "generate", "run", "check", "lsp", "nodes", "tokens", "graph", "import", "convert", "inspect",
        "bench",
    ] {
        let page = fs::read_to_string(folder.path().join(format!("wuerst-{command}.1")))?;
        assert!(page.contains(".TH") && page.contains("help"), "{command}: {page}");
    }
    let refused = command()?.args(["manual", "/nowhere/at/all"]).output()?;
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("/nowhere/at/all")
    );
    Ok(())
}

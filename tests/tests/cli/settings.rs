//! Settings files: what they set, and what counts before them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use wuerst_tests::built::{command, root};

use crate::{models, stdout, succeeded, text};

/// The command without variables of its own, in the repository.
fn plain(args: &[&str]) -> Result<Command> {
    let mut command = command()?;
    let variables = ["WUERST_MODELS", "WUERST_CACHE", "WUERST_CONFIG"];
    for name in variables {
        command.env_remove(name);
    }
    command.current_dir(root()).args(args);
    Ok(command)
}

fn refused(mut command: Command) -> Result<String> {
    let output = command.output()?;
    assert!(!output.status.success());
    Ok(String::from_utf8(output.stderr)?)
}

#[test]
fn settings_reach_every_part() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::rename(models()?.keep(), at("models"))?;
    for name in ["in", "out", "graphs"] {
        fs::create_dir(at(name))?;
    }
    let settings = at("wuerst.yaml");
    fs::write(
        &settings,
        "settings: 1\nmodels: models\nthreads: 1\nfiles: in\noutputs: { folder: out, count: 1 }\n\
         cache: kept\nsubgraphs: { house.again: graphs/again.yaml }\n",
    )?;
    let again = "# Loads and saves.\nwuerstchen: 1\ninputs: { image: 'u8[h,w,3]' }\nnodes:\n  s: { use: image.save, with: \
                 { image: $image, name: b.webp } }\noutputs: { saved: $s.saved }\n";
    fs::write(at("graphs/again.yaml"), again)?;
    let graph = "wuerstchen: 1\nnodes:\n  a: { use: image.load, with: { file: a.png } }\n  \
                 s: { use: house.again, with: { image: $a.image } }\noutputs: { saved: $s.saved }\n";
    fs::write(at("graphs/main.yaml"), graph)?;
    let (config, main) = (text(&settings)?, at("graphs/main.yaml"));
    let (image, saved) = (at("in/a.png"), format!("saved={}", at("saved.txt").display()));
    succeeded(
        &plain(&["generate", "a", "-o", text(&image)?, "--steps", "2", "--config", config])?.output()?,
    )?;
    assert!(at("kept").is_dir());
    let run = ["run", text(&main)?, "-o", &saved];
    stdout({
        let mut command = plain(&run)?;
        command.env("WUERST_CONFIG", &settings);
        command
    })?;
    assert!(fs::read(at("out/b.webp"))?.starts_with(b"RIFF"));
    // An option counts before the file.
    let out = at("out");
    let elsewhere = ["--config", config, "--files", text(&out)?];
    let said = refused(plain(&[&run[..], &elsewhere].concat())?)?;
    assert!(said.contains("a.png"), "{said}");
    // So does the environment.
    let mut command = plain(&[&run[..], &["--config", config]].concat())?;
    command.env("WUERST_MODELS", at("none"));
    let said = refused(command)?;
    assert!(said.contains("none is not there"), "{said}");
    Ok(())
}

#[test]
fn wrong_settings_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = folder.path().join("wuerst.yaml");
    fs::write(&settings, "settings: 1\nthreads: four\n")?;
    let check =
        |config: &Path| refused(plain(&["check", "graphs/text-to-image.yaml", "--config", text(config)?])?);
    let said = check(&settings)?;
    assert!(said.contains("wuerst.yaml:2:10: threads: wants a number from 1 to 1024, not `four`"), "{said}");
    assert!(check(&folder.path().join("none.yaml"))?.contains("none.yaml"));
    // Not where a settings file is not named.
    let mut command = plain(&["nodes"])?;
    stdout({
        command.current_dir(folder.path());
        command
    })?;
    Ok(())
}

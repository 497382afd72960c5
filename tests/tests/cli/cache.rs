//! The cache folder of the command: what is not its own is never removed, and a folder that is not the user's alone is not
//! used.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{command, root};
use wuerst_tests::bundle;

use crate::GRAPH;

/// Makes a picture in this folder, with its models in `models`; gives what is said on stderr.
fn generate(folder: &Path, models: &str, more: &[&str]) -> Result<String> {
    let graph = root().join(GRAPH);
    let graph = graph.to_str().context("a path in UTF-8")?;
    let args = [
        "generate",
        "a red apple",
        "-o",
        "a.png",
        "--steps",
        "2",
        "--set",
        "decoder_steps=2",
        "--size",
        "128x128",
    ];
    let mut command = command()?;
    command.current_dir(folder).args(args).args(["--graph", graph, "--models", models]).args(more);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{said}");
    Ok(said)
}

/// The size of the models in a cache folder.
fn kept(cache: &Path) -> u64 {
    let entries = fs::read_dir(cache.join("wuerst-models")).into_iter().flatten().flatten();
    let files = entries.flat_map(|entry| fs::read_dir(entry.path())).flatten().flatten();
    files.map(|file| file.metadata().map_or(0, |about| about.len())).sum()
}

/// Two folders of the same models, which are two sets of models.
fn models(folder: &Path) -> Result<()> {
    for name in ["models/one", "models/two"] {
        fs::create_dir_all(folder.join(name))?;
        bundle::write_with_one_encoder(&folder.join(name))?;
    }
    Ok(())
}

#[test]
fn neighbours_of_cache_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    models(folder.path())?;
    let precious = folder.path().join("models/precious");
    fs::create_dir(&precious)?;
    fs::write(precious.join("weights.pt"), "weeks of training")?;
    File::open(&precious)?.set_modified(SystemTime::UNIX_EPOCH)?;
    fs::write(folder.path().join("lock"), "a letter")?;
    generate(folder.path(), "models/one", &["--cache", "."])?;
    let one = kept(folder.path());
    ensure!(one > 0, "models are kept");
    // As much as one of the sets takes.
    generate(folder.path(), "models/two", &["--cache", ".", "--cache-size", &one.to_string()])?;
    ensure!((1..=one).contains(&kept(folder.path())), "{} of {one} bytes", kept(folder.path()));
    generate(folder.path(), "models/one", &["--cache", ".", "--cache-size", &one.to_string()])?;
    assert_eq!(fs::read(precious.join("weights.pt"))?, b"weeks of training");
    assert_eq!(fs::read(folder.path().join("lock"))?, b"a letter");
    assert!(folder.path().join("models/two/prior.onnx").exists());
    Ok(())
}

#[test]
fn links_are_no_cache_folders() -> Result<()> {
    let folder = tempfile::tempdir()?;
    models(folder.path())?;
    let (home, cache) = (folder.path().join("home"), folder.path().join("cache"));
    fs::create_dir_all(home.join("letters"))?;
    File::open(home.join("letters"))?.set_modified(SystemTime::UNIX_EPOCH)?;
    fs::create_dir(&cache)?;
    for name in ["models", "wuerst-models", "wuerst-results"] {
        symlink(&home, cache.join(name))?;
    }
    symlink(&home, folder.path().join("link"))?;
    for (cache, models) in [("cache", "models/one"), ("link/", "models/two")] {
        let said = generate(folder.path(), models, &["--cache", cache, "--cache-size", "1M"])?;
        assert!(said.contains("is a link"), "{said}");
    }
    assert_eq!(fs::read_dir(&home)?.count(), 1, "nothing was written there");
    assert!(home.join("letters").is_dir());
    Ok(())
}

#[test]
fn shared_folders_hold_no_cache() -> Result<()> {
    let folder = tempfile::tempdir()?;
    models(folder.path())?;
    let cache = folder.path().join("cache");
    fs::create_dir(&cache)?;
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o1777))?;
    let said = generate(folder.path(), "models/one", &["--cache", "cache"])?;
    for what in ["results cannot be kept", "models cannot be kept"] {
        assert_eq!(said.matches(what).count(), 1, "{what}: {said}");
    }
    assert!(said.contains("others may write to cache: `chmod go-w` it"), "{said}");
    assert_eq!(fs::read_dir(&cache)?.count(), 0);
    Ok(())
}

#[test]
fn warnings_are_kept_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = folder.path().join("cache");
    let prompt = format!("prompt={}", "word ".repeat(200));
    let mut said = Vec::new();
    for _ in 0..2 {
        let output = format!("embedding={}", folder.path().join("e.npy").display());
        let args = ["run", GRAPH, "--models", "tests/tiny", "--set", &prompt, "--set", "steps=2", "-o"];
        let run = command()?
            .current_dir(root())
            .args(args)
            .arg(output)
            .arg("--cache")
            .arg(&cache)
            .arg("--explain")
            .output()?;
        ensure!(run.status.success(), "{run:?}");
        said.push((String::from_utf8(run.stdout)?, String::from_utf8(run.stderr)?));
    }
    let [(_, first), (explained, second)] = said.as_slice() else { unreachable!() };
    ensure!(first.contains("is longer than the 24 tokens") && first == second, "{first} {second}");
    ensure!(explained.contains("from the cache folder"), "{explained}");
    Ok(())
}

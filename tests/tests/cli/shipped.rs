//! The model that ships, found without being named, as in the README's first command.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use wuerst_tests::built::{command, png, root, tiny};

/// Whether `models/icons` is part of the repository. The commit that adds it sets this; the tests fail when one is there
/// without the other, so that they can never be skipped unnoticed.
const SHIPPED: bool = true;

/// The most that the model may take in the repository, in bytes.
const LARGEST: u64 = 90_000_000;

fn shipped() -> Option<PathBuf> {
    let folder = root().join("models/icons");
    assert_eq!(folder.is_dir(), SHIPPED, "SHIPPED in {} must say whether models/icons is there", file!());
    SHIPPED.then_some(folder)
}

fn generate(folder: &Path, picture: &str, threads: &str) -> Result<PathBuf> {
    let picture = folder.join(picture);
    let output = command()?
        // Elsewhere than in the repository: the program knows where it was built.
        .current_dir(folder)
        .args(["generate", "a red apple, twemoji style", "--seed", "7", "--threads", threads, "-o"])
        .arg(&picture)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(picture)
}

#[test]
fn model_is_whole_and_small() -> Result<()> {
    let Some(models) = shipped() else { return Ok(()) };
    let mut bytes = 0;
    for stage in ["text-encoder", "prior", "decoder", "vqgan-decoder", "vqgan-encoder", "compressor"] {
        bytes += fs::metadata(models.join(format!("{stage}.onnx")))?.len();
    }
    for file in ["tokenizer.json", "README.md"] {
        bytes += fs::metadata(models.join(file))?.len();
    }
    assert!(bytes <= LARGEST, "{bytes} bytes");
    let check = command()?.current_dir(root()).args(["check", "graphs/text-to-image.yaml"]).output()?;
    ensure!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    Ok(())
}

#[test]
fn prompt_becomes_same_picture_everywhere() -> Result<()> {
    if shipped().is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let first = generate(folder.path(), "a.png", "1")?;
    assert!(fs::read(&first)? == fs::read(generate(folder.path(), "b.png", "3")?)?, "threads change it");

    let ([height, width], rgb) = png(&first)?;
    assert!(height >= 64 && width >= 64, "{width}x{height}");
    let colours: HashSet<&[u8]> = rgb.chunks(3).collect();
    assert!(colours.len() > 100, "{} colours are no picture", colours.len());
    Ok(())
}

#[test]
fn previews_are_written_at_intervals() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let previews = folder.path().join("previews");
    fs::create_dir(&previews)?;
    let make = |more: &[&str]| -> Result<std::process::Output> {
        let mut command = command()?;
        command.current_dir(root()).env("WUERST_MODELS", tiny()).args([
            "generate",
            "a red apple",
            "--steps",
            "5",
            "--set",
            "decoder_steps=2",
        ]);
        Ok(command.arg("-o").arg(folder.path().join("a.png")).args(more).output()?)
    };
    let path = previews.to_string_lossy();
    let output = make(&["--preview", &path, "--preview-every", "2"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<_> = fs::read_dir(&previews)?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["decoder-0002.png", "prior-0002.png", "prior-0004.png", "prior-0005.png"]);
    assert_eq!(png(&previews.join("prior-0002.png"))?.0, [64, 64]);
    assert_eq!(png(&previews.join("decoder-0002.png"))?.0, [64, 64]);
    let refused = make(&["--preview-every", "2"])?;
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--preview"));
    Ok(())
}

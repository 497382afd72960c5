//! Which ONNX Runtime `libwuerst.so` uses, in hosts that name one, have one, or have none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{c_program, c_tool, library, root};
use wuerst_tests::bundle;

const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The library that tests use, and copies of it, each in a folder of its own.
struct Runtimes {
    folder: tempfile::TempDir,
    real: PathBuf,
}

impl Runtimes {
    fn new() -> Result<Runtimes> {
        let real = std::env::var_os(VARIABLE).context("ORT_DYLIB_PATH")?;
        // Tests run in the folder of their crate, and the variable is relative to the repository or absolute.
        let real = fs::canonicalize(&real).or_else(|_| fs::canonicalize(root().join(&real)))?;
        let folder = tempfile::tempdir()?;
        bundle::write_with_one_encoder(&folder.path().join("models"))?;
        Ok(Runtimes { folder, real })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn copy(&self, name: &str) -> Result<PathBuf> {
        let at = self.path(name);
        fs::create_dir_all(at.parent().context("a folder")?)?;
        fs::copy(&self.real, &at)?;
        Ok(fs::canonicalize(at)?)
    }

    /// Output of the program without the variable.
    fn said(&self, program: &Path, arguments: &[&str], variable: Option<&Path>) -> Result<String> {
        let mut command = Command::new(program);
        command.env_remove(VARIABLE).arg(self.path("models")).args(arguments);
        if let Some(variable) = variable {
            command.env(VARIABLE, variable);
        }
        let output = command.output()?;
        let text = String::from_utf8(output.stdout)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && stderr.is_empty(), "{}: {text}{stderr}", output.status);
        Ok(text.trim_end().to_owned())
    }
}

#[test]
fn first_of_four_places_counts() -> Result<()> {
    let runtimes = Runtimes::new()?;
    let program = c_program("runtime", "c99", &runtimes.path(""))?;
    let named = runtimes.copy("named/libonnxruntime.so.1.28.0")?;
    let loaded = runtimes.copy("loaded/libonnxruntime.so.1")?;
    let (named_text, loaded_text) = (named.to_str().context("UTF-8")?, loaded.to_str().context("UTF-8")?);
    let said = |arguments: &[&str], variable: Option<&Path>| runtimes.said(&program, arguments, variable);

    // The host's choice overrides the variable.
    let nowhere = Path::new("/nowhere/libonnxruntime.so");
    assert_eq!(said(&["named", named_text], Some(nowhere))?, named_text);
    let folder = named.parent().and_then(Path::to_str).context("UTF-8")?;
    assert_eq!(said(&["named", folder], None)?, named_text, "a folder stands for the library in it");
    assert_eq!(said(&["based", named_text], Some(nowhere))?, named_text);
    // The variable, though the host has another one loaded.
    assert_eq!(said(&["loaded", loaded_text], Some(&named))?, named_text);
    // A loaded runtime is preferred to one next to the library.
    let beside = runtimes.copy("libonnxruntime.so.1.28.0")?;
    fs::copy(library()?, runtimes.path("libwuerst.so"))?;
    fs::remove_file(runtimes.path("libwuerst.so.0"))?;
    fs::rename(runtimes.path("libwuerst.so"), runtimes.path("libwuerst.so.0"))?;
    assert_eq!(said(&["loaded", loaded_text], None)?, loaded_text);
    // A runtime next to the library.
    assert_eq!(Some(said(&["found"], None)?.as_str()), beside.to_str());
    Ok(())
}

#[test]
fn missing_library_lists_places() -> Result<()> {
    let runtimes = Runtimes::new()?;
    let program = c_program("runtime", "c99", &runtimes.path(""))?;
    let said = runtimes.said(&program, &["missing"], None)?;
    let beside = library()?.parent().context("a folder")?.canonicalize()?;
    for part in ["among the process's libraries", VARIABLE, "`runtime`", &beside.display().to_string()] {
        assert!(said.contains(part), "{said}");
    }
    Ok(())
}

#[test]
fn unfit_runtime_is_refused_then_good_one_works() -> Result<()> {
    let runtimes = Runtimes::new()?;
    let program = c_program("runtime", "c99", &runtimes.path(""))?;
    let real = runtimes.real.to_str().context("UTF-8")?;
    assert_eq!(runtimes.said(&program, &["refused", real], None)?, real);
    Ok(())
}

#[test]
fn two_library_copies_coexist() -> Result<()> {
    let runtimes = Runtimes::new()?;
    let program = c_tool("copies", "c99", &runtimes.path(""))?;
    let copies = ["one", "two"].map(|name| runtimes.path(&format!("{name}/libwuerst.so")));
    for copy in &copies {
        fs::create_dir_all(copy.parent().context("a folder")?)?;
        fs::copy(library()?, copy)?;
    }
    let output = Command::new(program)
        .args(&copies)
        .arg(runtimes.path("models"))
        .arg(root().join("graphs/text-to-image.yaml"))
        .env(VARIABLE, &runtimes.real)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && output.stderr.is_empty(), "{}: {said}", output.status);
    Ok(())
}

//! The Python module over the library: its own tests, run by the Python that is here.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{library, root};
use wuerst_tests::bundle;

#[test]
fn module_passes_its_tests() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    let tested = Command::new("python3")
        .args(["-W", "error", "-m", "unittest", "-v", "test_wuerst", "test_graphs", "test_installed"])
        .current_dir(root().join("crates/capi/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WUERST_LIBRARY", library()?)
        .env("WUERST_TEST_MODELS", folder.path())
        .env("WUERST_TEST_GRAPH", root().join("graphs/text-to-image.yaml"))
        .output()
        .context("python3")?;
    let said = String::from_utf8_lossy(&tested.stderr);
    ensure!(tested.status.success(), "{said}");
    // A test that is not found is not a test that passed.
    assert!(said.contains("test_a_picture_with_progress") && said.contains("\nOK"), "{said}");
    Ok(())
}

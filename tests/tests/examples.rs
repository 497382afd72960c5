//! The examples in Rust run from the repository's folder, as their first lines say.

use std::process::Command;

use anyhow::{Result, ensure};
use wuerst_tests::built::{root, rust_example};

/// Runs an example and gives what it printed.
fn printed(name: &str, arguments: &[&str]) -> Result<String> {
    let path = rust_example(name)?;
    let output = Command::new(path).args(arguments).current_dir(root()).output()?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn text_to_image_writes_a_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("apple.png");
    let said = printed("text_to_image", &["a red apple, twemoji style", &path.display().to_string()])?;
    let ([height, width], _) = wuerst_tests::built::png(&path)?;
    assert!(said.ends_with(&format!("{width}x{height}\n")), "{said}");
    Ok(())
}

#[test]
fn own_node_gives_a_negative() -> Result<()> {
    let said = printed("own_node", &[])?;
    assert_eq!(said.matches("u8[64,64,3]").count(), 2, "{said}");
    Ok(())
}

#[test]
fn replaced_stage_gives_a_picture() -> Result<()> {
    let said = printed("replace_stage", &[])?;
    assert!(said.contains("u8[64,64,3]"), "{said}");
    Ok(())
}

#[test]
fn preview_and_cancel_ends_and_goes_on() -> Result<()> {
    let said = printed("preview_and_cancel", &[])?;
    assert!(said.contains("cancelled\nagain: u8[64,64,3]"), "{said}");
    Ok(())
}

#[test]
fn batch_gives_pictures_and_grid() -> Result<()> {
    let said = printed("batch", &[])?;
    assert!(said.contains("images 3 of 3") && said.contains("third line: u8[130,130,3]"), "{said}");
    Ok(())
}

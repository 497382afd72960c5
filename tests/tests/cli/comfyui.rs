//! Pictures that ComfyUI saved after one of our graph nodes (`.ci/hosts comfyui` makes them with ComfyUI itself).

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use wuerst_tests::built::{png as pixels, tiny};

use crate::{stdout, wuerst};

/// A picture with the text that ComfyUI's node for saving writes.
fn saved(path: &Path, prompt: &str) -> Result<()> {
    let mut encoder = png::Encoder::new(File::create(path)?, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("prompt".to_owned(), prompt.to_owned())?;
    Ok(encoder.write_header()?.write_image_data(&[0; 3])?)
}

#[test]
fn picture_of_a_graph_node_is_made_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let text = |name: &str| at(name).to_str().map(str::to_owned).context("UTF-8");
    // Numbers below their range are left out: the model decides.
    let prompt = r#"{"1": {"class_type": "wuerst_graph_text_to_image", "inputs": {"models": "icons", "prompt": "a \u00fc",
        "negative": "", "width": 0, "height": 0, "seed": 4294967303, "steps": 2, "guidance": -1.0, "decoder_steps": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}"#;
    saved(&at("a.png"), prompt)?;
    let again = format!("image={}", text("b.png")?);
    stdout(wuerst(&tiny(), &["run", "--from", &text("a.png")?, "-o", &again])?)?;
    let command = format!("image={}", text("c.png")?);
    let set = ["--set", "prompt=a ü", "--set", "seed=7", "--set", "steps=2", "-o", &command];
    stdout(wuerst(&tiny(), &[&["run", "graphs/text-to-image.yaml"][..], &set].concat())?)?;
    assert_eq!(pixels(&at("b.png"))?, pixels(&at("c.png"))?);
    // The copy holds its own recipe.
    let copy = format!("image={}", text("d.png")?);
    stdout(wuerst(&tiny(), &["run", "--from", &text("b.png")?, "-o", &copy])?)?;
    assert_eq!(fs::read(at("b.png"))?, fs::read(at("d.png"))?);
    Ok(())
}

#[test]
fn other_pictures_of_comfyui_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let refused = |prompt: &str| -> Result<String> {
        saved(&at("a.png"), prompt)?;
        let output = format!("image={}", at("b.png").display());
        let from = at("a.png").to_str().context("UTF-8")?.to_owned();
        let run = wuerst(&tiny(), &["run", "--from", &from, "-o", &output])?.output()?;
        assert!(!run.status.success() && !at("b.png").exists());
        Ok(String::from_utf8(run.stderr)?)
    };
    let said = refused(r#"{"1": {"class_type": "KSampler", "inputs": {}}}"#)?;
    assert!(
        said.contains("a.png was made by ComfyUI") && said.contains("none of its nodes is a Würstchen graph"),
        "{said}"
    );
    let said = refused(r#"{"1": {"class_type": "wuerst_user_mine", "inputs": {}}}"#)?;
    assert!(said.contains("name that graph too"), "{said}");
    let said = refused("{")?;
    assert!(said.contains("not JSON"), "{said}");
    // What another node made is not in the picture.
    let wired = r#"{"1": {"class_type": "wuerst_graph_image_to_image", "inputs": {"prompt": "a", "image": ["2", 0]}}}"#;
    let said = refused(wired)?;
    assert!(said.contains("image"), "{said}");
    Ok(())
}

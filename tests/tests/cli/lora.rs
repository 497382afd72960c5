//! LoRAs that `wuerst import` and `wuerst convert` merge.

use std::fs;

use anyhow::Result;
use wuerst_tests::bundle::{CASCADE, PLAIN};

use crate::convert::{fails, succeeds};
use crate::{contents, text};

/// A file of the reference.
fn file(name: &str) -> String {
    CASCADE.path(&format!("lora/{name}")).display().to_string()
}

#[test]
fn merged_stage_names_its_loras_and_strength_0_changes_no_byte() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let source = CASCADE.source();
    succeeds(&["import", text(&source.prior)?, text(&source.decoder)?, "--out", text(&path("base"))?])?;
    let convert = |name: &str, more: &[&str]| -> Result<_> {
        let (base, out) = (path("base"), path(name));
        let args = ["convert", text(&base)?, "--stages", "prior", "--out", text(&out)?];
        succeeds(&[&args[..], more].concat())?;
        contents(&out)
    };
    let plain = convert("plain", &[])?;
    let none = convert("none", &["--lora", &format!("prior={}{{strength=0}}", file("peft.safetensors"))])?;
    assert!(plain == none);
    let (half, again) = (
        format!("prior={}{{strength=0.5}}", file("peft.safetensors")),
        format!("prior={}", file("authors.safetensors")),
    );
    let both = convert("both", &["--lora", &half, "--lora", &again])?;
    assert!(both["prior.onnx"] != plain["prior.onnx"] && both["decoder.onnx"] == plain["decoder.onnx"]);
    let shown = succeeds(&["inspect", text(&path("both/prior.onnx"))?])?;
    assert!(shown.contains("peft.safetensors{strength=0.5}, authors.safetensors{strength=1}"), "{shown}");
    let merged = path("merged");
    let import =
        ["import", text(&source.prior)?, text(&source.decoder)?, "--out", text(&merged)?, "--lora", &half];
    succeeds(&import)?;
    assert!(contents(&merged)?["prior.onnx"] != plain["prior.onnx"]);
    Ok(())
}

/// The option is no part of the graph, so the picture names file and strength, and asks for the LoRA again.
#[test]
fn pictures_record_their_loras() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let models = path("models");
    CASCADE.import(&models, &Default::default())?;
    let graph = models.join("graph.yaml");
    let lora = format!("prior={}{{strength=0.5}}", file("peft.safetensors"));
    let run = |from: &[&str], name: &str, more: &[&str]| -> Result<Vec<u8>> {
        let out = format!("image={}", path(name).display());
        let sets =
            ["--set", "width=64", "--set", "height=64", "--set", "steps=2", "--set", "decoder_steps=1"];
        let args =
            [&["run"][..], from, &["--models", text(&models)?, "-o", &out, "--set", "prompt=a"], &sets, more];
        succeeds(&args.concat())?;
        Ok(fs::read(path(name))?)
    };
    let graph = [text(&graph)?];
    let plain = run(&graph, "plain.png", &[])?;
    let styled = run(&graph, "styled.png", &["--lora", &lora])?;
    let none = format!("prior={}{{strength=0}}", file("peft.safetensors"));
    assert!(plain != styled);
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).map(image::DynamicImage::into_bytes);
    assert!(pixels(&run(&graph, "none.png", &["--lora", &none])?)? == pixels(&plain)?);
    let said = String::from_utf8_lossy(&styled).into_owned();
    assert!(said.contains(r#"{"prior":"peft.safetensors{strength=0.5}"}"#));
    let picture = path("styled.png");
    let from = ["--from", text(&picture)?];
    assert!(run(&from, "again.png", &["--lora", &lora])? == styled);
    let out = format!("image={}", path("other.png").display());
    let message = fails(&["run", "--from", text(&picture)?, "--models", text(&models)?, "-o", &out])?;
    assert!(message.contains("was made with a LoRA of `prior`, peft.safetensors{strength=0.5}"), "{message}");
    assert!(message.contains("--lora 'prior=FILE{strength=") && !path("other.png").exists(), "{message}");
    Ok(())
}

#[test]
fn wrong_loras_write_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (base, out) = (folder.path().join("base"), folder.path().join("out"));
    PLAIN.import(&base, &Default::default())?;
    let cut = folder.path().join("cut.safetensors");
    fs::write(&cut, &fs::read(file("peft.safetensors"))?[..5000])?;
    let weights = CASCADE.path("single/stage_c_bf16.safetensors").display().to_string();
    for (lora, said) in [
        (format!("prior={}", file("peft.safetensors")), "16 of its 16 layers have no place in prior"),
        (format!("prior={}", text(&cut)?), "cut.safetensors: is not a readable safetensors file"),
        (format!("prior={weights}"), "stage_c_bf16.safetensors: is no LoRA"),
        ("prior=nowhere.safetensors".to_owned(), "nowhere.safetensors: "),
        (format!("pryor={}", file("peft.safetensors")), "there is no single stage `pryor`"),
        (format!("text-encoder={}", file("authors.safetensors")), "there is no single stage `text-encoder`"),
        ("prior=a{strength=much}".to_owned(), "strength `much` is not a number"),
        (file("peft.safetensors"), "a LoRA is given as STAGE=FILE"),
    ] {
        let message = fails(&["convert", text(&base)?, "--out", text(&out)?, "--lora", &lora])?;
        assert!(message.contains(said) && !out.exists(), "{message}");
    }
    Ok(())
}

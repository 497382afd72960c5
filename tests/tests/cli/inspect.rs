//! `wuerst inspect FILE`: what a file is, by its content.

use std::fs;

use anyhow::Result;
use wuerst_tests::built::root;
use wuerst_tests::bundle::{CASCADE, PLAIN};

use crate::convert::{fails, succeeds};
use crate::text;

#[test]
fn files_are_told_apart_by_content() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let named = |name: &str, bytes: &[u8]| -> Result<std::path::PathBuf> {
        let path = folder.path().join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    let weights = |key: &str| {
        let header =
            serde_json::json!({ key: { "dtype": "F32", "shape": [1], "data_offsets": [0, 4] } }).to_string();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat()
    };
    let of = |bundle: wuerst_tests::bundle::Bundle, path: &str| bundle.path(path);
    let safetensors = "diffusion_pytorch_model.safetensors";
    for (path, parts) in [
        (
            of(CASCADE, "lora/peft.safetensors"),
            &[
                "a LoRA for a network like Stable Cascade's large prior with matrices of 40 inputs",
                "ranks          3",
            ][..],
        ),
        (
            of(CASCADE, "lora/authors.safetensors"),
            &["a LoRA for a network with", "token rows     for the text encoder"],
        ),
        (of(CASCADE, "lora/dora.safetensors"), &["a DoRA for", "layers         2"]),
        (
            of(CASCADE, "single/stage_c_bf16.safetensors"),
            &["the weights of a stage C of Stable Cascade, of widths 40, 40"],
        ),
        (of(CASCADE, "single/stage_b_bf16.safetensors"), &["the weights of a stage B of Stable Cascade"]),
        (of(CASCADE, "stable-cascade-prior/text_encoder/model.safetensors"), &["a text encoder (CLIP)"]),
        (of(CASCADE, "stable-cascade-prior/image_encoder/model.safetensors"), &["an image encoder (CLIP)"]),
        (of(PLAIN, &format!("wuerstchen-prior/prior/{safetensors}")), &["a prior of Würstchen v2"]),
        (of(PLAIN, &format!("wuerstchen/decoder/{safetensors}")), &["a decoder of Würstchen v2"]),
        (of(PLAIN, &format!("wuerstchen/vqgan/{safetensors}")), &["a VQGAN"]),
        (
            named("a.bin", &weights("x.lokr_w1"))?,
            &["an adapter that cannot be used: it has LoKr, which is not supported"],
        ),
        (named("b.bin", &weights("controlnet_blocks.0.weight"))?, &["a ControlNet: it steers a network"]),
        (named("c.bin", &weights("x"))?, &["weights of a network that is not known here"]),
        (
            named("d.bin", &fs::read(root().join("graphs/text-to-image.yaml"))?)?,
            &["a graph: `wuerst check` checks it"],
        ),
        (named("e.bin", b"settings: 1\n")?, &["settings of an engine, for `--config`"]),
        (of(CASCADE, "expected/photo.png"), &["a PNG picture of ", "that does not say how it was made"]),
        (named("f.bin", &[0xff, 0xd8, 0xff, 0xe0])?, &["a JPEG picture"]),
    ] {
        let said = succeeds(&["inspect", text(&path)?])?;
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}\n{said}");
    }
    let zip = named("g.pth", b"PK\x03\x04")?;
    assert!(fails(&["inspect", text(&zip)?])?.contains("is in PyTorch's zip format; save it as safetensors"));
    let other = named("h.bin", b"hello")?;
    assert!(fails(&["inspect", text(&other)?])?.contains("not an ONNX file"));
    Ok(())
}

#[test]
fn pictures_show_their_recipe() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("apple.png");
    succeeds(&["generate", "a red apple", "--seed", "7", "-o", text(&picture)?])?;
    let said = succeeds(&["inspect", text(&picture)?])?;
    assert!(
        said.contains("a PNG picture of 64x64 pixels with its recipe, for `wuerst run --from`"),
        "{said}"
    );
    assert!(said.contains("prompt=a red apple, seed=7") && said.contains("prior="), "{said}");
    Ok(())
}

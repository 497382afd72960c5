//! Stable Cascade, held against diffusers from the prompt and the seed alone.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use ndarray::{ArrayD, Axis};
use wuerst::{Engine, Job, Value};
use wuerst_model::compressor::{self, CompressorConfig};
use wuerst_model::contract::Sizes;
use wuerst_model::import::{ImportOptions, ImportSource, Published};
use wuerst_model::onnx::Precision;
use wuerst_tests::bundle::CASCADE;
use wuerst_tests::numbers::{random_weights, relative_error};

use crate::{bytes, f32s, imported, options, said, set_case_of};

#[test]
fn seed_alone_gives_diffusers_picture() -> Result<()> {
    let (_folder, job) = imported(CASCADE, &ImportOptions::default())?;
    set_case_of(&job, CASCADE)?;
    let values = job.get_all(&["embedding", "image"], &mut ())?;
    let error = relative_error(&f32s(&values[0]), &CASCADE.expected("image_embeddings")?)?;
    println!("image_embeddings: relative error {error:.1e}");
    assert!(error <= 1e-3, "{error:e}");
    let (image, want) = (f32s(&values[1]).insert_axis(Axis(0)), CASCADE.expected::<f32>("image")?);
    assert_eq!(image.shape(), want.shape());
    let apart = image.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
    println!("image: {apart:.1e}");
    assert!(apart <= 1e-3, "{apart}");
    Ok(())
}

#[test]
fn photo_is_varied_as_by_diffusers() -> Result<()> {
    let (folder, _) = imported(CASCADE, &ImportOptions::default())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let text = std::fs::read_to_string(folder.path().join("image-variation.yaml"))?;
    let job = engine.job(&engine.graph(&text)?);
    set_case_of(&job, CASCADE)?;
    job.set_text("image", &CASCADE.path("expected/photo.png").display().to_string())?;
    let got = f32s(&job.get("embedding", &mut ())?);
    let error = relative_error(&got, &CASCADE.expected("variation_embeddings")?)?;
    println!("variation_embeddings: relative error {error:.1e}");
    // Bytes of the resized photo differ by one here and there.
    assert!(error <= 1e-3, "{error:e}");
    job.set("strength", 0.)?;
    let none = f32s(&job.get("embedding", &mut ())?);
    let error = relative_error(&none, &CASCADE.expected("image_embeddings")?)?;
    assert!(error <= 1e-3, "a picture that does not count: {error:e}");
    Ok(())
}

#[test]
fn tokens_are_diffusers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let graph = "wuerstchen: 1\ninputs: { text: text }\nnodes:\n  ids: { use: wuerst.tokenize, with: { text: $text, \
                 model: text-encoder } }\noutputs: { ids: $ids.ids, mask: $ids.mask }\n";
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(graph)?);
    let case: serde_json::Value = CASCADE.json("expected/case.json")?;
    for (output, name) in [("ids", "token_ids"), ("mask", "attention_mask")] {
        let mut got = vec![];
        for text in ["prompt", "negative", "long"] {
            job.set("text", case[text].as_str().unwrap_or_default())?;
            got.extend(bytes(&job.get(output, &mut ())?));
        }
        let want = CASCADE.expected::<i64>(name)?;
        assert!(got.into_iter().eq(want.iter().flat_map(|id| id.to_ne_bytes())), "{name} differ");
    }
    Ok(())
}

/// A job over the bundle's models, few steps, and this size.
fn sized(width: i64, height: i64) -> Result<(tempfile::TempDir, Job)> {
    let (folder, job) = imported(CASCADE, &ImportOptions::default())?;
    job.set("prompt", "a red apple")?;
    job.set("steps", 2)?;
    job.set("decoder_steps", 1)?;
    job.set("width", width)?;
    job.set("height", height)?;
    Ok((folder, job))
}

#[test]
fn sizes_are_multiples_of_eight() -> Result<()> {
    for (width, height) in [(64, 72), (168, 136), (184, 96)] {
        let (_folder, job) = sized(width, height)?;
        let Value::Tensor(image) = job.get("image", &mut ())? else { anyhow::bail!("no picture") };
        assert_eq!(image.shape(), [height as usize, width as usize, 3]);
    }
    let refused = |width, height| -> Result<String> {
        let made = sized(width, height).and_then(|(_folder, job)| Ok(job.get("image", &mut ())?));
        Ok(made.err().context("it is made")?.to_string())
    };
    let message = refused(100, 128)?;
    assert!(message.contains("100 pixels; the nearest that it can are 96 and 104"), "{message}");
    assert!(refused(56, 128)?.contains("is 64"));
    Ok(())
}

#[test]
fn settings_of_the_authors_change_the_picture() -> Result<()> {
    let (_folder, job) = sized(64, 64)?;
    let plain = f32s(&job.get("image", &mut ())?);
    for (input, value) in [("shift", 2.), ("rescale", 0.7), ("decoder_shift", 2.), ("decoder_guidance", 1.1)]
    {
        let (_folder, job) = sized(64, 64)?;
        job.set(input, value)?;
        let other = f32s(&job.get("image", &mut ())?);
        assert!(relative_error(&other, &plain)? > 1e-3, "{input}");
    }
    Ok(())
}

#[test]
fn f16_models_are_near() -> Result<()> {
    let of = |precision| -> Result<ArrayD<f32>> {
        let (_folder, job) = imported(CASCADE, &ImportOptions { precision, ..ImportOptions::default() })?;
        set_case_of(&job, CASCADE)?;
        Ok(f32s(&job.get("image", &mut ())?))
    };
    let error = relative_error(&of(Precision::F16)?, &of(Precision::F32)?)?;
    println!("f16 against f32: {error:.1e}");
    assert!(error <= 2e-2 && error > 1e-6, "{error:e}");
    Ok(())
}

#[test]
fn models_of_the_other_family_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let text = std::fs::read_to_string(folder.path().join("graph.yaml"))?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let refused = |text: &str| said(engine.graph(text).map(drop));
    let without = refused(&text.replace("      pooled: $decoder_text.pooled\n", ""));
    assert!(
        without.contains("`pooled`") && without.contains("wire what its text encoder gives"),
        "{without}"
    );
    let with = text.replace(
        "      pooled: $decoder_text.pooled\n",
        "      pooled: $decoder_text.pooled\n      text: $decoder_text.states\n",
    );
    assert!(refused(&with).contains("takes no `text`: leave it out"), "{}", refused(&with));
    Ok(())
}

/// Weights of the authors' encoder of pictures, which has no scale in its last norm.
fn encoder(path: &Path) -> Result<()> {
    let config = CompressorConfig { affine: false, ..CompressorConfig::default() };
    let sizes = Sizes { batch: 1, height: 64, width: 64, embedding: [1, 1], length: 1 };
    let graph = compressor::graph(&config, &sizes)?;
    let (mut header, mut data, weights) = (serde_json::Map::new(), vec![], random_weights(&graph));
    for param in &graph.params {
        let weight = weights(&param.name).map_err(|e| anyhow::anyhow!("{e}"))?;
        let start = data.len();
        data.extend(weight.data.iter().flat_map(|value| value.to_le_bytes()));
        let about =
            serde_json::json!({ "dtype": "F32", "shape": param.shape, "data_offsets": [start, data.len()] });
        header.insert(param.name.clone(), about);
    }
    let header = serde_json::Value::Object(header).to_string();
    Ok(std::fs::write(path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat())?)
}

#[test]
fn photo_is_made_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, out) = (folder.path().join("effnet.safetensors"), folder.path().join("models"));
    encoder(&file)?;
    let published = Published::open(&ImportSource { compressor: Some(file), ..CASCADE.source() })?;
    published.write(&out, &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(()))?;
    let engine = Engine::new(options(&out, 1))?;
    let job = engine.job(&engine.graph(&std::fs::read_to_string(out.join("image-to-image.yaml"))?)?);
    let photo = CASCADE.path("expected/photo.png");
    job.set_text("image", &photo.display().to_string())?;
    job.set("prompt", "a red apple")?;
    for (input, value) in [("steps", 2), ("decoder_steps", 1), ("width", 88), ("height", 64)] {
        job.set(input, value)?;
    }
    // 56x40 pixels have 2x1 cells of the embedding.
    job.set("strength", 0.)?;
    let kept = f32s(&job.get("embedding", &mut ())?);
    assert_eq!(kept.shape(), [1, 16, 1, 2]);
    job.set("strength", 0.7)?;
    assert!(relative_error(&f32s(&job.get("embedding", &mut ())?), &kept)? > 1e-2);
    let Value::Tensor(image) = job.get("image", &mut ())? else { anyhow::bail!("no picture") };
    assert_eq!(image.shape(), [64, 88, 3]);
    Ok(())
}

/// Several pictures, each with a strength, are what diffusers makes of one if the others do not count.
#[test]
fn pictures_are_varied_together() -> Result<()> {
    let (folder, _) = imported(CASCADE, &ImportOptions::default())?;
    let text = std::fs::read_to_string(folder.path().join("image-variation.yaml"))?;
    let other = "nodes:\n  first:\n    use: wuerst.clip_image\n    with: { image: $picture.image, strength: 0.5, model: \
                 image-encoder }\n";
    let text = text
        .replace("nodes:\n", other)
        .replace("strength: $strength, ", "strength: $strength, others: $first.embeds, ");
    let text = text.replace("outputs:\n", "outputs:\n  embeds: $shown.embeds\n");
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(&text)?);
    set_case_of(&job, CASCADE)?;
    job.set_text("image", &CASCADE.path("expected/photo.png").display().to_string())?;
    let embeds = f32s(&job.get("embeds", &mut ())?);
    assert_eq!(embeds.shape(), [1, 2, 24]);
    let halves =
        embeds.index_axis(Axis(1), 0).iter().zip(embeds.index_axis(Axis(1), 1)).all(|(a, b)| 2. * a == *b);
    assert!(halves, "the first counts half");
    let both = f32s(&job.get("embedding", &mut ())?);
    let one = CASCADE.expected::<f32>("variation_embeddings")?;
    assert_eq!(both.shape(), one.shape());
    assert!(relative_error(&both, &one)? > 1e-3);
    Ok(())
}

/// Encodes and decodes a picture within `mebibytes`; returns the picture, the latents, and the tiles of each half.
fn through_vqgan(
    folder: &Path,
    photo: &Path,
    mebibytes: i64,
) -> Result<(ArrayD<f32>, ArrayD<f32>, Vec<usize>)> {
    let graph = format!(
        "wuerstchen: 1\ninputs: {{ image: file }}\nnodes:\n  picture: {{ use: image.load, with: {{ file: $image }} }}\n  \
         large: {{ use: image.resize, with: {{ image: $picture.image, width: 336, height: 240 }} }}\n  \
         looks: {{ use: wuerst.vqgan_encode, with: {{ image: $large.image, model: vqgan-encoder, memory: {mebibytes} }} }}\n  \
         again: {{ use: wuerst.vqgan_decode, with: {{ latents: $looks.latents, model: vqgan-decoder, memory: {mebibytes} }} }}\n\
         outputs: {{ latents: $looks.latents, pixels: $again.pixels }}\n"
    );
    let engine = Engine::new(options(folder, 1))?;
    let job = engine.job(&engine.graph(&graph)?);
    job.set_text("image", &photo.display().to_string())?;
    let values = job.get_all(&["latents", "pixels"], &mut ())?;
    let report = job.report();
    let tiles = ["looks", "again"]
        .map(|name| report.nodes.iter().filter(|node| node.node == name).map(|node| node.usage.tiles).sum());
    Ok((f32s(&values[0]), f32s(&values[1]), tiles.to_vec()))
}

#[test]
fn tiles_are_the_whole_picture() -> Result<()> {
    let (folder, _) = imported(CASCADE, &ImportOptions::default())?;
    let photo = CASCADE.path("expected/photo.png");
    let (latents, pixels, whole) = through_vqgan(folder.path(), &photo, 4096)?;
    assert_eq!(whole, [0, 0]);
    let (in_tiles, of_tiles, tiles) = through_vqgan(folder.path(), &photo, 3)?;
    println!("tiles: {tiles:?}");
    assert!(tiles.iter().all(|count| *count > 3), "{tiles:?}");
    for (got, want) in [(in_tiles, latents), (of_tiles, pixels)] {
        let error = relative_error(&got, &want)?;
        println!("tiles: relative error {error:.1e}");
        assert!(error <= 1e-5, "{error:e}");
    }
    Ok(())
}

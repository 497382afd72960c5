//! Stable Cascade, held against diffusers from the prompt and the seed alone.

use anyhow::Result;
use ndarray::{ArrayD, Axis};
use wuerst::{Engine, Job, Value};
use wuerst_model::import::ImportOptions;
use wuerst_model::onnx::Precision;
use wuerst_tests::bundle::CASCADE;
use wuerst_tests::numbers::relative_error;

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
    let (_folder, job) = sized(100, 128)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("100 pixels; the nearest that it can are 96 and 104"), "{message}");
    let (_folder, job) = sized(56, 128)?;
    assert!(said(job.get("image", &mut ())).contains("is 64"));
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

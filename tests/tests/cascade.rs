//! Every stage of Stable Cascade against what diffusers computes with the same weights.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use ndarray::{ArrayD, Axis, Slice, concatenate};
use tempfile::TempDir;
use wuerst_model::cascade::{self, CascadeConfig, SelfAttention};
use wuerst_model::contract::Sizes;
use wuerst_model::import::{ImportOptions, ImportSource, Models, Published};
use wuerst_model::lora::LoraOption;
use wuerst_model::noise::Noise;
use wuerst_model::onnx::{self, Compute, ExportOptions, Operators, Precision};
use wuerst_model::{schedule, time};
use wuerst_tests::bundle::CASCADE;
use wuerst_tests::numbers::{Random, random_weights, relative_error};
use wuerst_tests::runtime::{Array, Model};

/// What a test allows: largest difference over largest magnitude.
const TOLERANCE: f32 = 1e-4;

fn imported(options: &ImportOptions) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), options)?;
    Ok(folder)
}

fn model(folder: &Path, stage: &str) -> Result<Model> {
    Model::from_file(&folder.join(format!("{stage}.onnx")))
}

fn expected(name: &str) -> Result<ArrayD<f32>> {
    CASCADE.expected(name)
}

/// Rows of `time_embedding`: of the time, and of conditions.
fn embedded(times: &ArrayD<f32>, conditions: &[f32]) -> Result<Array> {
    let mut row = vec![];
    for time in times {
        row.extend(time::embedding(&[*time], 64, 1));
        conditions.iter().for_each(|condition| row.extend(time::embedding(&[*condition], 64, 1)));
    }
    Ok(ArrayD::from_shape_vec(vec![times.len(), 64 * (1 + conditions.len())], row)?.into())
}

fn near(name: &str, got: Array, want: &str, tolerance: f32) -> Result<()> {
    let error = relative_error(&got.f32()?, &expected(want)?)?;
    println!("{name} {want}: relative error {error:.1e}");
    assert!(error <= tolerance, "{name} {want}: {error:e}");
    Ok(())
}

/// Runs the prior with so many pictures and these conditions beside the time.
fn prior(model: &mut Model, rows: usize, pictures: usize, conditions: [f32; 2]) -> Result<Array> {
    let rows = |name: &str| {
        Ok::<_, anyhow::Error>(expected(name)?.slice_axis(Axis(0), Slice::from(..rows)).to_owned())
    };
    let image = rows("prior_in_image")?.slice_axis(Axis(1), Slice::from(..pictures)).to_owned();
    let feeds = [
        ("latents", rows("prior_in_x")?.into()),
        ("time_embedding", embedded(&rows("prior_in_r")?, &conditions)?),
        ("text", rows("prior_in_text")?.into()),
        ("pooled", rows("prior_in_pooled")?.into()),
        ("image", image.into()),
    ];
    Ok(model.run(&feeds)?.remove(0))
}

fn decoder(model: &mut Model, latents: &str, embedding: &str) -> Result<Array> {
    let latents = expected(latents)?;
    let count = latents.shape()[0];
    let rows = |name: &str| {
        Ok::<_, anyhow::Error>(expected(name)?.slice_axis(Axis(0), Slice::from(..count)).to_owned())
    };
    let feeds = [
        ("time_embedding", embedded(&rows("decoder_in_r")?, &[0.])?),
        ("latents", latents.into()),
        ("embedding", expected(embedding)?.into()),
        ("pooled", rows("decoder_in_pooled")?.into()),
    ];
    Ok(model.run(&feeds)?.remove(0))
}

fn stages(options: &ImportOptions, tolerance: f32) -> Result<()> {
    stages_in(imported(options)?.path(), tolerance)
}

fn stages_in(folder: &Path, tolerance: f32) -> Result<()> {
    let mut stage_c = model(folder, "prior")?;
    near("prior", prior(&mut stage_c, 2, 1, [0.; 2])?, "prior_out", tolerance)?;
    near("prior", prior(&mut stage_c, 2, 2, [0.; 2])?, "prior_two_images_out", tolerance)?;
    near("prior", prior(&mut stage_c, 1, 1, [0.3, 0.7])?, "prior_sca_crp_out", tolerance)?;
    let mut stage_b = model(folder, "decoder")?;
    near("decoder", decoder(&mut stage_b, "decoder_in_x", "decoder_in_effnet")?, "decoder_out", tolerance)?;
    let odd = decoder(&mut stage_b, "decoder_odd_in_x", "decoder_odd_in_effnet")?;
    near("decoder", odd, "decoder_odd_out", tolerance)?;
    let mut encoder = model(folder, "text-encoder")?;
    let tokens = [("input_ids", "token_ids"), ("attention_mask", "attention_mask")]
        .map(|(input, name)| Ok::<_, anyhow::Error>((input, Array::from(CASCADE.expected::<i64>(name)?))));
    let tokens = tokens.into_iter().collect::<Result<Vec<_>>>()?;
    let mut results = encoder.run(&tokens)?;
    // One encoder serves both stages.
    let flat = |pooled: Array| pooled.f32().map(|pooled| Array::from(pooled.remove_axis(Axis(1))));
    let pooled = results.remove(1);
    near("text-encoder", results.remove(0), "prior_text_states", tolerance)?;
    near("text-encoder", flat(pooled.clone())?, "prior_text_pooled", tolerance)?;
    near("text-encoder", flat(pooled)?, "decoder_text_pooled", tolerance)?;
    let feeds = [("image", expected("vision_pixels")?.into())];
    near(
        "image-encoder",
        model(folder, "image-encoder")?.run(&feeds)?.remove(0),
        "vision_embeds",
        tolerance,
    )?;
    let feeds = [("image", expected("vqgan_enc_in")?.into())];
    near(
        "vqgan-encoder",
        model(folder, "vqgan-encoder")?.run(&feeds)?.remove(0),
        "vqgan_enc_out",
        tolerance,
    )?;
    let feeds = [("latents", expected("vqgan_in")?.into())];
    near("vqgan-decoder", model(folder, "vqgan-decoder")?.run(&feeds)?.remove(0), "vqgan_out", tolerance)
}

#[test]
fn stages_give_diffusers_numbers() -> Result<()> {
    stages(&ImportOptions::default(), TOLERANCE)?;
    stages(&ImportOptions { operators: Operators::OnnxRuntime, ..ImportOptions::default() }, TOLERANCE)
}

/// bf16 has 8 significant bits, 4e-3 relative.
#[test]
fn single_files_are_near_the_folders() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let source = ImportSource {
        prior_weights: Some(CASCADE.path("single/stage_c_bf16.safetensors")),
        decoder_weights: Some(CASCADE.path("single/stage_b_bf16.safetensors")),
        ..CASCADE.source()
    };
    let published = Published::open(&source)?;
    published.write(folder.path(), &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(()))?;
    let stage_c = prior(&mut model(folder.path(), "prior")?, 2, 1, [0.; 2])?;
    near("single prior", stage_c, "prior_out", 2e-2)?;
    let stage_b = decoder(&mut model(folder.path(), "decoder")?, "decoder_in_x", "decoder_in_effnet")?;
    near("single decoder", stage_b, "decoder_out", 2e-2)
}

#[test]
fn weights_in_f16_are_near() -> Result<()> {
    stages(&ImportOptions { precision: Precision::F16, ..ImportOptions::default() }, 2e-2)
}

#[test]
fn models_in_f16_are_near() -> Result<()> {
    stages(&ImportOptions { compute: Compute::F16, ..ImportOptions::default() }, 2e-2)
}

/// Networks are recorded again from what the models say of themselves.
#[test]
fn converted_models_give_diffusers_numbers() -> Result<()> {
    let (folder, out) = (imported(&ImportOptions::default())?, tempfile::tempdir()?);
    let out = out.path().join("converted");
    let models = Models::open(folder.path(), &[])?;
    let go_on = &mut |_: &str, _| ControlFlow::Continue(());
    let written = models.write(&out, Operators::OnnxRuntime, Compute::F32, go_on)?;
    assert_eq!(written.len(), 6, "all stages");
    stages_in(&out, TOLERANCE)
}

fn lora(file: &str) -> LoraOption {
    LoraOption { stage: "prior".into(), file: CASCADE.path(&format!("lora/{file}")), strength: 1. }
}

fn go_on(_: &str, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The first row of the prior, with a LoRA that was merged while it was imported, and while it was converted.
#[test]
fn merged_loras_give_diffusers_numbers() -> Result<()> {
    let plain = imported(&ImportOptions::default())?;
    for (file, want) in [
        ("peft.safetensors", "prior_lora_out"),
        ("onetrainer_diffusers_names.safetensors", "prior_lora_out"),
        ("comfyui_names.safetensors", "prior_lora_out"),
        ("authors.safetensors", "prior_lora_authors_out"),
    ] {
        let folder = tempfile::tempdir()?;
        let [one, two] = ["imported", "converted"].map(|name| folder.path().join(name));
        let mut published = Published::open(&CASCADE.source())?;
        published.merge(&[lora(file)])?;
        published.write(&one, &ImportOptions::default(), &mut go_on)?;
        let mut models = Models::open(plain.path(), &["prior".to_owned()])?;
        models.merge(&[lora(file)])?;
        models.write(&two, Operators::OnnxRuntime, Compute::F32, &mut go_on)?;
        for folder in [one, two] {
            let noise = prior(&mut model(&folder, "prior")?, 2, 1, [0.; 2])?;
            near(file, noise, want, TOLERANCE)?;
        }
    }
    Ok(())
}

/// No published network halves stage C, attends to the condition alone or repeats its levels; diffusers' class lets all that be.
#[test]
fn unpublished_sizes_run_at_uneven_ones() -> Result<()> {
    let config: CascadeConfig = CASCADE.json("stable-cascade-prior/prior/config.json")?;
    let config = CascadeConfig {
        block_out_channels: vec![40, 56],
        down_blocks_repeat_mappers: vec![2, 1],
        up_blocks_repeat_mappers: vec![1, 3],
        self_attn: SelfAttention::Levels(vec![false, true]),
        switch_level: Some(vec![true]),
        clip_seq: 3,
        ..config
    };
    let sizes = Sizes { batch: 1, height: 8, width: 8, embedding: [1, 1], length: 5 };
    let graph = cascade::graph(&config, &sizes)?;
    let bytes = onnx::encode(&graph, &random_weights(&graph), &ExportOptions::default())?;
    let mut model = Model::from_bytes(&bytes)?;
    for side in [[8, 8], [7, 5], [3, 12]] {
        let mut random = Random::new(5);
        let latents = random.array(&[2, 16, side[0], side[1]]);
        let feeds = [
            ("latents", latents.clone().into()),
            ("time_embedding", embedded(&ArrayD::from_elem(vec![2], 0.5), &[0.; 2])?),
            ("text", random.array(&[2, 6, 40]).into()),
            ("pooled", random.array(&[2, 1, 48]).into()),
            ("image", random.array(&[2, 2, 24]).into()),
        ];
        let noise = model.run(&feeds)?.remove(0).f32()?;
        assert_eq!(noise.shape(), latents.shape());
        assert!(noise.iter().all(|v| v.is_finite()) && noise.iter().any(|v| *v != 0.));
    }
    Ok(())
}

/// Guidance evaluates several pictures at once; none changes another.
#[test]
fn batches_are_their_pictures() -> Result<()> {
    let folder = imported(&ImportOptions::default())?;
    let mut stage_c = model(folder.path(), "prior")?;
    let both = prior(&mut stage_c, 2, 2, [0.; 2])?.f32()?;
    let alone = prior(&mut stage_c, 1, 2, [0.; 2])?.f32()?;
    let first = both.slice_axis(Axis(0), Slice::from(..1)).to_owned();
    assert!(relative_error(&first, &alone)? <= 1e-6);
    Ok(())
}

/// Ids of the texts of `batch` in the case, before the end tokens: two prompts, and two negative ones.
const BATCH: [&[i64]; 4] = [&[], &[842, 320, 736, 64, 604, 579], &[], &[842, 689, 576]];

/// Both texts of the batch, twice each, in the order of diffusers: the prompts, then the negative ones.
fn texts() -> Result<[Array; 2]> {
    let (known, masks) = (CASCADE.expected::<i64>("token_ids")?, CASCADE.expected::<i64>("attention_mask")?);
    let (mut ids, mut mask) = (vec![], vec![]);
    for (at, own) in BATCH.iter().enumerate() {
        for _ in 0..2 {
            if own.is_empty() {
                ids.extend(known.index_axis(Axis(0), at / 2));
                mask.extend(masks.index_axis(Axis(0), at / 2));
            } else {
                ids.extend((0..77).map(|i| own.get(i).copied().unwrap_or(843)));
                mask.extend((0..77).map(|i| i64::from(i <= own.len())));
            }
        }
    }
    let array = |numbers| ArrayD::from_shape_vec(vec![8, 77], numbers).map(Array::from);
    Ok([array(ids)?, array(mask)?])
}

/// diffusers draws the noise of a batch as one block, from one generator.
#[test]
fn two_prompts_with_two_pictures_each_are_diffusers() -> Result<()> {
    let folder = imported(&ImportOptions::default())?;
    let [ids, mask] = texts()?;
    let mut encoder = model(folder.path(), "text-encoder")?;
    let mut encoded = encoder.run(&[("input_ids", ids), ("attention_mask", mask)])?;
    let (pooled, states) = (encoded.remove(1), encoded.remove(0));
    let mut stage_c = model(folder.path(), "prior")?;
    let (count, mut noise) = (4 * 16 * 3 * 6, Noise::new(42));
    let (plan, mut x, times) = (schedule::Schedule::default(), noise.normal(count), schedule::linear(1., 6));
    for (t, next) in times.iter().zip(&times[1..]) {
        let latents = ArrayD::from_shape_vec(vec![4, 16, 3, 6], x.clone())?;
        let feeds = [
            ("latents", concatenate(Axis(0), &[latents.view(), latents.view()])?.into()),
            ("time_embedding", embedded(&ArrayD::from_elem(vec![8], *t as f32), &[0.; 2])?),
            ("text", states.clone()),
            ("pooled", pooled.clone()),
            ("image", ArrayD::<f32>::zeros(vec![8, 1, 24]).into()),
        ];
        let predicted: Vec<f32> = stage_c.run(&feeds)?.remove(0).f32()?.into_iter().collect();
        let (text, negative) = predicted.split_at(count);
        let (step, new) = (plan.ddpm(*t, *next), noise.normal(count));
        for (i, x) in x.iter_mut().enumerate() {
            let guided = f64::from(negative[i] + 2. * (text[i] - negative[i]));
            let sum = step.sample * f64::from(*x) + step.predicted * guided + step.noise * f64::from(new[i]);
            *x = sum as f32;
        }
    }
    near("prior", ArrayD::from_shape_vec(vec![4, 16, 3, 6], x)?.into(), "batch_embeddings", 1e-3)
}

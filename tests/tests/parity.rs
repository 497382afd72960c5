//! Every stage against what diffusers computes with the same weights, for both bundles.
//!
//! A bundle is imported as users import published checkpoints, and each model is run by itself at the bundle's sizes.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use wuerst_model::import::ImportOptions;
use wuerst_model::onnx::{Operators, Precision};
use wuerst_tests::bundle::{Bundle, ODD, PLAIN};
use wuerst_tests::numbers::relative_error;
use wuerst_tests::runtime::{Array, Model};

/// Tolerance of a test: largest difference relative to the largest magnitude.
const TOLERANCE: f32 = 1e-4;

/// A stage by its file, the arrays to feed by input, and the array that diffusers made of them.
struct Case {
    stage: &'static str,
    feeds: Vec<(&'static str, &'static str)>,
    want: &'static str,
}

/// The cases of a bundle. Where its encoders share a tokenizer, it has one array for both.
fn cases(bundle: Bundle) -> Vec<Case> {
    let tokens = |ids, mask| vec![("input_ids", ids), ("attention_mask", mask)];
    let [prior_tokens, decoder_tokens] = if bundle == PLAIN {
        [tokens("token_ids", "attention_mask"), tokens("token_ids", "attention_mask")]
    } else {
        [
            tokens("prior_token_ids", "prior_attention_mask"),
            tokens("decoder_token_ids", "decoder_attention_mask"),
        ]
    };
    let case = |stage, feeds, want| Case { stage, feeds, want };
    vec![
        case("text-encoder-prior", prior_tokens, "prior_text_embeds"),
        case("text-encoder-decoder", decoder_tokens, "decoder_text_embeds"),
        case(
            "prior",
            vec![("latents", "prior_in_x"), ("timestep", "prior_in_r"), ("text", "prior_in_c")],
            "prior_out",
        ),
        case(
            "decoder",
            vec![
                ("latents", "decoder_in_x"),
                ("timestep", "prior_in_r"),
                ("embedding", "decoder_in_effnet"),
                ("text", "decoder_in_clip"),
            ],
            "decoder_out",
        ),
        case("vqgan-encoder", vec![("image", "vqgan_enc_in")], "vqgan_enc_out"),
        case("vqgan-decoder", vec![("latents", "vqgan_in")], "vqgan_out"),
    ]
}

fn imported(bundle: Bundle, options: &ImportOptions) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    bundle.import(folder.path(), options)?;
    Ok(folder)
}

fn run(folder: &Path, bundle: Bundle, case: &Case) -> Result<ndarray::ArrayD<f32>> {
    let feed = |(input, array): &(&'static str, &str)| -> Result<(&'static str, Array)> {
        let integers = array.ends_with("ids") || array.ends_with("mask");
        let array = if integers {
            bundle.expected::<i64>(array)?.into()
        } else {
            bundle.expected::<f32>(array)?.into()
        };
        Ok((*input, array))
    };
    let mut model = Model::from_file(&folder.join(format!("{}.onnx", case.stage)))?;
    let embedded = |(input, array): (&'static str, Array)| match input {
        // diffusers embeds the time within the network.
        "timestep" => Ok(("time_embedding", model.embedded(&array.f32()?)?)),
        _ => Ok((input, array)),
    };
    let feeds: Vec<_> = case.feeds.iter().map(|pair| embedded(feed(pair)?)).collect::<Result<_>>()?;
    model.run(&feeds)?.remove(0).f32()
}

/// Runs every stage of an import, and gives how far each is from diffusers.
fn errors(bundle: Bundle, options: &ImportOptions) -> Result<Vec<(&'static str, f32)>> {
    let folder = imported(bundle, options)?;
    let error = |case: &Case| -> Result<(&'static str, f32)> {
        let got = run(folder.path(), bundle, case)?;
        let error = relative_error(&got, &bundle.expected(case.want)?)?;
        println!("{bundle:?} {options:?} {}: relative error {error:.1e}", case.stage);
        Ok((case.stage, error))
    };
    cases(bundle).iter().map(error).collect()
}

#[test]
fn every_stage_gives_diffusers_numbers() -> Result<()> {
    for bundle in [PLAIN, ODD] {
        for (stage, error) in errors(bundle, &ImportOptions::default())? {
            assert!(error <= TOLERANCE, "{bundle:?} {stage}: {error:e}");
        }
    }
    Ok(())
}

#[test]
fn fused_operators_change_nothing() -> Result<()> {
    let fused = ImportOptions { operators: Operators::OnnxRuntime, ..ImportOptions::default() };
    for bundle in [PLAIN, ODD] {
        let folder = imported(bundle, &fused)?;
        for model in ["prior.onnx", "decoder.onnx"] {
            let bytes = std::fs::read(folder.path().join(model))?;
            assert!(bytes.windows(18).any(|name| name == b"MultiHeadAttention"), "{model}");
        }
        for (stage, error) in errors(bundle, &fused)? {
            assert!(error <= TOLERANCE, "{bundle:?} {stage}: {error:e}");
        }
    }
    Ok(())
}

/// Stored in half the bytes, a network gives nearly the same: f16 has 11 significant bits, 5e-4 relative.
#[test]
fn weights_in_f16_are_near() -> Result<()> {
    let narrow = ImportOptions { precision: Precision::F16, ..ImportOptions::default() };
    let size = |options: &ImportOptions| -> Result<u64> {
        Ok(imported(PLAIN, options)?.path().join("prior.onnx").metadata()?.len())
    };
    assert!(size(&narrow)? * 10 < size(&ImportOptions::default())? * 6);
    for bundle in [PLAIN, ODD] {
        for (stage, error) in errors(bundle, &narrow)? {
            assert!(error <= 2e-2, "{bundle:?} {stage}: {error:e}");
            // Rounding must show where there is much to round: otherwise the weights were not narrowed.
            let rounded = error > TOLERANCE / 10. || !["prior", "decoder"].contains(&stage);
            assert!(rounded, "{bundle:?} {stage}: {error:e}");
        }
    }
    Ok(())
}

/// Of the references only some products of a decoder are large enough for int8; everything else stays the same.
#[test]
fn products_in_eight_bits_are_near() -> Result<()> {
    let narrow = ImportOptions { operators: Operators::Int8, ..ImportOptions::default() };
    for (stage, error) in errors(PLAIN, &narrow)? {
        let rounded = stage == "decoder";
        assert!(error <= if rounded { 2e-2 } else { TOLERANCE }, "{stage}: {error:e}");
        assert!(!rounded || error > TOLERANCE, "{stage}: {error:e}");
    }
    Ok(())
}

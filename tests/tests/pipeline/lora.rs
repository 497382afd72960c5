//! LoRAs that are merged into models while these are loaded.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use ndarray::ArrayD;
use wuerst::stages::StageOptions;
use wuerst::{Engine, Options, Tensor};
use wuerst_model::import::{ImportOptions, Models, Published};
use wuerst_model::lora::LoraOption;
use wuerst_model::network::Network;
use wuerst_model::onnx::{self, Compute, ExportOptions, Operators, Precision, QUANTIZED};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_tests::bundle::{CASCADE, PLAIN, SIZES, prior_metadata};
use wuerst_tests::numbers::{Random, random_weights, relative_error};

use crate::{f32s, options, said, set_case_of};

/// The path of a LoRA of the reference.
fn file(name: &str) -> String {
    CASCADE.path(&format!("lora/{name}")).display().to_string()
}

/// Options with LoRAs of stages, as in `prior=FILE`.
fn with(folder: &Path, loras: &str) -> Result<Options> {
    let mut options = options(folder, 1);
    StageOptions::read_loras(&mut options.stages.each, loras)?;
    Ok(options)
}

fn graph(folder: &Path) -> Result<String> {
    Ok(fs::read_to_string(folder.join("graph.yaml"))?)
}

/// The prior's embedding of the reference case.
fn embedding(options: Options, graph: &str) -> Result<ArrayD<f32>> {
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(graph)?);
    set_case_of(&job, CASCADE)?;
    Ok(f32s(&job.get("embedding", &mut ())?))
}

#[test]
fn loading_merges_as_importing_does() -> Result<()> {
    let plain = ImportOptions::default();
    for (how, tolerance) in [
        (plain, 0.),
        (ImportOptions { operators: Operators::OnnxRuntime, ..plain }, 0.),
        (ImportOptions { precision: Precision::F16, ..plain }, 5e-3),
        (ImportOptions { compute: Compute::F16, ..plain }, 5e-3),
    ] {
        let folder = tempfile::tempdir()?;
        let [base, merged] = ["base", "merged"].map(|name| folder.path().join(name));
        CASCADE.import(&base, &how)?;
        let mut published = Published::open(&CASCADE.source())?;
        let lora = format!("prior={}{{strength=0.75}}", file("comfyui_names.safetensors"));
        published.merge(&[LoraOption::parse(&lora).map_err(anyhow::Error::msg)?])?;
        published.write(&merged, &how, &mut |_, _| ControlFlow::Continue(()))?;
        let text = graph(&base)?;
        let want = embedding(options(&merged, 1), &text)?;
        let error = relative_error(&embedding(with(&base, &lora)?, &text)?, &want)?;
        let moved = relative_error(&embedding(options(&base, 1), &text)?, &want)?;
        println!("{how:?}: {error:.1e} from the imported one, the base is at {moved:.1e}");
        assert!(error <= tolerance && moved > 2e-2, "{error:e} {moved:e}");
    }
    Ok(())
}

/// Weights in the model, and in its data file.
#[test]
fn large_weights_are_merged_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = PriorConfig { c: 256, c_cond: 64, depth: 2, nhead: 4, ..PriorConfig::default() };
    let network = prior::graph(&config, &SIZES)?;
    let file = folder.path().join("style.safetensors");
    fs::write(&file, style("blocks.2.attention.to_k", 256))?;
    let lora = format!("prior={}{{strength=2}}", file.display());
    let text = "wuerstchen: 1\ninputs: { text: \"f32[b,l,d]\" }\nnodes:\n  \
                prior: { use: wuerst.prior, with: { text: $text, model: prior, steps: 2, guidance: 1.0, seed: 3 } }\n\
                outputs: { embedding: $prior.embedding }\n";
    let run = |options: Options| -> Result<ArrayD<f32>> {
        let engine = Engine::new(options)?;
        let job = engine.job(&engine.graph(text)?);
        job.set("text", Tensor::from(Random::new(5).array(&[1, 4, 64]).into_shared()))?;
        Ok(f32s(&job.get("embedding", &mut ())?))
    };
    for (name, inline_bytes) in [("inside", u64::MAX), ("beside", 0)] {
        let [base, merged] = ["base", "merged"].map(|part| folder.path().join(format!("{name}-{part}")));
        fs::create_dir(&base)?;
        let metadata =
            prior_metadata().pairs().into_iter().chain([Network::Prior(config.clone()).pair()]).collect();
        let options =
            ExportOptions { name: "prior".into(), metadata, inline_bytes, ..ExportOptions::default() };
        onnx::write(&base.join("prior.onnx"), &network, &random_weights(&network), &options)?;
        let mut models = Models::open(&base, &[])?;
        models.merge(&[LoraOption::parse(&lora).map_err(anyhow::Error::msg)?])?;
        models.write(&merged, Operators::Standard, Compute::F32, &mut |_, _| ControlFlow::Continue(()))?;
        let want = run(options_of(&merged))?;
        assert!(run(with(&base, &lora)?)? == want && run(options_of(&base))? != want, "{name}");
    }
    Ok(())
}

fn options_of(folder: &Path) -> Options {
    options(folder, 1)
}

/// A LoRA of rank 2 for one square layer.
fn style(layer: &str, width: usize) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), vec![]);
    let mut random = Random::new(7);
    for (part, shape) in [("lora_down", [2, width]), ("lora_up", [width, 2])] {
        let start = data.len();
        random.array(&shape).iter().for_each(|number| data.extend(number.to_le_bytes()));
        let about =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(format!("{layer}.{part}.weight"), about);
    }
    let header = serde_json::Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// The rows count for the text encoder, and the rest for the prior.
#[test]
fn parts_of_a_file_change_their_own_stages() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let text = graph(folder.path())?;
    let authors = file("authors.safetensors");
    let of = |loras: &str| embedding(with(folder.path(), loras)?, &text);
    let plain = of("")?;
    assert_eq!(of(&format!("prior={authors}{{strength=0}}; text-encoder={authors}{{strength=0}}"))?, plain);
    let prior = of(&format!("prior={authors}"))?;
    let twice = of(&format!("prior={authors}{{strength=0.5}}; prior={authors}{{strength=0.5}}"))?;
    assert!(prior != plain && relative_error(&twice, &prior)? < 1e-4);
    // The reference's prompt has no token of the trained row.
    assert_eq!(of(&format!("text-encoder={authors}"))?, plain);
    Ok(())
}

#[test]
fn nodes_have_loras_of_their_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    fs::copy(file("peft.safetensors"), folder.path().join("style.safetensors"))?;
    let text = graph(folder.path())?;
    let styled = |list: &str| {
        text.replace("    use: wuerst.prior\n", &format!("    use: wuerst.prior\n    lora: {list}\n"))
    };
    let engine = Engine::new(options(folder.path(), 1))?;
    let of = |list: &str| -> Result<(ArrayD<f32>, String)> {
        let graph = engine.graph(&styled(list))?;
        let job = engine.job(&graph);
        set_case_of(&job, CASCADE)?;
        Ok((f32s(&job.get("embedding", &mut ())?), job.digest("embedding")?.to_string()))
    };
    let (half, whole) =
        (of("[{ file: style.safetensors, strength: 0.5 }]")?, of("[{ file: style.safetensors }]")?);
    assert!(half.0 != whole.0 && half.1 != whole.1);
    assert_eq!(of("[{ file: style.safetensors, strength: 0.5 }]")?, half);
    let option = format!("prior={}{{strength=0.5}}", file("peft.safetensors"));
    assert_eq!(embedding(with(folder.path(), &option)?, &text)?, half.0);
    assert_eq!(embedding(with(folder.path(), &option)?, &styled("[{ file: style.safetensors }]"))?, half.0);
    for (list, message) in [
        ("style.safetensors", "wants a list as `[{ file: style.safetensors, strength: 0.8 }]`"),
        ("[style.safetensors]", "a LoRA is a mapping of names, not text"),
        ("[{ strength: 1 }]", "a LoRA names its `file`"),
        ("[{ file: 3 }]", "wants the name of a file, but this is a number"),
        ("[{ file: style.safetensors, strength: much }]", "wants a number as 0.8, but this is text"),
        ("[{ file: style.safetensors, strength: 1e9 }]", "is outside -100..100"),
        ("[{ file: style.safetensors, weight: 1 }]", "no key `weight` here"),
        ("[{ file: nowhere.safetensors }]", "no LoRA `nowhere.safetensors`"),
        ("[{ file: ../style.safetensors }]", "no LoRA `../style.safetensors`"),
    ] {
        let said = said(engine.graph(&styled(list)));
        assert!(said.contains(message), "{said}");
    }
    let tokens = text.replace(
        "    use: wuerst.vqgan_decode\n",
        "    use: wuerst.vqgan_decode\n    lora: [{ file: style.safetensors }]\n",
    );
    assert!(engine.graph(&tokens).is_ok(), "fits by its kind");
    let other = "wuerstchen: 1\nnodes:\n  a: { use: text.join, with: { a: x, b: y }, lora: [{ file: style }] }\noutputs: { o: $a.text }\n";
    let said = said(engine.graph(other));
    assert!(said.contains("`text.join` has no model that a LoRA could change"), "{said}");
    Ok(())
}

#[test]
fn merged_weights_are_kept_nowhere() -> Result<()> {
    let (folder, cache) = (tempfile::tempdir()?, tempfile::tempdir()?);
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let text = graph(folder.path())?;
    let kept = || -> Result<usize> { Ok(fs::read_dir(cache.path().join("wuerst-models"))?.count()) };
    let of = |loras: &str| {
        let options = Options { cache_folder: Some(cache.path().to_owned()), ..with(folder.path(), loras)? };
        embedding(options, &text)
    };
    let lora = format!("prior={}", file("peft.safetensors"));
    let first = of(&lora)?;
    let encoder = kept()?;
    let plain = of("")?;
    assert!(encoder > 0 && kept()? > encoder && plain != first);
    // From the cache folder, which holds the base.
    assert_eq!(of(&lora)?, first);
    Ok(())
}

#[test]
fn unfit_loras_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [cascade, plain] = ["cascade", "plain"].map(|name| folder.path().join(name));
    CASCADE.import(&cascade, &ImportOptions::default())?;
    PLAIN.import(&plain, &ImportOptions::default())?;
    let lora = format!("prior={}", file("peft.safetensors"));
    let message = |folder: &Path| -> Result<String> {
        let engine = Engine::new(with(folder, &lora)?)?;
        let job = engine.job(&engine.graph(&graph(folder)?)?);
        job.set("prompt", "a red apple")?;
        Ok(said(job.get("embedding", &mut ())))
    };
    let message_of_plain = message(&plain)?;
    let fits = "16 of its 16 layers have no place in prior.onnx, the file is for a network like Stable Cascade's large prior";
    assert!(
        message_of_plain.contains("peft.safetensors") && message_of_plain.contains(fits),
        "{message_of_plain}"
    );
    onnx::set_metadata(&cascade.join("prior.onnx"), &[(QUANTIZED.0.to_owned(), QUANTIZED.1.to_owned())])?;
    let message_of_int8 = message(&cascade)?;
    assert!(message_of_int8.contains("multiplies in int8, which takes no LoRA"), "{message_of_int8}");
    assert!(
        message_of_int8.contains("wuerst convert FOLDER --out NEW --quantize int8 --lora"),
        "{message_of_int8}"
    );
    Ok(())
}

//! The whole cascade through real ONNX Runtime, held against diffusers and against itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use ndarray::ArrayD;
use tempfile::TempDir;
use wuerst::core::Error;
use wuerst::{Device, Engine, Job, Options, Value, Watch};
use wuerst_tests::bundle;
use wuerst_tests::numbers::{expected, reference, relative_error};

/// A folder of small models, an engine that runs them on so many threads, and one of the shipped graphs.
fn published(folder: &TempDir, threads: usize) -> Result<Job> {
    bundle::write(folder.path())?;
    job(folder.path(), threads, "wuerstchen.yaml")
}

fn options(folder: &Path, threads: usize) -> Options {
    let mut options = Options { models: folder.to_owned(), ..Options::default() };
    options.stages.threads = Some(threads);
    options
}

fn job(folder: &Path, threads: usize, graph: &str) -> Result<Job> {
    let engine = Engine::new(options(folder, threads))?;
    Ok(engine.job(&engine.graph(&shipped(graph)?)?))
}

fn shipped(graph: &str) -> Result<String> {
    let path = reference("../../graphs").join(graph);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Sets the inputs of the case that diffusers was run with.
fn set_case(job: &Job) -> Result<()> {
    let case: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(reference("expected/case.json"))?)?;
    let names = [
        ("prompt", "prompt"),
        ("negative", "negative"),
        ("width", "width"),
        ("height", "height"),
        ("steps", "steps_p"),
        ("guidance", "cfg_p"),
        ("decoder_steps", "steps_d"),
        ("decoder_guidance", "cfg_d"),
        ("seed", "gen"),
    ];
    for (input, name) in names {
        match &case[name] {
            serde_json::Value::String(text) => job.set(input, text.as_str())?,
            number => job.set_text(input, &number.to_string())?,
        }
    }
    Ok(())
}

fn f32s(value: &Value) -> ArrayD<f32> {
    match value {
        Value::Tensor(tensor) => tensor.to_f32().expect("a tensor of numbers").into_owned(),
        other => panic!("{other} is no tensor"),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Tensor(tensor) => tensor.as_bytes().into_owned(),
        other => panic!("{other} is no tensor"),
    }
}

/// What a failed job says.
fn said<T: std::fmt::Debug>(result: wuerst::Result<T>) -> String {
    result.expect_err("an error is wanted").to_string()
}

#[test]
fn the_seed_alone_gives_diffusers_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let values = job.get_all(&["embedding", "image", "pixels"], &mut ())?;
    let error = relative_error(&f32s(&values[0]), &expected("image_embeddings")?)?;
    println!("image_embeddings: relative error {error:.1e}");
    assert!(error <= 1e-3);
    let want = expected::<u8>("image")?;
    assert_eq!(values[1].ty().to_string(), "u8[256,384,3]");
    let off = bytes(&values[1]).iter().zip(&want).filter(|(a, b)| a != b).count();
    let far = bytes(&values[1]).iter().zip(&want).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    println!("image: {off} of {} bytes are off by one", want.len());
    assert!(far == 0 && off * 1000 < want.len());
    let pixels = f32s(&values[2]);
    let apart = pixels.iter().zip(&want).map(|(a, b)| (a - f32::from(*b) / 255.).abs()).fold(0., f32::max);
    assert!(apart <= 0.5 / 255. + 1e-3, "{apart}");
    Ok(())
}

#[test]
fn tokens_and_states_are_diffusers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    // The reference holds both texts of guidance, the prompt first.
    let ports = ["prior_tokens.ids", "prior_tokens.mask", "prior_text.states", "decoder_text.states"];
    let outputs: String = ports
        .iter()
        .enumerate()
        .map(|(i, port)| {
            let negative = port.replace("tokens", "negative_tokens").replace("text", "negative");
            format!("\n  text_{i}: ${port}\n  negative_{i}: ${negative}")
        })
        .collect();
    let text = shipped("wuerstchen.yaml")?.replace("outputs:", &format!("outputs:{outputs}"));
    let job = engine.job(&engine.graph(&text)?);
    set_case(&job)?;
    let both = |i: usize| -> Result<[Value; 2]> {
        Ok([job.get(&format!("text_{i}"), &mut ())?, job.get(&format!("negative_{i}"), &mut ())?])
    };
    for (i, name) in ["token_ids", "attention_mask"].into_iter().enumerate() {
        let got: Vec<u8> = both(i)?.iter().flat_map(bytes).collect();
        let want: Vec<u8> = expected::<i64>(name)?.iter().flat_map(|id| id.to_ne_bytes()).collect();
        assert!(got == want, "{name} differ");
    }
    for (i, name) in [(2, "prior_text_embeds"), (3, "decoder_text_embeds")] {
        let [text, negative] = both(i)?.map(|value| f32s(&value));
        let got = ndarray::concatenate(ndarray::Axis(0), &[text.view(), negative.view()])?;
        assert!(relative_error(&got, &expected(name)?)? <= 1e-4, "{name} differ");
    }
    Ok(())
}

#[test]
fn bytes_depend_on_the_seed_and_not_on_threads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    let picture = |threads, seed: i64| -> Result<Vec<u8>> {
        let job = job(folder.path(), threads, "text-to-image.yaml")?;
        job.set("prompt", "a red apple")?;
        job.set("steps", 3)?;
        job.set("decoder_steps", 2)?;
        job.set("decoder_guidance", 1.5)?;
        job.set("seed", seed)?;
        let values = job.get_all(&["pixels", "embedding"], &mut ())?;
        Ok(values.iter().flat_map(bytes).collect())
    };
    let first = picture(1, 7)?;
    assert_eq!(first.len(), (128 * 128 * 3 + 16 * 3 * 3) * 4, "the size that the model likes best");
    for threads in [1, 2, 3] {
        assert!(picture(threads, 7)? == first, "{threads} threads give another picture");
    }
    assert!(picture(1, 8)? != first);
    Ok(())
}

/// Counts steps, keeps warnings, and cancels at a step if it is told to.
#[derive(Default)]
struct Watcher {
    steps: Vec<(String, usize, usize)>,
    warnings: Vec<String>,
    cancel_at: Option<(usize, Arc<Job>)>,
}

impl Watch for Watcher {
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        self.steps.push((node.to_owned(), done, of));
        if let Some((at, job)) = &self.cancel_at
            && self.steps.len() == *at
        {
            job.cancel();
        }
    }

    fn warning(&mut self, _: &str, message: &str) {
        self.warnings.push(message.to_owned());
    }
}

#[test]
fn cancelled_jobs_go_on_as_if_nothing_had_been() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let undisturbed = published(&folder, 1)?;
    set_case(&undisturbed)?;
    let mut watcher = Watcher::default();
    let want = undisturbed.get("image", &mut watcher)?;
    let steps = watcher.steps.len();
    assert!(watcher.steps.contains(&("prior".into(), 6, 6)));
    for at in 1..=steps {
        let job = Arc::new(job(folder.path(), 1, "wuerstchen.yaml")?);
        set_case(&job)?;
        let mut watcher = Watcher { cancel_at: Some((at, Arc::clone(&job))), ..Watcher::default() };
        let got = job.get("image", &mut watcher);
        // The very last step may come too late to stop anything.
        assert!(matches!(got, Err(Error::Cancelled)) || at == steps, "at {at}: {got:?}");
        assert_eq!(watcher.steps.len(), at, "steps after a cancel");
        assert_eq!(job.get("image", &mut ())?, want);
    }
    let job = job(folder.path(), 1, "wuerstchen.yaml")?;
    set_case(&job)?;
    job.cancel();
    assert!(matches!(job.get("image", &mut ()), Err(Error::Cancelled)));
    assert_eq!(job.get("image", &mut ())?, want);
    Ok(())
}

#[test]
fn only_what_changed_runs_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let ran = |input: &str, text: &str| -> Result<Vec<String>> {
        job.set_text(input, text)?;
        job.get("image", &mut ())?;
        Ok(job.report().ran.into_iter().map(|ran| ran.node).collect())
    };
    assert_eq!(ran("seed", "1")?.len(), 11);
    assert_eq!(ran("seed", "1")?, Vec::<String>::new());
    assert_eq!(ran("decoder_steps", "3")?, ["decoder", "vqgan"]);
    // The same token ids, so nothing that needs them runs.
    assert_eq!(
        ran("negative", " Blurry,  low QUALITY ")?,
        ["prior_negative_tokens", "decoder_negative_tokens"]
    );
    Ok(())
}

#[test]
fn one_model_at_a_time_is_enough() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let want = {
        let job = job(folder.path(), 1, "wuerstchen.yaml")?;
        set_case(&job)?;
        job.get("image", &mut ())?
    };
    let mut options = options(folder.path(), 1);
    options.stages.model_bytes = 0;
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    assert_eq!(job.get("image", &mut ())?, want);
    let placements = engine.sessions().placements();
    assert_eq!(placements.len(), 1);
    assert!(placements[0].model.ends_with("vqgan-decoder.onnx") && placements[0].device == Device::Cpu);
    engine.sessions().release();
    assert!(engine.sessions().placements().is_empty());
    Ok(())
}

#[test]
fn a_device_that_is_not_there_is_reported() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let run = |devices: &str| -> Result<(wuerst::Result<Value>, Vec<String>, usize)> {
        let mut options = options(folder.path(), 1);
        options.stages.devices = Device::list(devices)?;
        let logged = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&logged);
        options.stages.log = Some(Arc::new(move |_, message: &str| {
            if message.contains("refused") {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }));
        let engine = Engine::new(options)?;
        let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
        set_case(&job)?;
        let mut watcher = Watcher::default();
        let result = job.get("embedding", &mut watcher);
        Ok((result, watcher.warnings, logged.load(Ordering::SeqCst)))
    };
    // GPU number 99 is in no machine that runs this test.
    let (result, warnings, logged) = run("cuda:99,cpu")?;
    result?;
    // One for each model that was loaded: a text encoder and the prior.
    assert!(warnings.len() == 2 && warnings[0].contains("cuda:99 refused"), "{warnings:?}");
    assert_eq!(logged, 2);
    let (result, _, _) = run("cuda:99")?;
    let message = said(result);
    assert!(message.contains("text-encoder-prior.onnx: cannot be loaded"), "{message}");
    Ok(())
}

#[test]
fn long_prompts_are_cut_and_odd_ones_taken() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    job.set("steps", 1)?;
    let watch = |prompt: &str| -> Result<Vec<String>> {
        job.set("prompt", prompt)?;
        let mut watcher = Watcher::default();
        job.get("embedding", &mut watcher)?;
        Ok(watcher.warnings)
    };
    for odd in ["", "   ", "🍎🍏 リンゴ “quoted”", "\u{0}\u{feff}"] {
        assert_eq!(watch(odd)?, Vec::<String>::new(), "{odd:?}");
    }
    let warnings = watch(&format!("{}the end", "word ".repeat(10_000)))?;
    assert_eq!(warnings.len(), 1, "one for the prior's text; the decoder is not asked");
    assert!(warnings[0].contains("77 tokens") && warnings[0].contains("more characters"), "{}", warnings[0]);
    let warnings = watch(&format!("{}Straße, the end", "! ".repeat(75)))?;
    assert!(warnings[0].contains("cut off: \"Straße, the end\""), "{}", warnings[0]);
    Ok(())
}

#[test]
fn sizes_that_cannot_be_made_are_refused_before_anything_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    job.set("width", 200)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("width") && message.contains("200") && message.contains("256"), "{message}");
    assert!(job.report().ran.is_empty());
    assert!(said(job.set("height", 0)).contains("0 is outside 1..16384"));
    assert!(said(job.set("steps", 0)).contains("steps"));
    assert!(said(job.set("stepz", 1)).contains("did you mean `steps`"));
    Ok(())
}

/// What is wrong with a folder of models is said when a graph is loaded, with the file and the remedy.
#[test]
fn broken_models_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let in_folder = |name: &str| folder.path().join(name);
    let load = || {
        said(
            Engine::new(options(folder.path(), 1))
                .and_then(|e| e.graph(&shipped("wuerstchen.yaml").unwrap())),
        )
    };
    let swap = |name: &str, content: Option<&[u8]>, wants: &[&str]| -> Result<()> {
        let kept = fs::read(in_folder(name))?;
        match content {
            Some(content) => fs::write(in_folder(name), content)?,
            None => fs::remove_file(in_folder(name))?,
        }
        let message = load();
        for want in wants {
            assert!(message.contains(want), "{want}: {message}");
        }
        Ok(fs::write(in_folder(name), kept)?)
    };
    swap("prior.onnx", None, &["no model `prior`", "holds decoder.onnx"])?;
    swap("prior.onnx", Some(b"<html>"), &["prior.onnx", "not an ONNX file", "nodes.prior"])?;
    let decoder = fs::read(in_folder("decoder.onnx"))?;
    swap("prior.onnx", Some(&decoder), &["prior.onnx", "is a decoder, where a prior is wanted"])?;
    swap("tokenizer.json", None, &["text-encoder-prior.onnx", "put `tokenizer.json` beside it"])?;
    Ok(())
}

/// A model whose head is right and whose body is not fails when it runs, and the engine lives.
#[test]
fn damage_inside_a_model_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let path = folder.path().join("vqgan-decoder.onnx");
    let whole = fs::read(&path)?;
    let mut damaged = whole.clone();
    let at = damaged.windows(11).position(|w| w == b"LayerNormal").context("a layer norm")?;
    damaged[at] = b'X';
    fs::write(&path, &damaged)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("`vqgan`") && message.contains("vqgan-decoder.onnx"), "{message}");
    fs::write(&path, &whole)?;
    job.get("image", &mut ())?;
    assert_eq!(job.report().ran.len(), 1, "all but the VQGAN is remembered");
    fs::write(folder.path().join("tokenizer.json"), "{}")?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    assert!(said(job.get("image", &mut ())).contains("tokenizer.json"));
    Ok(())
}

#[test]
fn a_missing_library_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let mut options = options(folder.path(), 1);
    options.stages.runtime = Some("/nowhere/libonnxruntime.so".into());
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("/nowhere/libonnxruntime.so") && message.contains("`runtime`"), "{message}");
    Ok(())
}

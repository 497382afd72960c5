//! Runs: equal bytes, remembered results, devices, and events.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use wuerst::{Device, Engine, Job, Value};
use wuerst_model::metadata::{Metadata, Preview};
use wuerst_tests::bundle;

use crate::{Recorder, bytes, f32s, job, options, published, said, set_case, shipped};

#[test]
fn bytes_depend_on_seed_not_threads() -> Result<()> {
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

#[test]
fn only_changed_nodes_rerun() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let ran = |input: &str, text: &str| -> Result<Vec<String>> {
        job.set_text(input, text)?;
        job.get("image", &mut ())?;
        Ok(job.report().ran().map(|ran| ran.node.clone()).collect())
    };
    assert_eq!(ran("seed", "1")?.len(), 19);
    assert_eq!(ran("seed", "1")?, Vec::<String>::new());
    assert_eq!(ran("decoder_steps", "3")?, ["decoder", "vqgan"]);
    // The token ids are equal, so no later node runs.
    assert_eq!(
        ran("negative", " Blurry,  low QUALITY ")?,
        ["prior_negative_tokens", "decoder_negative_tokens"]
    );
    Ok(())
}

/// The encoder's file stays unchanged; its tokenizer, a separate file, is replaced.
#[test]
fn replaced_tokenizer_reruns_its_nodes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let ran = || -> Result<Vec<String>> {
        job.get("embedding", &mut ())?;
        let report = job.report();
        Ok(report.ran().map(|node| format!("{}: {}", node.node, node.outcome)).collect())
    };
    assert_eq!(ran()?.len(), 9);
    let path = folder.path().join("tokenizer-prior.json");
    // The tokens are equal: only the tokenizers run.
    fs::write(&path, format!("{}\n", fs::read_to_string(&path)?))?;
    assert_eq!(
        ran()?,
        ["prior_tokens", "prior_empty_tokens", "prior_negative_tokens"]
            .map(|node| format!("{node}: changed: files"))
    );
    // In the prior's tokenizer, every other token has another's place.
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    let vocabulary = tokenizer["model"]["vocab"].as_object_mut().context("a vocabulary")?;
    let [a, b] = ["a</w>", "r"].map(|token| vocabulary[token].clone());
    vocabulary.insert("a</w>".to_owned(), b);
    vocabulary.insert("r".to_owned(), a);
    fs::write(&path, serde_json::to_vec(&tokenizer)?)?;
    assert!(ran()?.iter().any(|node| node == "prior: changed: text"));
    Ok(())
}

/// Of the same size and time, as archives set it; and the same content elsewhere.
#[test]
fn digests_follow_weights() -> Result<()> {
    let (folder, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    bundle::write_with_one_encoder(folder.path())?;
    let digest = |models: &Path| -> Result<_> {
        let job = job(models, 1, "text-to-image.yaml")?;
        job.set("prompt", "a red apple")?;
        Ok(job.digest("embedding")?)
    };
    let first = digest(folder.path())?;
    for entry in fs::read_dir(folder.path())?.flatten() {
        fs::copy(entry.path(), other.path().join(entry.file_name()))?;
    }
    assert_eq!(digest(other.path())?, first);
    let path = folder.path().join("prior.onnx");
    let time = fs::metadata(&path)?.modified()?;
    let mut model = fs::read(&path)?;
    // The middle of the file is weights.
    let middle = model.len() / 2;
    model[middle] ^= 1;
    fs::write(&path, &model)?;
    fs::File::options().append(true).open(&path)?.set_modified(time)?;
    assert_ne!(digest(folder.path())?, first);
    model[middle] ^= 1;
    fs::write(&path, &model)?;
    assert_eq!(digest(folder.path())?, first);
    Ok(())
}

/// Over one engine: its models, its cache, its remembered results.
#[test]
fn threaded_jobs_match_sequential_ones() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    crowd(folder.path(), 200, u64::MAX)?;
    // Room for some of the models, so that jobs unload what others have just loaded.
    crowd(folder.path(), 8, 1_000_000)
}

/// Runs `jobs` jobs on eight threads, and compares each picture with the picture of a single job.
fn crowd(models: &Path, jobs: usize, model_bytes: u64) -> Result<()> {
    const THREADS: usize = 8;
    /// Room for a few results.
    const CACHE: usize = 600_000;
    let mut options = options(models, 1);
    options.cache_bytes = CACHE;
    options.stages.model_bytes = model_bytes;
    let engine = Engine::new(options)?;
    let graph = engine.graph(&shipped("text-to-image.yaml")?)?;
    let prepared = |number: usize| -> Result<Job> {
        let job = engine.job(&graph);
        job.set("prompt", ["a red apple", "a blue bird"][number % 2])?;
        job.set("seed", (number % 5) as i64)?;
        job.set("steps", 2)?;
        job.set("decoder_steps", 2 + (number % 3) as i64)?;
        Ok(job)
    };
    let kinds = jobs.min(30);
    let alone = (0..kinds).map(|number| Ok(prepared(number)?.get("image", &mut ())?));
    let alone: Vec<Value> = alone.collect::<Result<_>>()?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= jobs {
                return Ok(());
            }
            let job = prepared(number % kinds)?;
            ensure!(job.get("image", &mut ())? == alone[number % kinds], "picture {number} is another");
            ensure!(job.report().nodes.len() == 7);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    ensure!(engine.cache().bytes() <= CACHE, "values are let go");
    Ok(())
}

#[test]
fn one_model_at_time_is_enough() -> Result<()> {
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
    let placements = engine.model_cache().placements();
    assert_eq!(placements.len(), 1);
    assert!(placements[0].model.ends_with("vqgan-decoder.onnx") && placements[0].device == Device::Cpu);
    engine.model_cache().release();
    assert!(engine.model_cache().placements().is_empty());
    Ok(())
}

#[test]
fn missing_device_is_reported() -> Result<()> {
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
        let mut observer = Recorder::default();
        let result = job.get("embedding", &mut observer);
        Ok((result, observer.warnings, logged.load(Ordering::SeqCst)))
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
fn previews_show_each_step() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let Metadata::Prior(mut metadata) = bundle::prior_metadata() else {
        panic!("a prior's metadata are expected")
    };
    // The first three channels as they are.
    let mut weight = vec![[0.; 3]; 16];
    (0..3).for_each(|i| weight[i][i] = 1.);
    metadata.sampling.preview = Some(Preview { weight, bias: [0.; 3] });
    bundle::write_prior(folder.path(), &Metadata::Prior(metadata))?;
    let job = job(folder.path(), 1, "wuerstchen.yaml")?;
    set_case(&job)?;
    let mut observer = Recorder { previews: Some(vec![]), ..Recorder::default() };
    let embedding = f32s(&job.get("embedding", &mut observer)?);
    let previews = observer.previews.unwrap_or_default();
    assert_eq!(previews.len(), 6);
    assert_eq!(Value::from(previews[5].clone()).ty().to_string(), "u8[256,384,3]");
    // The last step adds nothing to what it guesses, so the last preview is the result: (e + 1) / 42 in bytes.
    let cells = 6 * 9;
    let values = previews[5].values::<u8>().unwrap_or_default();
    for i in 0..cells * 3 {
        let (colour, cell) = (i % 3, i / 3);
        let z = (embedding.as_slice().expect("row by row")[colour * cells + cell] + 1.) / 42.;
        // The pixel in the middle of the cell, which is enlarged smoothly.
        let middle = |at: usize| (2 * at + 1) * 128 / 6;
        let byte = values[(middle(cell / 9) * 384 + middle(cell % 9)) * 3 + colour];
        assert!((z.clamp(0., 1.) * 255. - f32::from(byte)).abs() < 8., "{z} as {byte}");
    }
    Ok(())
}

//! Models, tokenizers and files in memory, in place of those in the models folder.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use wuerst::core::Bytes;
use wuerst::{Engine, Error, Job, Options, Value};
use wuerst_model::onnx::{self, ExportOptions, Stored};
use wuerst_model::prior;
use wuerst_tests::bundle::{self, PLAIN, SIZES};

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

/// A bundle whose prior has its weights in a data file; the files by name, and the graph's text.
fn files(folder: &Path) -> Result<(Files, String)> {
    bundle::write(folder)?;
    let path = folder.join("prior.onnx");
    let stored = Stored::open(&path)?;
    let graph = prior::graph(&PLAIN.json("wuerstchen-prior/prior/config.json")?, &SIZES)?;
    let options =
        ExportOptions { inline_bytes: 0, metadata: stored.metadata().to_vec(), ..ExportOptions::default() };
    onnx::write(&path, &graph, &stored, &options)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        files.push((name.to_owned(), fs::read(&path)?));
    }
    assert!(files.iter().any(|(name, _)| name == "prior.onnx.data"));
    Ok((files, fs::read_to_string(folder.join("graph.yaml"))?))
}

fn job(engine: &Engine, graph: &str) -> Result<Job> {
    let job = engine.job(&engine.graph(graph)?);
    job.set("prompt", "a red apple")?;
    job.set("steps", 3i64)?;
    job.set("decoder_steps", 2i64)?;
    Ok(job)
}

fn nowhere() -> Result<Engine> {
    Ok(Engine::new(Options { models: "/nowhere".into(), ..Options::default() })?)
}

/// Memory that counts its uses.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn memory_gives_the_picture_of_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (files, graph) = files(folder.path())?;
    let disk = Engine::new(Options { models: folder.path().into(), ..Options::default() })?;
    let disk = job(&disk, &graph)?;
    let (want, digest) = (disk.get("image", &mut ())?, disk.digest("image")?);

    let alive = Arc::new(AtomicUsize::new(files.len()));
    let kept = nowhere()?;
    for (name, content) in &files {
        kept.assets().add(name, Bytes::new(Counted(content.clone(), Arc::clone(&alive))))?;
    }
    let read = nowhere()?;
    let calls = Arc::new(AtomicUsize::new(0));
    for (name, content) in files.clone() {
        let (size, calls) = (content.len() as u64, Arc::clone(&calls));
        read.assets().add_read(&name, size, move |offset, into| {
            calls.fetch_add(1, Ordering::Relaxed);
            let from = usize::try_from(offset).map_err(io::Error::other)?;
            into.copy_from_slice(&content[from..from + into.len()]);
            Ok(())
        })?;
    }
    // Misaligned memory, whose weights are copied.
    let odd = nowhere()?;
    for (name, content) in &files {
        struct Odd(Vec<u8>);
        impl AsRef<[u8]> for Odd {
            fn as_ref(&self) -> &[u8] {
                &self.0[1..]
            }
        }
        odd.assets().add(name, Bytes::new(Odd([&[0], content.as_slice()].concat())))?;
    }
    for engine in [&kept, &read, &odd] {
        let job = job(engine, &graph)?;
        assert_eq!(job.digest("image")?, digest);
        assert_eq!(job.get("image", &mut ())?, want);
        engine.release();
        assert_eq!(job.get("image", &mut ())?, want);
    }
    assert!(calls.load(Ordering::Relaxed) >= files.len() - 1);
    drop(kept);
    assert_eq!(alive.load(Ordering::Relaxed), 0, "nothing holds the memory any longer");
    Ok(())
}

#[test]
fn what_is_not_in_memory_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (files, graph) = files(folder.path())?;
    let said = |without: &str, cut: &str| -> Result<String> {
        let engine = nowhere()?;
        for (name, content) in files.iter().filter(|(name, _)| name != without) {
            let content = if name == cut { &content[..content.len() / 2] } else { content };
            engine.assets().add(name, Bytes::new(content.to_vec()))?;
        }
        let error = job(&engine, &graph).and_then(|job| Ok(job.get("image", &mut ()).map(drop)?));
        Ok(error.err().context("it ran")?.to_string())
    };
    for (without, cut, part) in [
        ("prior.onnx", "", "no model `prior`"),
        ("prior.onnx.data", "", "its data file `prior.onnx.data` is not in memory"),
        ("tokenizer-prior.json", "", "is not in memory: add `tokenizer-prior.json`"),
        ("", "prior.onnx.data", "cut off"),
        ("", "decoder.onnx", "decoder.onnx"),
    ] {
        let said = said(without, cut)?;
        assert!(said.contains(part), "{without}{cut}: {said}");
    }
    let engine = nowhere()?;
    engine.assets().add_read("prior.onnx", 100, |_, _| Err(io::Error::other("the key is wrong")))?;
    let error = engine.graph(&graph).err().context("it is read")?;
    assert!(matches!(error, Error::Graph(_)) && error.to_string().contains("the key is wrong"), "{error}");
    Ok(())
}

#[test]
fn graphs_read_files_in_memory() -> Result<()> {
    let engine = nowhere()?;
    engine.assets().add("prompts/one.txt", Bytes::new(*b"an apple"))?;
    let graph = "wuerstchen: 1\nnodes: { a: { use: text.load, with: { file: prompts/one.txt } } }\noutputs: { text: $a.text }\n";
    let job = engine.job(&engine.graph(graph)?);
    assert_eq!(job.get("text", &mut ())?, Value::from("an apple"));
    Ok(())
}

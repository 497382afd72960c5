//! Stages replaced by plug-ins, in C and in Rust, with the tiny model; and plug-ins that cannot be loaded.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::path::Path;

use anyhow::{Result, ensure};
use wuerst::{Change, Engine, Error, Job, Observer, Options, Tensor, Value};
use wuerst_tests::built::{c_plugin, command, library, plugin, png, root, tiny};

const GRAPH: &str = "graphs/text-to-image.yaml";
const STANDARDS: [&str; 2] = ["c99", "c++11"];

fn engine() -> Result<Engine> {
    Ok(Engine::new(Options { models: tiny(), ..Options::default() })?)
}

/// The shipped graph, with few steps, and changed.
fn job(engine: &Engine, changes: &[Change<'_>]) -> Result<Job> {
    let graph = engine.graph_with(&std::fs::read_to_string(root().join(GRAPH))?, changes)?;
    let job = engine.job(&graph);
    job.set("prompt", "a red apple, twemoji style")?;
    job.set("steps", 3i64)?;
    job.set("decoder_steps", 2i64)?;
    Ok(job)
}

fn ran(job: &Job) -> Vec<String> {
    job.report().ran().map(|ran| ran.node.clone()).collect()
}

fn tensor(value: Value) -> Tensor {
    match value {
        Value::Tensor(tensor) => tensor,
        other => panic!("{other} is not a tensor"),
    }
}

/// Notes steps as `node done/of`, and cancels at one of them.
#[derive(Default)]
struct Steps<'a> {
    seen: Vec<String>,
    cancel: Option<(&'a Job, &'static str)>,
}

impl Observer for Steps<'_> {
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        self.seen.push(format!("{node} {done}/{of}"));
        if let Some((job, _)) =
            self.cancel.filter(|(_, step)| self.seen.last().is_some_and(|seen| seen == step))
        {
            job.cancel();
        }
    }
}

#[test]
fn c_plug_in_replaces_vqgan() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = engine()?;
    let before = job(&engine, &[])?;
    let latents = "outputs:\n  latents: $decoder.latents\n";
    let before_image = tensor(before.get("image", &mut ())?);
    for standard in STANDARDS {
        let engine = if standard == "c99" { engine.clone() } else { self::engine()? };
        engine.load_plugin(&c_plugin("plugin", standard, &[], folder.path())?)?;
        let text = std::fs::read_to_string(root().join(GRAPH))?
            .replace("use: wuerst.vqgan_decode", "use: acme.vqgan");
        let graph = engine.graph(&text.replace("outputs:\n", latents))?;
        let after = engine.job(&graph);
        after.set("prompt", "a red apple, twemoji style")?;
        after.set("steps", 3i64)?;
        after.set("decoder_steps", 2i64)?;
        let mut steps = Steps::default();
        let image = tensor(after.get("image", &mut steps)?);
        if standard == "c99" {
            assert_eq!(ran(&after), ["vqgan"], "what comes before the stage is remembered");
        }
        assert_eq!((image.shape(), image.dtype()), (before_image.shape(), before_image.dtype()));
        assert_ne!(image, before_image);

        // The pixels are the map that the plug-in promises.
        let latents = tensor(after.get("latents", &mut ())?);
        let pixels = tensor(after.get("pixels", &mut ())?);
        let (z, rows) = (latents.values::<f32>().unwrap(), latents.shape()[2]);
        assert!(steps.seen.contains(&format!("vqgan {}/{rows}", rows - 1)), "{:?}", steps.seen);
        let cells = rows * latents.shape()[3];
        let red = 0.5 + 0.22 * z[0] + 0.09 * z[cells] - 0.05 * z[2 * cells] + 0.13 * z[3 * cells];
        assert!((pixels.values::<f32>().unwrap()[0] - red.clamp(0., 1.)).abs() < 1e-6);

        let filter = "{wuerstchen: 1, inputs: {image: 'u8[h,w,3]'}, outputs: {image: $a.image}, \
                      nodes: {a: {use: acme.negative, with: {image: $image}}}}";
        let filter = engine.job(&engine.graph(filter)?);
        filter.set("image", image.clone())?;
        let negative = tensor(filter.get("image", &mut ())?);
        let bytes = |image: &Tensor| image.values::<u8>().unwrap().to_vec();
        assert!(bytes(&image).iter().zip(bytes(&negative)).all(|(a, b)| a + b == 255));
    }
    Ok(())
}

#[test]
fn rust_plug_in_replaces_prior() -> Result<()> {
    let engine = engine()?;
    let before = job(&engine, &[])?;
    let embedding = tensor(before.get("embedding", &mut ())?);
    let image = tensor(before.get("image", &mut ())?);
    engine.load_plugin(&plugin()?)?;
    let after = job(&engine, &[Change::Kind("prior", "house.prior")])?;
    let mut steps = Steps::default();
    let other = tensor(after.get("image", &mut steps)?);
    assert_eq!(ran(&after), ["prior", "decoder", "vqgan"]);
    assert_eq!((other.shape(), other.dtype()), (image.shape(), image.dtype()));
    assert_ne!(other, image);
    let of_prior: Vec<&String> = steps.seen.iter().filter(|step| step.starts_with("prior")).collect();
    assert_eq!(of_prior, ["prior 0/3", "prior 1/3", "prior 2/3", "prior 3/3"]);
    assert_eq!(tensor(after.get("embedding", &mut ())?).shape(), embedding.shape());
    assert!(ran(&after).is_empty(), "it is as pure as a node that is built in");

    // Text and seed count, as for any prior.
    after.set("prompt", "a green pear")?;
    assert_ne!(tensor(after.get("image", &mut ())?), other);
    after.set("prompt", "a red apple, twemoji style")?;
    after.set("seed", 1i64)?;
    assert_ne!(tensor(after.get("image", &mut ())?), other);
    assert!(ran(&after).contains(&"prior".to_owned()));

    // Refusals come when the graph is read, and before a run.
    let change = [Change::Kind("prior", "house.prior"), Change::Text("prior.width", "50")];
    let refused = job(&engine, &change).unwrap_err().to_string();
    assert!(refused.contains("prior.width: 50 is not a multiple of 16"), "{refused}");
    after.set("width", 40i64)?;
    let refused = after.get("image", &mut ()).unwrap_err().to_string();
    assert!(refused.contains("`prior`: width: 40 is not a multiple of 16"), "{refused}");
    Ok(())
}

#[test]
fn plug_ins_are_cancelled_between_steps() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = engine()?;
    engine.load_plugin(&plugin()?)?;
    engine.load_plugin(&c_plugin("plugin", "c99", &[], folder.path())?)?;
    let changes = [Change::Kind("prior", "house.prior"), Change::Kind("vqgan", "acme.vqgan")];
    let job = job(&engine, &changes)?;
    for (at, beyond) in [("prior 1/3", "prior 3/3"), ("vqgan 2/16", "vqgan 4/16")] {
        let mut steps = Steps { cancel: Some((&job, at)), ..Steps::default() };
        assert!(matches!(job.get("image", &mut steps), Err(Error::Cancelled)), "{:?}", steps.seen);
        assert!(!steps.seen.iter().any(|step| step == beyond), "{:?}", steps.seen);
    }
    job.get("image", &mut ())?;
    assert_eq!(ran(&job), ["vqgan"], "what was finished stays remembered");
    Ok(())
}

/// Whether the library is in this process, as far as the system says so.
fn is_loaded(library: &Path) -> Result<bool> {
    if cfg!(not(target_os = "linux")) || !library.exists() {
        return Ok(false);
    }
    let library = library.canonicalize()?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    Ok(maps.lines().any(|line| line.ends_with(&format!(" {}", library.display()))))
}

#[test]
fn other_files_are_no_plug_ins() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = folder.path().join("text.so");
    std::fs::write(&text, "no library")?;
    let refused = |case: u32| c_plugin("refused", "c99", &[&format!("-DCASE={case}")], folder.path());
    let engine = engine()?;
    let kinds = engine.registry().kinds().count();
    for (path, part) in [
        (folder.path().join("nowhere.so"), "No such file"),
        (text, "is not a library that can be loaded"),
        (library()?, "is a library but no plug-in: it does not export `wst_plugin_version`"),
        (refused(1)?, "is built for version 2 of the interface, and this is 1: update wuerst"),
        (refused(2)?, "is a library but no plug-in: it does not export `wst_plugin_init_1`"),
        (refused(3)?, "no licence"),
        (refused(4)?, "`refused.first` is registered already"),
        (refused(5)?, "`wuerst.prior` is registered already"),
        (refused(6)?, "signature of `refused.second`: column 8: no type `picture`"),
    ] {
        let said = engine.load_plugin(&path).unwrap_err().to_string();
        assert!(said.starts_with(&format!("plug-in {}: ", path.display())) && said.contains(part), "{said}");
        assert_eq!(engine.registry().kinds().count(), kinds, "{said}: all or nothing");
        // The system keeps this library once it has been in the process, whatever is asked.
        assert!(path == library()? || !is_loaded(&path)?, "{said}: nothing of it stays");
    }
    engine.load_plugin(&plugin()?)?;
    assert!(is_loaded(&plugin()?)? || cfg!(not(target_os = "linux")));
    assert!(engine.load_plugin(&plugin()?).unwrap_err().to_string().contains("registered already"));
    // Another engine of the process can load it too.
    self::engine()?.load_plugin(&plugin()?)?;
    Ok(())
}

/// A graph of one node with the inputs of its kind.
fn lone(engine: &Engine, kind: &str, inputs: &[(&str, &str)], output: &str) -> Result<Job> {
    let declared: Vec<String> = inputs.iter().map(|(name, ty)| format!("{name}: '{ty}'")).collect();
    let wired: Vec<String> = inputs.iter().map(|(name, _)| format!("{name}: ${name}")).collect();
    let (declared, wired) = (declared.join(", "), wired.join(", "));
    let text = format!(
        "{{wuerstchen: 1, inputs: {{{declared}}}, outputs: {{{output}: $a.{output}}}, nodes: {{a: {{use: {kind}, with: {{{wired}}}}}}}}}"
    );
    Ok(engine.job(&engine.graph(&text)?))
}

#[test]
fn plug_ins_keep_state() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file.txt");
    std::fs::write(&file, "four")?;
    let engine = engine()?;
    engine.load_plugin(&plugin()?)?;
    let job = lone(&engine, "house.size", &[("path", "text")], "bytes")?;
    job.set("path", file.to_str().unwrap())?;
    assert_eq!(job.get("bytes", &mut ())?, Value::Int(4));
    job.get("bytes", &mut ())?;
    assert!(ran(&job).is_empty(), "nothing has changed");
    let before = job.digest("bytes")?;
    std::fs::write(&file, "eleven more")?;
    assert_eq!(job.get("bytes", &mut ())?, Value::Int(11));
    assert_ne!(job.digest("bytes")?, before);
    Ok(())
}

#[test]
fn plug_ins_keep_batch_and_weight() -> Result<()> {
    struct Parts(Vec<(usize, usize)>);
    impl Observer for Parts {
        fn part(&mut self, _: &str, index: usize, of: usize, _: &Value) {
            self.0.push((index, of));
        }
    }
    let engine = engine()?;
    engine.load_plugin(&plugin()?)?;
    assert_eq!(engine.registry().get("house.size").unwrap().spec().expected_ms, 25.);
    let rows = |numbers: &[f32]| Tensor::from_vec(&[numbers.len(), 1], numbers.to_vec());
    for by in [false, true] {
        let inputs = [("rows", "f32[b,1]"), ("seed", "int"), ("by", "f32[b,1]")];
        let job = lone(&engine, "house.rows", &inputs[..if by { 3 } else { 2 }], "rows")?;
        job.set("rows", rows(&[10., 20., 30.])?)?;
        job.set("seed", 5)?;
        if by {
            job.set("by", rows(&[100., 200., 300.])?)?;
        }
        let mut parts = Parts(vec![]);
        let sum = tensor(job.get("rows", &mut parts)?);
        let want: &[f32] = if by { &[115., 226., 337.] } else { &[15., 26., 37.] };
        assert_eq!(sum.values::<f32>().unwrap(), want);
        assert_eq!(parts.0, [(0, 3), (1, 3), (2, 3)], "each row is a run");
    }
    Ok(())
}

#[test]
fn plug_ins_add_graphs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("words.txt"), "words")?;
    let file =
        "{wuerstchen: 1, nodes: {a: {use: text.load, with: {file: words.txt}}}, outputs: {text: $a.text}}";
    std::fs::write(folder.path().join("part.yaml"), file)?;
    let at = |name: &str| format!("-DPART=\"{}\"", folder.path().join(name).display());
    let engine = engine()?;
    engine.load_plugin(&c_plugin("adds", "c99", &[&at("part.yaml")], folder.path())?)?;
    let job = lone(&engine, "adds.part", &[], "text")?;
    assert_eq!(job.get("text", &mut ())?, Value::from("words"), "names lead into the file's folder");
    let job = lone(&engine, "adds.sum", &[("n", "int")], "n")?;
    job.set("n", u64::MAX - 2)?;
    assert_eq!(job.get("n", &mut ())?, Value::from(u64::MAX));

    // All or nothing.
    let engine = self::engine()?;
    let kinds = engine.registry().kinds().count();
    let other = folder.path().join("other");
    std::fs::create_dir(&other)?;
    let said = engine.load_plugin(&c_plugin("adds", "c99", &[&at("nowhere.yaml")], &other)?).unwrap_err();
    assert!(said.to_string().contains("nowhere.yaml"), "{said}");
    assert_eq!(engine.registry().kinds().count(), kinds);
    Ok(())
}

/// What a plug-in lacks is said when it is loaded, in the loader's words, and not by the end of the process.
#[test]
fn plug_ins_are_bound_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lacks = c_plugin("lacks", "c99", &["-DCASE=1"], folder.path())?;
    let needed = c_plugin("lacks", "c99", &["-DCASE=2"], folder.path())?;
    let needs = c_plugin("lacks", "c99", &["-DCASE=3", needed.to_str().unwrap()], folder.path())?;
    std::fs::remove_file(&needed)?;
    let engine = engine()?;
    for (path, part) in [(lacks, "acme_elsewhere"), (needs, needed.file_name().unwrap().to_str().unwrap())] {
        let said = engine.load_plugin(&path).unwrap_err().to_string();
        assert!(said.contains("is not a library that can be loaded: ") && said.contains(part), "{said}");
        let listed = command()?.args(["nodes", "--plugin"]).arg(&path).output()?;
        assert_eq!(listed.status.code(), Some(1));
        assert!(String::from_utf8(listed.stderr)?.contains(part));
    }
    Ok(())
}

fn wuerst(args: &[&str], folder: &Path) -> Result<String> {
    let mut command = command()?;
    command.current_dir(root()).env("WUERST_MODELS", tiny());
    command.args(args).arg(format!("image={}", folder.join("a.png").display()));
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn command_runs_plug_ins() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (c, rust) = (c_plugin("plugin", "c99", &[], folder.path())?, plugin()?);
    let (c, rust) = (c.to_str().unwrap(), rust.to_str().unwrap());
    let plugins = ["--plugin", c, "--plugin", rust];
    let run = ["run", GRAPH, "--set", "prompt=a red apple", "--set", "decoder_steps=2", "--set", "steps=2"];
    let uses = ["--use", "prior=house.prior", "--use", "vqgan=acme.vqgan", "--explain", "-o"];
    let explained = wuerst(&[&run[..], &plugins, &uses].concat(), folder.path())?;
    assert!(explained.contains("vqgan"), "{explained}");
    let first = png(&folder.path().join("a.png"))?;
    assert_eq!(first.0, [64, 64]);

    // The picture knows which nodes made it.
    let from = folder.path().join("from.png");
    std::fs::rename(folder.path().join("a.png"), &from)?;
    wuerst(&[&["run", "--from", from.to_str().unwrap()][..], &plugins, &["-o"]].concat(), folder.path())?;
    assert!(png(&folder.path().join("a.png"))? == first);
    let lacking =
        wuerst(&["run", "--from", from.to_str().unwrap(), "-o"], folder.path()).unwrap_err().to_string();
    assert!(lacking.contains("no node kind `house.prior`"), "{lacking}");

    let listed = command()?.args(["nodes", "--plugin", c, "acme.negative"]).output()?;
    assert!(String::from_utf8(listed.stdout)?.contains("0 leaves the picture as it is."));
    let missing = command()?.args(["nodes", "--plugin", "/nowhere.so"]).output()?;
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr)?.contains("plug-in /nowhere.so"));
    Ok(())
}

//! Pictures of small models with random weights; equal seeds give equal bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{png, root};

use crate::{GRAPH, generate, models, stdout, wuerst};

#[test]
fn same_seed_gives_same_bytes() -> Result<()> {
    let models = models()?;
    let first = generate(models.path(), "a.png", &["--seed", "7", "--threads", "1"])?;
    assert!(generate(models.path(), "b.png", &["--seed", "7", "--threads", "3"])? == first, "threads");
    assert!(generate(models.path(), "c.png", &["--seed", "7"])? == first, "another process");
    assert!(generate(models.path(), "d.png", &["--seed", "8"])? != first, "another seed");
    let guided = ["--seed", "7", "--negative", "a green pear", "--guidance", "3"];
    assert!(generate(models.path(), "e.png", &guided)? != first, "guidance");
    Ok(())
}

/// Of a seed the low 32 bits count, and line and picture say which they are.
#[test]
fn seeds_show_effective_part() -> Result<()> {
    let models = models()?;
    let small = generate(models.path(), "a.png", &["--seed", "7"])?;
    let large = generate(models.path(), "b.png", &["--seed", "18446744069414584327"])?;
    assert!(large == small, "the same bytes, what the picture says of itself among them");
    let mut made =
        wuerst(models.path(), &["generate", "a red apple", "--seed", "18446744073709551615", "-o"])?;
    made.arg(models.path().join("c.png"));
    let said = stdout(made)?;
    assert!(said.contains("seed 4294967295 (the low 32 bits of 18446744073709551615)"), "{said}");
    Ok(())
}

#[test]
fn pictures_are_numbered_with_seeds() -> Result<()> {
    let models = models()?;
    generate(models.path(), "many.png", &["--seed", "3", "--count", "2", "--size", "256x128"])?;
    generate(models.path(), "one.png", &["--seed", "4", "--size", "256x128"])?;
    let picture = |name: &str| png(&models.path().join(name));
    assert_eq!(picture("many-0002.png")?.0, [128, 256]);
    assert!(picture("many-0002.png")? == picture("one.png")?);
    assert!(picture("many-0001.png")? != picture("one.png")?);
    assert!(!models.path().join("many.png").exists());
    Ok(())
}

#[test]
fn picture_says_how_it_was_made() -> Result<()> {
    let models = models()?;
    let bytes = generate(models.path(), "a.png", &["--seed", "7"])?;
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()?;
    let text = |keyword: &str| {
        let chunk = reader.info().utf8_text.iter().find(|chunk| chunk.keyword == keyword);
        chunk.with_context(|| keyword.to_owned()).and_then(|chunk| Ok(chunk.get_text()?))
    };
    let inputs: serde_json::Value = serde_json::from_str(&text("inputs")?)?;
    assert_eq!(
        inputs,
        serde_json::json!({ "prompt": "a red apple", "seed": "7", "steps": "2", "decoder_steps": "2" })
    );
    let files: std::collections::BTreeMap<String, String> = serde_json::from_str(&text("files")?)?;
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["decoder", "prior", "text-encoder", "tokenizer-decoder.json", "vqgan-decoder"]);
    assert!(files.values().all(|digest| digest.len() == 64));
    assert_eq!(text("graph")?, fs::read_to_string(root().join(GRAPH))?);
    Ok(())
}

#[test]
fn pictures_are_reproducible() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let again = |from: &str, name: &str, more: &[&str]| -> Result<(Vec<u8>, String)> {
        let (from, output) = (at(from), format!("image={}", at(name).display()));
        let args = ["run", "--from", from.to_str().context("a path that is text")?, "-o", &output];
        let output = wuerst(models.path(), &[&args[..], more].concat())?.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        Ok((fs::read(at(name))?, said))
    };
    let first = generate(models.path(), "a.png", &["--seed", "7", "--set", "decoder.steps=3"])?;
    let (second, said) = again("a.png", "b.png", &[])?;
    assert!(second == first && !said.contains("warning"), "{said}");
    // And the copy makes copies.
    assert!(again("b.png", "c.png", &[])?.0 == first);
    let (other, _) = again("a.png", "d.png", &["--set", "seed=8"])?;
    generate(models.path(), "e.png", &["--seed", "8", "--set", "decoder.steps=3"])?;
    assert!(other == fs::read(at("e.png"))?);

    let (bare, _) = again("a.png", "f.png", &["--no-metadata"])?;
    assert!(png(&at("f.png"))? == png(&at("a.png"))? && bare.len() < first.len());
    let said = format!("{:#}", again("f.png", "g.png", &[]).expect_err("it does not say how"));
    assert!(said.contains("f.png") && said.contains("--no-metadata"), "{said}");

    // A model that changed is named; here by a byte that nothing reads.
    let mut model = fs::read(at("prior.onnx"))?;
    // Field 3 of a model, its producer's version, as an empty text.
    model.extend([0x1a, 0x00]);
    fs::write(at("prior.onnx"), model)?;
    let (_, said) = again("a.png", "h.png", &[])?;
    assert!(said.contains("`prior` has changed since"), "{said}");
    assert!(!said.contains("tokenizer"), "{said}");
    let tokenizer = at("tokenizer-decoder.json");
    fs::write(&tokenizer, format!("{}\n", fs::read_to_string(&tokenizer)?))?;
    let (_, said) = again("a.png", "i.png", &[])?;
    assert!(said.contains("`tokenizer-decoder.json` has changed since"), "{said}");
    Ok(())
}

#[test]
fn pictures_of_lists_are_written_early() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let text = |path: &Path| path.to_str().map(str::to_owned).context("UTF-8");
    fs::write(at("prompts.txt"), "a red apple\na green pear\n")?;
    let (prompts, images) =
        (format!("prompts={}", text(&at("prompts.txt"))?), format!("images={}", text(&at("b.png"))?));
    let set = ["--set", "steps=2", "--set", "decoder_steps=2", "--set", "seed=3"];
    let cache = text(&at("cache"))?;
    let kept = ["--cache", &cache, "--cache-size", "1M", "--model-memory", "1M"];
    let run = [&["run", "graphs/batch.yaml", "--set", &prompts, "-o", &images][..], &set, &kept].concat();
    stdout(wuerst(models.path(), &run)?)?;
    generate(models.path(), "c.png", &["--seed", "3"])?;
    assert!(png(&at("b-0001.png"))? == png(&at("c.png"))?, "as it is alone");
    let second = fs::read(at("b-0002.png"))?;
    // And once more, when nothing runs.
    fs::remove_file(at("b-0002.png"))?;
    stdout(wuerst(models.path(), &run)?)?;
    assert!(fs::read(at("b-0002.png"))? == second && !at("b.png").exists());
    Ok(())
}

#[test]
fn outputs_are_written_as_pictures_and_arrays() -> Result<()> {
    let models = models()?;
    let file = |name: &str| models.path().join(name);
    let output = |name: &str, to: &str| format!("{name}={}", file(to).display());
    let (image, pixels) = (output("image", "a.png"), output("pixels", "a.npy"));
    let (array, embedding) = (output("image", "b.npy"), output("embedding", "c.npy"));
    let set = ["--set", "prompt=a red apple", "--set", "prior.steps=2", "--set", "decoder_steps=2"];
    let report = file("report.json");
    let outputs = [
        "--report",
        report.to_str().context("UTF-8")?,
        "-o",
        &image,
        "-o",
        &pixels,
        "-o",
        &array,
        "-o",
        &embedding,
    ];
    let text = stdout(wuerst(models.path(), &[&["run", GRAPH, "--explain"], &set[..], &outputs].concat())?)?;
    for node in ["tokens", "text", "prior", "decoder", "vqgan"] {
        let line = text.lines().find(|line| line.split_whitespace().nth(1) == Some(node));
        assert!(line.is_some_and(|line| line.starts_with("ran") && line.ends_with("new")), "{text}");
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&report)?)?;
    let nodes = json["nodes"].as_array().context("nodes")?;
    assert!(
        nodes.len() == 7 && nodes.iter().all(|node| node["did"] == "ran" && node["why"] == "new"),
        "{json}"
    );
    let prior = nodes.iter().find(|node| node["node"] == "prior").context("prior")?;
    assert_eq!((&prior["kind"], &prior["devices"]), (&"wuerst.prior".into(), &vec!["cpu"].into()));
    let (size, rgb) = png(&file("a.png"))?;
    let array: ndarray::Array3<u8> = ndarray_npy::read_npy(file("b.npy"))?;
    assert_eq!((array.dim(), array.into_raw_vec_and_offset().0), ((size[0], size[1], 3), rgb));
    let pixels: ndarray::Array3<f32> = ndarray_npy::read_npy(file("a.npy"))?;
    assert!(pixels.iter().all(|x| (0. ..=1.).contains(x)));
    let embedding: ndarray::Array4<f32> = ndarray_npy::read_npy(file("c.npy"))?;
    assert_eq!(embedding.dim(), (1, 16, 3, 3));
    Ok(())
}

#[test]
fn cache_folder_serves_next_process() -> Result<()> {
    let models = models()?;
    let (cache, image) = (models.path().join("cache"), models.path().join("a.png"));
    let output = format!("image={}", image.display());
    let cache = cache.to_str().context("UTF-8")?;
    let args = ["run", GRAPH, "--explain", "--cache", cache, "--set", "prompt=a red apple", "-o", &output];
    let first = stdout(wuerst(models.path(), &args)?)?;
    assert!(!first.contains("from the cache folder"), "{first}");
    let made = fs::read(&image)?;
    let second = stdout(wuerst(models.path(), &args)?)?;
    let prior = second.lines().find(|line| line.split_whitespace().nth(1) == Some("prior"));
    assert!(prior.is_some_and(|line| line.ends_with("from the cache folder")), "{second}");
    assert!(fs::read(&image)? == made, "the same picture");
    Ok(())
}

#[test]
fn benchmark_measures_every_node() -> Result<()> {
    let models = models()?;
    let args = ["bench", GRAPH, "-n", "2", "--json", "--set", "steps=2", "--set", "decoder_steps=2"];
    let figures: serde_json::Value = serde_json::from_str(&stdout(wuerst(models.path(), &args)?)?)?;
    let nodes = figures["nodes"].as_array().context("nodes")?;
    assert!(nodes.len() == 7 && nodes.iter().any(|node| node["node"] == "prior"), "{figures}");
    for times in ["run_milliseconds", "overhead", "remembered_milliseconds", "process_milliseconds"] {
        let [least, median, greatest] =
            ["least", "median", "greatest"].map(|figure| figures[times][figure].as_f64().unwrap_or(-1.));
        assert!(0. < least && least <= median && median <= greatest, "{times}: {figures}");
    }
    assert_eq!(figures["devices"], serde_json::json!(["cpu"]));
    assert!(figures["peak_macs_per_second"].as_f64() > Some(1e6), "{figures}");
    Ok(())
}

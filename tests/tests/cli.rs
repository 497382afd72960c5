//! The command on small models with random weights: what it writes, and that the same seed gives the same bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wuerst_tests::built::{command, png, root};
use wuerst_tests::bundle;

const GRAPH: &str = "graphs/text-to-image.yaml";

/// A folder of models, into which the command also writes.
fn models() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    Ok(folder)
}

/// The command in the repository, with these models.
fn wuerst(models: &Path, args: &[&str]) -> Result<Command> {
    let mut command = command()?;
    command.current_dir(root()).env("WUERST_MODELS", models).args(args);
    Ok(command)
}

/// What it prints on stdout; it must succeed.
fn stdout(mut command: Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Generates a picture of few steps.
fn generate(models: &Path, file: &str, more: &[&str]) -> Result<Vec<u8>> {
    let path = models.join(file);
    let path = path.to_str().context("a path in UTF-8")?;
    let args = ["generate", "a red apple", "-o", path, "--steps", "2", "--set", "decoder_steps=2"];
    stdout(wuerst(models, &[&args, more].concat())?)?;
    Ok(if Path::new(path).exists() { fs::read(path)? } else { Vec::new() })
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Result<()> {
    let models = models()?;
    let first = generate(models.path(), "a.png", &["--seed", "7", "--threads", "1"])?;
    assert!(generate(models.path(), "b.png", &["--seed", "7", "--threads", "3"])? == first, "threads");
    assert!(generate(models.path(), "c.png", &["--seed", "7"])? == first, "another process");
    assert!(generate(models.path(), "d.png", &["--seed", "8"])? != first, "another seed");
    let guided = ["--seed", "7", "--negative", "a green pear", "--guidance", "3"];
    assert!(generate(models.path(), "e.png", &guided)? != first, "guidance");
    Ok(())
}

#[test]
fn many_pictures_are_numbered_and_each_has_its_seed() -> Result<()> {
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
fn a_picture_says_how_it_was_made() -> Result<()> {
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
    assert_eq!(names, ["decoder", "prior", "text-encoder", "vqgan-decoder"]);
    assert!(files.values().all(|digest| digest.len() == 64));
    assert_eq!(text("graph")?, fs::read_to_string(root().join(GRAPH))?);
    Ok(())
}

#[test]
fn nodes_save_into_the_folder_that_is_given_and_read_beside_the_graph() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    for folder in ["graph", "out"] {
        fs::create_dir(at(folder))?;
    }
    generate(models.path(), "graph/a.png", &[])?;
    let graph = at("graph/save.yaml");
    fs::write(
        &graph,
        "wuerstchen: 1\nnodes:\n  a: { use: image.load, with: { file: a.png } }\n  \
         s: { use: image.save, with: { image: $a.image, name: b.webp } }\noutputs: { saved: $s.saved }\n",
    )?;
    let (graph, out, saved) = (graph.to_str().context("UTF-8")?, at("out"), at("saved.txt"));
    let (out, saved) = (out.to_str().context("UTF-8")?, format!("saved={}", saved.display()));
    let run = ["run", graph, "-o", &saved];
    let refused = wuerst(models.path(), &run)?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("save.yaml:4") && said.contains("--files"), "{said}");
    stdout(wuerst(models.path(), &[&run[..], &["--files", out]].concat())?)?;
    assert_eq!(fs::read_to_string(at("saved.txt"))?, "b.webp\n");
    assert!(fs::read(at("out/b.webp"))?.starts_with(b"RIFF"));
    assert_eq!(fs::read_dir(at("out"))?.count(), 1);
    Ok(())
}

#[test]
fn a_graph_that_is_a_node_reads_beside_its_own_file() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let text = |path: &Path| path.to_str().map(str::to_owned).context("UTF-8");
    for folder in ["main", "parts", "out"] {
        fs::create_dir(at(folder))?;
    }
    // Two pictures of one name.
    generate(models.path(), "parts/a.png", &["--seed", "1"])?;
    generate(models.path(), "main/a.png", &["--seed", "2"])?;
    fs::write(
        at("parts/part.yaml"),
        "wuerstchen: 1\ninputs: { second: 'file = \"a.png\"' }\nnodes:\n  a: { use: image.load, with: { file: a.png } }\n  \
         b: { use: image.load, with: { file: $second } }\noutputs: { a: $a.image, b: $b.image }\n",
    )?;
    let graph = "wuerstchen: 1\nnodes:\n  p: { use: house.part }\n  q: { use: house.part, with: { second: a.png } }\n  \
                 left: { use: image.stack, with: { a: $p.a, b: $p.b, c: $q.a, d: $q.b } }\n  all: { use: image.grid, \
                 with: { images: $left.images, columns: 4 } }\noutputs: { image: $all.image }\n";
    fs::write(at("main/graph.yaml"), graph)?;
    let subgraph = format!("house.part={}", text(&at("parts/part.yaml"))?);
    let (main, image) = (text(&at("main/graph.yaml"))?, format!("image={}", text(&at("main/made.png"))?));
    let check = ["check", main.as_str(), "--subgraph", subgraph.as_str()];
    stdout(wuerst(models.path(), &check)?)?;
    stdout(wuerst(models.path(), &["run", &main, "--subgraph", &subgraph, "-o", &image])?)?;
    let ([height, width], own) = png(&at("parts/a.png"))?;
    let (_, other) = png(&at("main/a.png"))?;
    let rows =
        |y: usize| [&own, &own, &own, &other].map(|rgb| &rgb[y * width * 3..(y + 1) * width * 3]).concat();
    let all = (0..height).flat_map(rows).collect::<Vec<u8>>();
    assert!(own != other, "two pictures");
    assert!(
        png(&at("main/made.png"))? == ([height, 4 * width], all),
        "three of the part, one of the main graph"
    );

    // The picture knows where the part lay.
    let again = |out: &str| -> Result<Vec<u8>> {
        let (from, out) = (text(&at("main/made.png"))?, at(out));
        stdout(wuerst(models.path(), &["run", "--from", &from, "-o", &format!("image={}", text(&out)?)])?)?;
        Ok(fs::read(out)?)
    };
    assert!(again("out/again.png")? == fs::read(at("main/made.png"))?);

    fs::remove_file(at("parts/a.png"))?;
    let refused = wuerst(models.path(), &check)?.output()?;
    let said = String::from_utf8(refused.stderr)?;
    assert!(said.contains("part.yaml:4:") && said.contains("parts has none") && said.contains('^'), "{said}");
    Ok(())
}

#[test]
fn a_picture_can_be_made_again_from_itself() -> Result<()> {
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
    assert!(said.contains("`prior` is not what"), "{said}");
    Ok(())
}

#[test]
fn pictures_of_a_list_are_files_each_when_it_is_finished() -> Result<()> {
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
fn a_graph_can_be_a_node_of_another() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let prior = "# A prior that takes tokens.\nwuerstchen: 1\ninputs: { text: 'f32[b,l,d]', negative: 'f32[n,l,d]?', \
                 model: model, width: int?, height: int?, steps: int?, guidance: float?, seed: 'int = 0 {0..}' }\nnodes:\n  \
                 stage:\n    use: wuerst.prior\n    with: { text: $text, negative: $negative, model: $model, width: $width, \
                 height: $height, steps: $steps, guidance: $guidance, seed: $seed }\noutputs: { embedding: \
                 $stage.embedding, rng: $stage.rng }\n";
    fs::write(at("prior.yaml"), prior)?;
    let file = format!("house.prior={}", at("prior.yaml").display());
    let uses = ["--subgraph", file.as_str(), "--use", "prior=house.prior"];
    let plain = generate(models.path(), "a.png", &["--seed", "7"])?;
    let through = generate(models.path(), "b.png", &[&["--seed", "7"][..], &uses].concat())?;
    assert!(
        png(&at("a.png"))? == png(&at("b.png"))? && plain != through,
        "the same picture, made in another way"
    );

    // The picture brings the graph along.
    let (from, output) = (at("b.png"), format!("image={}", at("c.png").display()));
    let from = from.to_str().context("UTF-8")?;
    let text = stdout(wuerst(models.path(), &["run", "--from", from, "--explain", "-o", &output])?)?;
    assert!(text.contains("prior/stage"), "{text}");
    assert!(fs::read(at("c.png"))? == through);

    // So it does when a node within is changed.
    let changed =
        [&["run", GRAPH, "--set", "prompt=a red apple", "--set", "prior/stage.steps=2"], &uses[..]].concat();
    let output = ["-o", &*format!("image={}", at("d.png").display())];
    stdout(wuerst(models.path(), &[&changed[..], &output].concat())?)?;
    let (d, output) = (at("d.png"), format!("image={}", at("e.png").display()));
    stdout(wuerst(models.path(), &["run", "--from", d.to_str().context("UTF-8")?, "-o", &output])?)?;
    assert!(fs::read(at("e.png"))? == fs::read(&d)? && png(&d)? != png(&at("a.png"))?);

    let listed = stdout(wuerst(models.path(), &["nodes", "--subgraph", &file, "house.prior"])?)?;
    assert!(listed.contains("A prior that takes tokens.") && listed.contains("width: int?"), "{listed}");
    let schema = stdout(wuerst(models.path(), &["nodes", "--schema", "--subgraph", &file])?)?;
    assert!(schema.contains("\"const\": \"house.prior\""), "{schema}");

    fs::write(at("prior.yaml"), prior.replace("$seed", "$sead"))?;
    let refused = wuerst(models.path(), &[&["check", GRAPH][..], &uses[..2]].concat())?.output()?;
    let said = String::from_utf8(refused.stderr)?;
    assert!(
        said.contains("prior.yaml:7:") && said.contains("did you mean `seed`?") && said.contains('^'),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_models_folder_may_bring_its_graph() -> Result<()> {
    let models = models()?;
    let shipped = fs::read_to_string(root().join(GRAPH))?;
    fs::write(
        models.path().join("graph.yaml"),
        shipped.replace("seed:             int = 0", "seed: int = 7"),
    )?;
    let own = generate(models.path(), "a.png", &[])?;
    fs::remove_file(models.path().join("graph.yaml"))?;
    generate(models.path(), "b.png", &["--seed", "7"])?;
    generate(models.path(), "c.png", &[])?;
    let picture = |name: &str| png(&models.path().join(name));
    assert!(
        !own.is_empty() && picture("a.png")? == picture("b.png")? && picture("a.png")? != picture("c.png")?
    );
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
fn a_cache_folder_serves_the_next_process() -> Result<()> {
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
fn a_benchmark_measures_every_node() -> Result<()> {
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
    assert!(figures["ceiling_multiply_adds_per_second"].as_f64() > Some(1e6), "{figures}");
    Ok(())
}

#[test]
fn nodes_are_listed_and_described() -> Result<()> {
    let list = stdout(wuerst(Path::new("/nowhere"), &["nodes"])?)?;
    for kind in ["wuerst.tokenize", "wuerst.encode", "wuerst.prior", "wuerst.decode", "wuerst.vqgan"] {
        assert!(list.lines().any(|line| line == kind), "{list}");
    }
    let prior = stdout(wuerst(Path::new("/nowhere"), &["nodes", "wuerst.prior"])?)?;
    assert!(prior.contains("seed: int = 0") && prior.contains("same seed gives the same"), "{prior}");
    Ok(())
}

#[test]
fn good_graphs_are_checked_quietly_and_bad_ones_in_full() -> Result<()> {
    let models = models()?;
    let check = |args: &[&str]| -> Result<(Option<i32>, String, String)> {
        let output = wuerst(models.path(), &[&["check"], args].concat())?.output()?;
        Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
    };
    let (code, text, errors) = check(&[GRAPH])?;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{text}");
    assert!(text.starts_with("graphs/text-to-image.yaml: good, ") && text.contains(" 7 nodes"), "{text}");

    let bad = models.path().join("bad.yaml");
    let text = fs::read_to_string(root().join(GRAPH))?;
    let text = text.replace("use: wuerst.prior", "use: wuerst.pryor").replace("$text.states", "$txt.states");
    fs::write(&bad, text)?;
    let bad = bad.to_str().context("a path in UTF-8")?;
    let (code, text, errors) = check(&[bad])?;
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(errors.contains("no node kind `wuerst.pryor`; did you mean `wuerst.prior`?"), "{errors}");
    assert!(errors.contains("    use: wuerst.pryor\n   |          ^"), "{errors}");
    assert!(errors.trim_end().ends_with("bad.yaml: 3 problems"), "{errors}");

    let (code, text, errors) = check(&[bad, "--json"])?;
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let report: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(report["file"], bad);
    let problems = report["problems"].as_array().context("problems")?;
    assert_eq!(problems.len(), 3);
    assert!(problems[0]["line"].as_u64() > Some(1) && problems[0]["column"] == 10, "{text}");
    assert_eq!(problems[0]["path"], "nodes.prior.use");
    Ok(())
}

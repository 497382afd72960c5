//! Graph files: files that they read and write, graphs as node kinds, descriptions of nodes, and messages of mistakes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wuerst_tests::built::{png, root};

use crate::{GRAPH, generate, models, stdout, text, wuerst};

#[test]
fn nodes_save_and_read_in_their_folders() -> Result<()> {
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
    assert!(
        !refused.status.success() && said.contains("save.yaml:4") && said.contains("--outputs"),
        "{said}"
    );
    // The folder to read from is never written into.
    let refused = wuerst(models.path(), &[&run[..], &["--files", out]].concat())?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("with --outputs FOLDER"), "{said}");
    assert_eq!(fs::read_dir(at("out"))?.count(), 0);
    stdout(wuerst(models.path(), &[&run[..], &["--outputs", out]].concat())?)?;
    assert_eq!(fs::read_to_string(at("saved.txt"))?, "b.webp\n");
    assert!(fs::read(at("out/b.webp"))?.starts_with(b"RIFF"));
    assert_eq!(fs::read_dir(at("out"))?.count(), 1);
    // Another folder to read from has no such picture.
    let both = ["--files", out, "--outputs", out];
    let refused = wuerst(models.path(), &[&run[..], &both].concat())?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("a.png"), "{said}");
    fs::copy(at("graph/a.png"), at("out/a.png"))?;
    stdout(wuerst(models.path(), &[&run[..], &both].concat())?)?;
    Ok(())
}

#[test]
fn subgraphs_read_next_to_their_file() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let text = |path: &Path| text(path).map(str::to_owned);
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

    // The picture holds the part, and not where it lay: next to the picture is another file of the name.
    let (from, out) = (text(&at("main/made.png"))?, format!("image={}", text(&at("out/again.png"))?));
    let again = ["run", "--from", &from, "-o", &out];
    let said = String::from_utf8(wuerst(models.path(), &again)?.output()?.stderr)?;
    assert!(said.contains("`p/a.file`: the file `a.png` is not the one"), "{said}");
    stdout(wuerst(models.path(), &[&again[..], &["--subgraph", &subgraph]].concat())?)?;
    assert!(fs::read(at("out/again.png"))? == fs::read(at("main/made.png"))?);

    fs::remove_file(at("parts/a.png"))?;
    let refused = wuerst(models.path(), &check)?.output()?;
    let said = String::from_utf8(refused.stderr)?;
    assert!(
        said.contains("part.yaml:4:") && said.contains("parts has no such file") && said.contains('^'),
        "{said}"
    );
    Ok(())
}

#[test]
fn graphs_can_be_nodes() -> Result<()> {
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
fn models_folder_may_bring_its_graph() -> Result<()> {
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
fn nodes_are_listed_and_described() -> Result<()> {
    let list = stdout(wuerst(Path::new("/nowhere"), &["nodes"])?)?;
    for kind in
        ["wuerst.tokenize", "wuerst.text_encode", "wuerst.prior", "wuerst.decoder", "wuerst.vqgan_decode"]
    {
        assert!(list.lines().any(|line| line == kind), "{list}");
    }
    let prior = stdout(wuerst(Path::new("/nowhere"), &["nodes", "wuerst.prior"])?)?;
    assert!(prior.contains("seed: int = 0") && prior.contains("same seed gives the same"), "{prior}");
    Ok(())
}

#[test]
fn check_reports_all_problems() -> Result<()> {
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

    let old = models.path().join("old.yaml");
    fs::write(&old, fs::read_to_string(root().join(GRAPH))?.replace("wuerst.decoder", "wuerst.decode"))?;
    let old = old.to_str().context("a path in UTF-8")?;
    let (code, text, errors) = check(&[old])?;
    assert!(code == Some(0) && text.contains("good"), "{text}");
    assert!(errors.contains("`wuerst.decode` is now called `wuerst.decoder`"), "{errors}");
    let (code, text, _) = check(&[old, "--json"])?;
    let report: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!((code, report["warnings"].as_array().map(Vec::len)), (Some(0), Some(1)));

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

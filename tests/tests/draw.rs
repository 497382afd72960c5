//! Graphs as drawings: for Mermaid and Graphviz as golden files, as a page in a browser.
//!
//! `UPDATE_GOLDEN=1 cargo test -p wuerst-tests --test draw` writes the golden files anew. A picture of the page, by a
//! headless Chromium (`WUERST_CHROMIUM` names one), is a command of its own:
//!
//! ```sh
//! cargo test -p wuerst-tests --test draw -- --ignored --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use wuerst::{Engine, Options};
use wuerst_graph::{Graph, dot, html, mermaid};
use wuerst_tests::built::{command, png, root, tiny};

fn shipped(name: &str) -> Graph {
    let options = Options { models: tiny(), ..Options::default() };
    let text = fs::read_to_string(root().join("graphs").join(name)).unwrap();
    Engine::new(options).unwrap().graph(&text).unwrap()
}

fn agree(name: &str, drawn: &str) {
    let path = root().join("tests/graphs/drawn").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, drawn).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(drawn == wanted, "{} says\n{wanted}and this is drawn\n{drawn}", path.display());
}

#[test]
fn graph_is_drawn_for_mermaid_and_graphviz() {
    let graph = shipped("text-to-image.yaml");
    agree("text-to-image.mmd", &mermaid(&graph));
    agree("text-to-image.dot", &dot(&graph));
}

/// Graphviz itself reads every drawing, where it is installed.
#[test]
fn graphviz_reads_drawings() -> Result<()> {
    if Command::new("dot").arg("-V").stderr(Stdio::null()).status().is_err() {
        return Ok(());
    }
    let odd = "{wuerstchen: 1, inputs: {a: 'text = \"<b>|{}\\\\\\\\\"'}, outputs: {b: $a}}";
    let odd = Engine::new(Options::default())?.graph(odd)?;
    for graph in [shipped("text-to-image.yaml"), shipped("image-and-text.yaml"), odd] {
        let folder = tempfile::tempdir()?;
        let (file, picture) = (folder.path().join("g.dot"), folder.path().join("g.svg"));
        fs::write(&file, dot(&graph))?;
        let drawn = Command::new("dot").arg("-Tsvg").arg(&file).arg("-o").arg(&picture).output()?;
        ensure!(
            drawn.status.success() && drawn.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&drawn.stderr)
        );
        let svg = fs::read_to_string(&picture)?;
        let boxes = svg.matches("class=\"node\"").count();
        ensure!(boxes == graph.inputs().len() + graph.nodes().len() + graph.outputs().len(), "{boxes} boxes");
    }
    Ok(())
}

#[test]
fn page_shows_every_port_offline() {
    let graph = shipped("text-to-image.yaml");
    let page = html(&graph, "<a> & b", None);
    for node in graph.nodes() {
        assert!(page.contains(&format!(">{}</text>", node.id)), "{}", node.id);
        for (port, ty) in node.kind.spec().signature.outputs.iter().zip(&node.gives) {
            assert!(page.contains(&format!(">{}: {ty}</text>", port.name)), "{port}");
        }
    }
    assert!(page.contains("<h1>&lt;a&gt; &amp; b</h1>") && page.contains(">model = prior</text>"));
    for reference in ["http:", "https:", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn inferred_lengths_are_drawn() {
    let engine = Engine::new(Options::default()).unwrap();
    let twice = "{wuerstchen: 1, inputs: {x: 'f32[b,c,h,w]'}, outputs: {x: $b.scaled}, nodes: {
        a: {use: tensor.scale, with: {tensor: $x}}, b: {use: tensor.scale, with: {tensor: $a.scaled}}}}";
    engine.add_graph("house.twice", twice).unwrap();
    let graph = "{wuerstchen: 1, inputs: {x: 'f32[1,4,16,n]'}, outputs: {x: $two.x}, nodes: {
        one: {use: tensor.scale, with: {tensor: $x}}, two: {use: house.twice, with: {x: $one.scaled}}}}";
    let page = html(&engine.graph(graph).unwrap(), "lengths", None);
    // Of the last node it is known by what it gives to the graph around it; between the two nobody asked.
    assert_eq!(page.matches(">scaled: f32[1,4,16,w]</text>").count(), 2, "{page}");
    assert_eq!(page.matches(">scaled: f32[b,c,h,w]</text>").count(), 1, "{page}");
}

/// The command draws what it ran, with times, reasons and pictures.
#[test]
fn run_is_drawn() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = draw(folder.path())?;
    ensure!(page.contains("class=\"box node ran\"") && page.contains("ran · "), "nothing ran");
    let pictures = page.matches("data:image/png;base64,").count();
    ensure!(pictures >= 3, "{pictures} pictures, of the prior, the decoder and the VQGAN");
    ensure!(page.contains("<table>") && page.contains("<td>new<"));
    let refused = command()?
        .current_dir(root())
        .args(["graph", "graphs/batch.yaml", "--format", "dot", "--report", "x.json"])
        .output()?;
    ensure!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--format html"));
    Ok(())
}

/// Runs the graph that ships, and draws it with the report.
fn draw(folder: &Path) -> Result<String> {
    let (report, picture, page) =
        (folder.join("report.json"), folder.join("a.png"), folder.join("page.html"));
    let run = |args: &[&str]| -> Result<()> {
        let done = command()?.current_dir(root()).env("WUERST_MODELS", tiny()).args(args).output()?;
        ensure!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    };
    let graph = "graphs/text-to-image.yaml";
    let image = format!("image={}", picture.display());
    let report = report.to_str().context("a path")?;
    let sets = ["--set", "prompt=a red apple", "--set", "prior.steps=4", "--set", "decoder.steps=2"];
    run(&[&["run", graph, "-o", &image, "--report", report], sets.as_slice()].concat())?;
    run(&["graph", graph, "--report", report, "-o", page.to_str().context("a path")?])?;
    Ok(fs::read_to_string(page)?)
}

#[test]
#[ignore = "needs Chromium"]
fn page_is_drawn_by_browser() -> Result<()> {
    let folder = root().join("target/drawn");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    draw(&folder)?;
    let shot = folder.join("page.png");
    let browser = env::var("WUERST_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let done = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=2000,1100"])
        .arg(format!("--screenshot={}", shot.display()))
        .arg(format!("file://{}", folder.join("page.html").display()))
        .output()
        .with_context(|| format!("{browser}: install Chromium, or name it with WUERST_CHROMIUM"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{said}");
    let ([height, width], pixels) = png(&shot)?;
    ensure!((height, width) == (1100, 2000), "{width} by {height}");
    let colours: HashSet<&[u8]> = pixels.chunks(3).collect();
    ensure!(colours.len() > 100, "only {} colours", colours.len());
    println!("{}", shot.display());
    Ok(())
}

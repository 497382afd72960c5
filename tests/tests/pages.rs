//! The commands on the pages run as they stand, or are named here as not run.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::{command, library, plugin, root, tiny};

/// Begins of commands that the test does not run, and the reason.
const NOT_RUN: [(&str, &str); 24] = [
    (".ci/setup && cargo run --release", "a release build; `generate` itself runs in `cli/README.md`"),
    (".ci/run", "it runs this test"),
    ("pip install wuerst", "`.ci/wheels-test` installs the wheels"),
    (".ci/setup-train", "a download of 0.5 GB; `.ci/run` has it run"),
    ("cargo test", "it runs this test"),
    ("cargo publish", "a step of a release; each crate needs the one before on crates.io"),
    ("cargo run --bin tiny-model", "writes into the repository"),
    ("cargo build --release", "the tests' own build takes its place"),
    ("cargo run --release --example text_to_image", "`examples.rs` runs the examples"),
    ("cargo run --release -p wuerst-train --example loader", "needs a training run"),
    ("target/release/wuerst-train", "hours; the trainer's tests run all stages with small networks"),
    ("ffmpeg", "`.ci/hosts frei0r` runs the host"),
    ("melt", "`.ci/hosts frei0r` runs the host"),
    ("gst-launch-1.0", "`.ci/hosts frei0r` runs the host"),
    ("wuerst bench", "measures for minutes; `tests/cli` runs it with few repetitions"),
    ("wuerst convert --quantize int8", "a part of a command"),
    ("wuerst convert models/published", "a published model and a LoRA; `tests/cli` merges the reference's"),
    (
        "wuerst generate \"a red apple\" -o apple.png --models models/published",
        "`tests/pipeline` merges the reference's",
    ),
    ("wuerst check --watch --json", "waits for changes; `tests/cli` runs it"),
    ("wuerst run FOLDER/image-", "a checkpoint of Stable Cascade; `tests/pipeline` runs these graphs"),
    ("wuerst run graphs/baseline.yaml", "a model that users train; the trainer's tests run the graph"),
    ("wuerst generate --prompts", "`tests/cli` makes pictures of tables"),
    ("wuerst run graphs/image-to-image.yaml --table", "`tests/cli` makes pictures of tables"),
    ("wuerst manual FOLDER", "`.ci/dist` runs it"),
];

/// Words that stand for names on the pages, and such names.
const STAND_INS: [(&str, &str); 4] = [
    ("COMMAND", "run"),
    ("KIND", "wuerst.prior"),
    ("GRAPH", "graphs/text-to-image.yaml"),
    ("FILE", "report.json"),
];

/// The command with names in the place of words that stand for them.
fn named(command: &str) -> String {
    let word = |word: &str| {
        let name = STAND_INS.iter().find(|(stand_in, _)| *stand_in == word);
        name.map_or(word, |(_, name)| name).to_owned()
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Where a command stands, and the lines of its block.
struct Block {
    place: String,
    lines: Vec<String>,
}

/// All pages, those first whose commands write what others read.
fn pages() -> Result<Vec<PathBuf>> {
    let first = ["graphs/text-to-image.yaml", "graphs/prior-only.yaml", "crates/cli/README.md"];
    let mut pages: Vec<PathBuf> = first.map(PathBuf::from).to_vec();
    let mut others: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).to_vec();
    for folder in ["graphs", "crates", "crates/hosts"] {
        for entry in fs::read_dir(root().join(folder))? {
            let entry = Path::new(folder).join(entry?.file_name());
            let is_graph = entry.extension().is_some_and(|end| end == "yaml");
            let page = if is_graph { entry } else { entry.join("README.md") };
            others.extend(root().join(&page).is_file().then_some(page));
        }
    }
    others.extend(["graphs/README.md", "crates/README.md"].map(PathBuf::from));
    others.sort();
    pages.extend(others.into_iter().filter(|page| !first.contains(&page.to_str().unwrap())));
    Ok(pages)
}

/// Lines with their continuations and loops, one command each.
fn logical<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        match commands.last_mut().filter(|_| goes_on) {
            Some(command) => *command = format!("{command}\n{line}"),
            None => commands.push(line.to_owned()),
        }
        let command = commands.last().unwrap();
        goes_on = line.ends_with('\\') || (command.starts_with("for ") && line != "done");
    }
    commands
}

/// The indented lines of a graph's first comment.
fn of_graph(text: &str) -> Vec<Vec<String>> {
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    vec![logical(comment.filter_map(|line| line.strip_prefix("#   ")))]
}

/// The shell blocks of a page, and the commands within its sentences.
fn of_page(text: &str) -> Vec<Vec<String>> {
    let (mut blocks, mut sentences) = (Vec::new(), String::new());
    for (index, part) in text.split("```").enumerate() {
        match (index % 2, part.split_once('\n')) {
            (1, Some(("sh", lines))) => blocks.push(logical(lines.lines())),
            (0, _) => sentences.push_str(&part.replace('\n', " ")),
            _ => {}
        }
    }
    let programs = ["wuerst ", "wuerst-train ", "cargo ", ".ci/", "python3 ", "ffmpeg ", "melt "];
    let is_command = |span: &&str| {
        let words = span.split_whitespace().count();
        programs.iter().any(|program| span.starts_with(program)) && words > 2
    };
    let spans = sentences.split('`').skip(1).step_by(2).filter(is_command);
    spans.map(|span| vec![span.to_owned()]).chain(blocks).collect()
}

fn blocks() -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(root().join(&page))?;
        let found = if page.extension().unwrap() == "yaml" { of_graph(&text) } else { of_page(&text) };
        let place = page.display().to_string();
        blocks.extend(found.into_iter().map(|lines| Block { place: place.clone(), lines }));
    }
    Ok(blocks)
}

/// A folder that looks like the repository with a release build, its models tiny, and holds what the commands read.
fn workplace(folder: &Path) -> Result<()> {
    for name in ["graphs", "include", "crates", ".vendor"] {
        symlink(root().join(name).canonicalize()?, folder.join(name))?;
    }
    fs::create_dir_all(folder.join("models"))?;
    fs::create_dir_all(folder.join("target/release"))?;
    symlink(tiny().canonicalize()?, folder.join("models/icons"))?;
    let built = folder.join("target/release");
    symlink(Path::new(command()?.get_program()).canonicalize()?, built.join("wuerst"))?;
    symlink(library()?.canonicalize()?, built.join("libwuerst.so"))?;
    symlink("libwuerst.so", built.join("libwuerst.so.0"))?;
    symlink(plugin()?.canonicalize()?, built.join("libwuerst_pooled.so"))?;
    // Published checkpoints, small ones, by the names that the pages give them.
    symlink(root().join("tests/reference/wuerstchen-prior").canonicalize()?, folder.join("PRIOR"))?;
    symlink(root().join("tests/reference/wuerstchen").canonicalize()?, folder.join("DECODER"))?;
    symlink("models/published", folder.join("FOLDER"))?;
    // The user's home, and the plug-ins of the tree of `.ci/dist`, which are linked to there.
    fs::create_dir(folder.join("home"))?;
    let plugins = folder.join("tree/lib/frei0r-1");
    fs::create_dir_all(&plugins)?;
    for name in ["wuerstchen.so", "wuerstchen_filter.so"] {
        fs::write(plugins.join(name), "")?;
    }
    let report =
        ["run", "text-to-image", "--models", "models/icons", "--set", "prompt=apple", "--set", "steps=1"];
    let run = command()?
        .current_dir(folder)
        .args(report)
        .args(["-o", "image=report.png", "--report", "report.json"])
        .output()?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    fs::write(folder.join("prompts.txt"), "a red apple\n# none\na pizza, twemoji style\n")?;
    fs::write(folder.join("styles.txt"), "twemoji style\nnoto style\n")?;
    fs::write(folder.join("list.txt"), "7|a red apple\n12|a tree\n")?;
    picture(&folder.join("scene.png"), |x, y| [x * 4, y * 4, 99])?;
    picture(&folder.join("frame.png"), |x, y| [y * 4, x * 4, 9])?;
    picture(&folder.join("mask.png"), |x, _| [if x < 32 { 255 } else { 0 }; 3])
}

fn picture(path: &Path, colour: impl Fn(u8, u8) -> [u8; 3]) -> Result<()> {
    let pixels: Vec<u8> = (0..64 * 64).flat_map(|at| colour((at % 64) as u8, (at / 64) as u8)).collect();
    let mut encoder = png::Encoder::new(fs::File::create(path)?, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    Ok(encoder.write_header()?.write_image_data(&pixels)?)
}

/// Runs a script in the workplace; the command is on the path.
fn ran(shell: &str, script: &str, folder: &Path) -> Result<Output> {
    let path = std::env::var("PATH")?;
    let mut run = Command::new(shell);
    run.args(if shell == "sh" { ["-e", "-c"] } else { ["-B", "-c"] }).arg(script).current_dir(folder);
    run.env("PATH", format!("{}:{path}", folder.join("target/release").display()));
    run.env("HOME", folder.join("home")).env("TREE", folder.join("tree"));
    run.env("PYTHONPATH", root().join("crates/capi/python").canonicalize()?);
    run.env("WUERST_LIBRARY", library()?.canonicalize()?).env("PYTHONDONTWRITEBYTECODE", "1");
    // Stands for an installed package of models, which Python's engine finds; the command finds its own.
    match shell {
        "sh" => run.env_remove("WUERST_MODELS"),
        _ => run.env("WUERST_MODELS", folder.join("models/icons")),
    };
    run.output().context(shell.to_owned())
}

#[test]
fn pages_commands_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    workplace(folder.path())?;
    let mut used = [false; NOT_RUN.len()];
    let (mut wrong, mut count, mut known) = (Vec::new(), 0, BTreeSet::new());
    for Block { place, lines } in blocks()? {
        // A command that two places have runs once.
        let runs = lines.into_iter().filter(|line| known.insert(line.clone())).filter(|line| {
            let reason = NOT_RUN.iter().position(|(begin, _)| line.starts_with(begin));
            reason.inspect(|at| used[*at] = true).is_none()
        });
        let script: Vec<String> = runs.map(|line| named(&line)).collect();
        if script.is_empty() {
            continue;
        }
        count += script.len();
        let output = ran("sh", &script.join("\n"), folder.path())?;
        if !output.status.success() {
            wrong.push(format!(
                "{place}: {}\n{}",
                script.join("\n"),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 25, "only {count} commands were found");
    let stale: Vec<&str> =
        NOT_RUN.iter().zip(used).filter(|(_, used)| !used).map(|((begin, _), _)| *begin).collect();
    assert!(stale.is_empty(), "no page has these commands any more: {stale:?}");
    // Everything that the commands document exists.
    for file in [
        "apple.png",
        "apple.npy",
        "green.png",
        "sheet.png",
        "large.png",
        "dog.png",
        "apple.ppm",
        "graph.html",
    ] {
        ensure!(fs::metadata(folder.path().join(file))?.len() > 0, "{file} is empty");
    }
    ensure!(folder.path().join("home/.frei0r-1/lib/wuerstchen.so").is_symlink(), "a plug-in of the user's");
    Ok(())
}

#[test]
fn pages_graphs_are_right() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut count = 0;
    for page in ["README.md", "graphs/README.md", "crates/graph/src/lib.rs"] {
        let text = fs::read_to_string(root().join(page))?.replace("\n//! ", "\n");
        for graph in text.split("```yaml\n").skip(1).filter_map(|part| part.split("```").next()) {
            if !graph.starts_with("wuerstchen:") {
                continue;
            }
            count += 1;
            let path = folder.path().join("page.yaml");
            fs::write(&path, graph)?;
            let output = command()?.env("WUERST_MODELS", tiny()).arg("check").arg(&path).output()?;
            assert!(output.status.success(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(output.stderr.is_empty(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(count, 3);
    Ok(())
}

#[test]
fn pages_python_runs() -> Result<()> {
    let page = fs::read_to_string(root().join("crates/capi/README.md"))?;
    let block = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.context("Python in crates/capi/README.md")?;
    let folder = tempfile::tempdir()?;
    workplace(folder.path())?;
    let output = ran("python3", &format!("{block}\nassert image.shape == (64, 64, 3)"), folder.path())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

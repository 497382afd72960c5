//! Pictures of strangers that are made again, what pictures give away, and files that are overwritten.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::{models, stdout, text, wuerst};

const READS: &str = "wuerstchen: 1\ninputs: { file: file }\nnodes: { read: { use: text.load, with: { file: $file } } }\noutputs: { text: $read.text }\n";

/// A folder with a picture of a stranger, and next to it one with a file of the user's.
struct Tree(TempDir);

impl Tree {
    fn new() -> Result<Tree> {
        let tree = Tree(models()?);
        for folder in ["pictures", "private"] {
            fs::create_dir(tree.path(folder))?;
        }
        fs::write(tree.path("private/diary.txt"), "secret")?;
        Ok(tree)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Writes the picture with texts that say how it was made.
    fn made_with(&self, graph: &str, more: &[(&str, serde_json::Value)]) -> Result<()> {
        let mut encoder = png::Encoder::new(fs::File::create(self.path("pictures/from.png"))?, 1, 1);
        let mut texts =
            [("output", "text"), ("inputs", "{}"), ("arguments", "{}"), ("files", "{}"), ("graph", graph)]
                .map(|(keyword, text)| (keyword.to_owned(), text.to_owned()))
                .to_vec();
        for (keyword, value) in more {
            texts.retain(|(known, _)| known != keyword);
            texts.push(((*keyword).to_owned(), value.to_string()));
        }
        for (keyword, text) in texts {
            encoder.add_itxt_chunk(keyword, text)?;
        }
        encoder.write_header()?.write_image_data(&[0])?;
        Ok(())
    }

    /// Makes it again: the text that it gives, and what is said on stderr.
    fn again(&self, more: &[&str]) -> Result<(Option<String>, String)> {
        let out = self.path("out.txt");
        let _ = fs::remove_file(&out);
        let output = format!("text={}", text(&out)?);
        let args = ["run", "--from", "from.png", "-o", &output];
        let mut command = wuerst(self.0.path(), &[&args, more].concat())?;
        let done = command.current_dir(self.path("pictures")).output()?;
        assert_eq!(done.status.success(), out.exists());
        Ok((fs::read_to_string(out).ok(), String::from_utf8(done.stderr)?))
    }
}

#[test]
fn pictures_read_near_files() -> Result<()> {
    let tree = Tree::new()?;
    let diary = tree.path("private/diary.txt");
    let diary = text(&diary)?;
    let literal = READS.replace("inputs: { file: file }\n", "").replace("$file", "a.txt");
    let part = "wuerstchen: 1\nnodes: { read: { use: text.load, with: { file: diary.txt } } }\noutputs: { text: $read.text }\n";
    let whole = "wuerstchen: 1\nnodes: { part: { use: own.part } }\noutputs: { text: $part.text }\n";
    fs::write(tree.path("pictures/a.txt"), "near")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(diary, tree.path("pictures/link.txt"))?;
    let private = tree.path("private");
    let strangers = [
        (READS, "inputs", json!({ "file": diary })),
        (READS, "inputs", json!({ "file": "../private/diary.txt" })),
        (READS, "inputs", json!({ "file": "link.txt" })),
        (READS, "inputs", json!({ "file": "gone.txt" })),
        (&literal, "arguments", json!({ "read.file": diary })),
        (&literal, "arguments", json!({ "read.file": "../private/diary.txt" })),
        (&READS.replace("file: file ", &format!("file: 'file = \"{diary}\"' ")), "inputs", json!({})),
    ];
    for (graph, keyword, value) in &strangers {
        tree.made_with(graph, &[(keyword, value.clone())])?;
        let (read, said) = tree.again(&[])?;
        assert_eq!(read, None, "{value}");
        assert!(said.starts_with("error: "), "{said}");
    }
    let parts =
        [("graphs", json!({ "own.part": part })), ("folders", json!({ "own.part": text(&private)? }))];
    tree.made_with(whole, &parts)?;
    let (read, said) = tree.again(&[])?;
    assert!(read.is_none() && said.contains("--subgraph own.part=FILE"), "{said}");

    tree.made_with(READS, &[("inputs", json!({ "file": "gone.txt" }))])?;
    let (_, said) = tree.again(&[])?;
    for part in ["`file`", "`gone.txt`", "--set file=FILE", "--files FOLDER"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The user names any file, or the folder.
    assert_eq!(tree.again(&["--set", &format!("file={diary}")])?.0.as_deref(), Some("secret\n"));
    tree.made_with(READS, &[("inputs", json!({ "file": diary }))])?;
    assert_eq!(tree.again(&["--files", text(&private)?])?.0.as_deref(), Some("secret\n"));
    tree.made_with(READS, &[("inputs", json!({ "file": "a.txt" }))])?;
    assert_eq!(tree.again(&[])?.0.as_deref(), Some("near\n"));
    tree.made_with(&literal, &[])?;
    assert_eq!(tree.again(&[])?.0.as_deref(), Some("near\n"));
    Ok(())
}

#[test]
fn pictures_hold_no_paths() -> Result<()> {
    let folder = models()?;
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("secret-client"))?;
    let picture = |path: &Path, grey: u8| -> Result<()> {
        let mut writer = png::Encoder::new(fs::File::create(path)?, 2, 2).write_header()?;
        Ok(writer.write_image_data(&[grey; 4])?)
    };
    let face = at("secret-client/face.png");
    picture(&face, 7)?;
    fs::copy(at("prior.onnx"), at("secret-client/own.onnx"))?;
    let load = "wuerstchen: 1\ninputs: { file: file }\nnodes: { load: { use: image.load, with: { file: $file } } }\n\
                outputs: { image: $load.image }\n";
    fs::write(at("load.yaml"), load)?;
    fs::write(at("fixed.yaml"), load.replace("inputs: { file: file }\n", "").replace("$file", "none.png"))?;
    let run = |args: &[&str], out: &str| -> Result<(bool, String)> {
        let output = format!("image={}", text(&at(out))?);
        let mut command = wuerst(folder.path(), &[args, &["-o", &output]].concat())?;
        let done = command.current_dir(folder.path()).output()?;
        Ok((done.status.success(), String::from_utf8(done.stderr)?))
    };
    let near = |name: &str| at("secret-client").join(name).with_extension("png").display().to_string();
    for (graph, place, file) in [
        ("load.yaml", "file", near("face")),
        ("load.yaml", "file", "secret-client/face.png".to_owned()),
        ("fixed.yaml", "load.file", near("face")),
    ] {
        let set = format!("{place}={file}");
        assert_eq!(run(&["run", graph, "--set", &set], "out.png")?, (true, String::new()));
        let made = fs::read(at("out.png"))?;
        let written = String::from_utf8_lossy(&made).into_owned();
        assert!(written.contains("face.png") && !written.contains("secret-client"), "{written}");

        let again = ["run", "--from", "out.png"];
        let (done, said) = run(&again, "again.png")?;
        let named = said.contains("face.png") || place == "load.file" && said.contains("no file `");
        assert!(!done && named && said.contains("--set "), "{said}");
        fs::copy(&face, at("face.png"))?;
        assert_eq!(run(&again, "again.png")?, (true, String::new()));
        assert!(fs::read(at("again.png"))? == made);
        picture(&at("face.png"), 8)?;
        let (done, said) = run(&again, "again.png")?;
        let wanted = format!("`{place}`: the file `face.png` is not the one");
        assert!(!done && said.contains(&wanted) && said.contains(&format!("--set {place}=FILE")), "{said}");
        assert!(run(&[&again[..], &["--set", &set]].concat(), "again.png")?.0);
        fs::remove_file(at("face.png"))?;
    }
    let model = format!("prior.model={}", text(&at("secret-client/own.onnx"))?);
    let made = at("made.png");
    let graph = "graphs/text-to-image.yaml";
    let args = ["generate", "apple", "-o", text(&made)?, "--graph", graph, "--steps", "1", "--set", &model];
    stdout(wuerst(folder.path(), &args)?)?;
    let written = String::from_utf8_lossy(&fs::read(&made)?).into_owned();
    assert!(written.contains("own.onnx") && !written.contains("secret-client"));
    Ok(())
}

#[test]
#[cfg(unix)]
fn overwriting_keeps_modes() -> Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = models()?;
    let at = |name: &str| folder.path().join(name);
    let graph = "wuerstchen: 1\nnodes: { join: { use: text.join, with: { a: apple, b: pear } } }\noutputs: { text: $join.text }\n";
    fs::write(at("graph.yaml"), graph)?;
    let write = |name: &str| -> Result<()> {
        let output = format!("text={}", text(&at(name))?);
        stdout(wuerst(folder.path(), &["run", text(&at("graph.yaml"))?, "-o", &output])?).map(drop)
    };
    for mode in [0o600, 0o664] {
        fs::write(at("a.txt"), "")?;
        fs::set_permissions(at("a.txt"), fs::Permissions::from_mode(mode))?;
        write("a.txt")?;
        assert_eq!(fs::metadata(at("a.txt"))?.permissions().mode() & 0o777, mode);
    }
    fs::create_dir(at("disk"))?;
    symlink("disk/new.txt", at("link.txt"))?;
    for _ in 0..2 {
        write("link.txt")?;
        assert!(at("link.txt").is_symlink());
        assert_eq!(fs::read_to_string(at("disk/new.txt")).context("the target")?, "apple, pear\n");
    }
    Ok(())
}

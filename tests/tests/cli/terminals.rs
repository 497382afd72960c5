//! Texts of strangers reach no terminal as commands, whichever command shows them.

use std::fs;

use anyhow::Result;
use wuerst::core::is_command;

use crate::{models, text, wuerst};

/// Sets the title of a terminal, its colours, and the direction of letters.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{9b}31m\r\u{202e}gnp";

/// This text in a YAML file, in double quotes.
const QUOTED: &str = r"\e]0;owned\a\x9b31m\r\u202egnp";

#[test]
fn terminals_get_no_commands() -> Result<()> {
    let folder = models()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let long = "apple ".repeat(90);
    let texts = [
        ("cut.yaml", format!("wuerstchen: 1\nnodes: {{ t: {{ use: wuerst.tokenize, with: {{ text: \"{long}{QUOTED}\", model: text-encoder }} }} }}\noutputs: {{ ids: $t.ids }}\n")),
        ("kind.yaml", format!("wuerstchen: 1\nnodes: {{ t: {{ use: \"a.b{QUOTED}\" }} }}\noutputs: {{ \"{QUOTED}\": $t.ids }}\n")),
        ("file.yaml", format!("wuerstchen: 1\nnodes: {{ t: {{ use: text.load, with: {{ file: \"{QUOTED}.txt\" }} }} }}\noutputs: {{ text: $t.text }}\n")),
        ("needs.yaml", format!("wuerstchen: 1\nneeds: {{ acme: \"{QUOTED}\" }}\nnodes: {{ t: {{ use: acme.x }} }}\noutputs: {{ text: $t.text }}\n")),
        ("name.yaml", format!("wuerstchen: 1\nnodes: {{ j: {{ use: text.join, with: {{ a: \"{QUOTED}\", b: x }} }}, s: {{ use: image.grid, with: {{ images: $j.text }} }} }}\noutputs: {{ text: $s.image }}\n")),
        ("good.yaml", format!("# Turns \u{202e}round.\nwuerstchen: 1\nnodes: {{ j: {{ use: text.join, with: {{ a: \"{QUOTED}\", b: x }} }} }}\noutputs: {{ text: $j.text }}\n")),
        ("about.yaml", "# Turns \u{202e}round.\nwuerstchen: 1\nnodes: { j: { use: text.join, with: { a: a, b: b } } }\noutputs: { text: $j.text }\n".to_owned()),
    ];
    for (name, text) in &texts {
        fs::write(at(name), text)?;
    }
    // metadata_props { key: "other.note", value: HOSTILE }
    let (key, value) = (b"other.note", HOSTILE.as_bytes());
    let mut note = vec![0x72, (4 + key.len() + value.len()).try_into()?, 0x0a, key.len().try_into()?];
    note.extend_from_slice(key);
    note.extend([0x12, value.len().try_into()?]);
    note.extend_from_slice(value);
    fs::write(at("noted.onnx"), [fs::read(at("vqgan-decoder.onnx"))?, note].concat())?;
    let (ids, out, part) = (
        format!("ids={}", at("i.npy")),
        format!("text={}", at("o.txt")),
        format!("own.part={}", at("about.yaml")),
    );
    let (cut, kind, file, needs, name, good) = (
        at("cut.yaml"),
        at("kind.yaml"),
        at("file.yaml"),
        at("needs.yaml"),
        at("name.yaml"),
        at("good.yaml"),
    );
    let (noted, hostile) = (at("noted.onnx"), format!("x{HOSTILE}"));
    let commands: &[&[&str]] = &[
        &["run", &cut, "-o", &ids],
        &["run", &kind, "-o", &out],
        &["run", &file, "-o", &out],
        &["run", &good, "-o", &hostile],
        &["run", &good, "-o", &out, "--explain", "--set", &hostile],
        &["run", &good, "-o", &out, "--device", &hostile],
        &["run", "--from", &hostile, "-o", &out],
        &["generate", &hostile, "-o", &hostile],
        &["check", &kind],
        &["check", &needs],
        &["check", &name],
        &["check", &hostile],
        &["check", &kind, "--json"],
        &["check", &needs, "--json"],
        &["graph", &good, "--format", "mermaid"],
        &["graph", &good, "--format", "dot"],
        &["graph", &good],
        &["nodes", "--subgraph", &part],
        &["nodes", "--subgraph", &part, "own.part"],
        &["nodes", "--subgraph", &part, "--schema"],
        &["nodes", "--subgraph", &part, "--markdown"],
        &["nodes", &hostile],
        &["inspect", &noted],
        &["inspect", &hostile],
        &["convert", &hostile, "--out", &hostile],
        &["import", &hostile, &hostile, "--out", &hostile],
        &["bench", &kind],
        &[&hostile],
        &["run", "--seed", &hostile],
    ];
    for command in commands {
        let output = wuerst(folder.path(), command)?.output()?;
        let both = [&output.stdout[..], &output.stderr].concat();
        let shown = String::from_utf8(both)?;
        assert!(!shown.is_empty(), "{command:?}");
        let found = shown.chars().find(|&c| is_command(c) && c != '\n' && c != '\t');
        assert_eq!(found, None, "{command:?}: {shown:?}");
        if command.contains(&"--json") || command.contains(&"--schema") {
            serde_json::from_slice::<serde_json::Value>(&output.stdout)?;
        }
    }
    let inspected = wuerst(folder.path(), &["inspect", text(noted.as_ref())?])?.output()?;
    let shown = String::from_utf8(inspected.stdout)?;
    assert!(shown.contains(r"other.note = \u{1b}]0;owned\u{7}"), "{shown}");
    Ok(())
}

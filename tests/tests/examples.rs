//! The examples run from a folder like the repository's, in Rust, C, C++ and Python, and print the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use wuerst_tests::built::{c_program, command, library, png, root, rust_example, tiny};

const PROMPT: &str = "a red apple, twemoji style";
const LANGUAGES: [Language; 4] = [Language::Rust, Language::C, Language::Cpp, Language::Python];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    Rust,
    C,
    Cpp,
    Python,
}

/// Gives a folder what the examples run in: the graphs, and the tiny models by the name of those that ship.
fn furnish(folder: &Path) -> Result<()> {
    symlink(root().join("graphs").canonicalize()?, folder.join("graphs"))?;
    fs::create_dir(folder.join("models"))?;
    Ok(symlink(tiny().canonicalize()?, folder.join("models/icons"))?)
}

/// An example in its furnished `folder`, and compiled into it where its language is compiled.
fn example(language: Language, name: &str, folder: &Path) -> Result<Command> {
    let mut command = match language {
        Language::Rust => Command::new(rust_example(name)?),
        Language::C => Command::new(c_program(&format!("c/{name}"), "c99", folder)?),
        Language::Cpp => Command::new(c_program(&format!("cpp/{name}"), "c++17", folder)?),
        Language::Python => {
            let mut python = Command::new("python3");
            python.arg(root().join(format!("crates/capi/examples/python/{name}.py")));
            python.env("PYTHONPATH", root().join("crates/capi/python")).env("WUERST_LIBRARY", library()?);
            python.env("PYTHONDONTWRITEBYTECODE", "1");
            python
        }
    };
    command.current_dir(folder);
    Ok(command)
}

/// A successful program's lines. Rust names types where the others name sizes.
fn lines(output: Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    Ok(said.replace("u8[64,64,3]", "64x64").replace("u8[130,130,3]", "130x130"))
}

/// Output of an example, in each language.
fn printed(name: &str) -> Result<Vec<(Language, String)>> {
    let folder = tempfile::tempdir()?;
    furnish(folder.path())?;
    let said = |language| {
        let mut example = example(language, name, folder.path())?;
        if name == "batch" && matches!(language, Language::C | Language::Cpp) {
            example.arg(folder.path().join("prompts.txt"));
        }
        Ok((language, lines(example.output()?)?))
    };
    LANGUAGES.into_iter().map(said).collect()
}

#[test]
fn text_to_image_gives_equal_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    furnish(folder.path())?;
    let path = folder.path().join("command.png");
    let mut generate = command()?;
    generate.current_dir(folder.path()).args(["generate", PROMPT, "--seed", "7", "-o"]).arg(&path);
    lines(generate.output()?)?;
    let ([height, width], want) = png(&path)?;
    for language in LANGUAGES {
        let end = if language == Language::Rust { "png" } else { "ppm" };
        let path = folder.path().join(format!("{language:?}.{end}"));
        let mut example = example(language, "text_to_image", folder.path())?;
        let said = lines(example.arg(PROMPT).arg(&path).output()?)?;
        assert_eq!(said, format!("{}: {width}x{height}\n", path.display()));
        let equal = match language {
            Language::Rust => png(&path)?.1 == want,
            _ => fs::read(&path)? == [format!("P6\n{width} {height}\n255\n").as_bytes(), &want].concat(),
        };
        assert!(equal, "{language:?} makes another picture than the command");
    }
    Ok(())
}

#[test]
fn text_to_image_names_missing_graph() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for language in LANGUAGES {
        let output = example(language, "text_to_image", folder.path())?.output()?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{language:?}: {said}");
        // Rust's own file reading says no path.
        assert!(said.contains("graphs/text-to-image.yaml") || language == Language::Rust, "{said}");
    }
    Ok(())
}

#[test]
fn own_node_gives_negative() -> Result<()> {
    for (language, said) in printed("own_node")? {
        let numbers: Vec<u32> = said.split([' ', ',', '\n']).filter_map(|word| word.parse().ok()).collect();
        match language {
            Language::Rust => assert_eq!(said.matches("64x64").count(), 2, "{said}"),
            _ => assert!(said.contains("64x64") && numbers.len() == 2, "{language:?}: {said}"),
        }
        assert!(numbers.is_empty() || numbers.iter().sum::<u32>() == 255, "{language:?}: {said}");
    }
    Ok(())
}

#[test]
fn replaced_stage_gives_picture() -> Result<()> {
    for (language, said) in printed("replace_stage")? {
        assert!(said.ends_with("picture without the VQGAN: 64x64\n"), "{language:?}: {said}");
    }
    Ok(())
}

#[test]
fn preview_and_cancel_example_works() -> Result<()> {
    for (language, said) in printed("preview_and_cancel")? {
        assert!(said.contains("cancelled\nagain: 64x64"), "{language:?}: {said}");
        assert!(said.matches(", preview ").count() <= 3, "{language:?}: {said}");
    }
    Ok(())
}

#[test]
fn batch_gives_pictures_and_grid() -> Result<()> {
    for (language, said) in printed("batch")? {
        let all = ["images 1 of 3", "images 2 of 3", "images 3 of 3", "with another third line: 130x130"];
        assert!(all.iter().all(|part| said.contains(part)), "{language:?}: {said}");
    }
    Ok(())
}

/// Every example is in every language, and short.
#[test]
fn examples_are_short() -> Result<()> {
    let names = ["text_to_image", "own_node", "replace_stage", "preview_and_cancel", "batch"];
    let folders = [
        ("crates/wuerst/examples", "rs"),
        ("crates/capi/examples/c", "c"),
        ("crates/capi/examples/cpp", "cpp"),
        ("crates/capi/examples/python", "py"),
    ];
    for (folder, end) in folders {
        for name in names {
            let path = root().join(folder).join(format!("{name}.{end}"));
            let count = fs::read_to_string(&path)?.lines().count();
            assert!(count < 60, "{} has {count} lines", path.display());
        }
    }
    Ok(())
}

//! `libwuerst.so` from C and C++, and its header against what it exports.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use wuerst_tests::built::{c_program, library, ran, root};
use wuerst_tests::bundle;

const STANDARDS: [&str; 2] = ["c99", "c++11"];
const GRAPH: &str = "graphs/text-to-image.yaml";

/// Runs a program of `tests/c` in every standard, with models and a graph if it asks for them.
fn holds(name: &str, arguments: Arguments) -> Result<()> {
    holds_in(name, STANDARDS, arguments)
}

fn holds_in(name: &str, standards: [&str; 2], arguments: Arguments) -> Result<()> {
    let folder = tempfile::tempdir()?;
    if arguments == Arguments::ModelsAndGraph {
        bundle::write_with_one_encoder(folder.path())?;
    }
    for standard in standards {
        let mut program = Command::new(c_program(name, standard, folder.path())?);
        if arguments == Arguments::ModelsAndGraph {
            program.arg(folder.path()).arg(root().join(GRAPH));
        }
        // ONNX Runtime from 1.29 on would make threads and files to report its use with; .ci/setup has one before that.
        let output = program.env("ORT_DISABLE_TELEMETRY", "1").output()?;
        ran(&output)?;
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "a library is silent");
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Arguments {
    None,
    ModelsAndGraph,
}

#[test]
fn misuse_gives_errors() -> Result<()> {
    holds("misuse", Arguments::ModelsAndGraph)
}

#[test]
fn unfit_models_are_distinguished() -> Result<()> {
    holds("models", Arguments::ModelsAndGraph)
}

/// `.ci/heavy limits` tries everything between.
#[test]
fn null_and_wrong_text_are_errors() -> Result<()> {
    holds("nulls", Arguments::ModelsAndGraph)?;
    assert_eq!(untried(&["nulls.c"])?, Vec::<String>::new());
    Ok(())
}

/// The functions of the header that a program of `tests/c` does not call.
fn untried(files: &[&str]) -> Result<Vec<String>> {
    let read = |file: &&str| fs::read_to_string(root().join("tests/c").join(file));
    let tried: String = files.iter().map(read).collect::<Result<_, _>>()?;
    Ok(declared()?.into_iter().filter(|name| !tried.contains(&format!("{name}("))).collect())
}

#[test]
fn callbacks_never_wait() -> Result<()> {
    holds("callbacks", Arguments::ModelsAndGraph)?;
    assert_eq!(untried(&["callbacks.c", "every_function.h"])?, Vec::<String>::new());
    Ok(())
}

#[test]
fn forked_children_are_refused() -> Result<()> {
    holds("forked", Arguments::ModelsAndGraph)
}

#[test]
fn small_stacks_suffice() -> Result<()> {
    holds("stacks", Arguments::ModelsAndGraph)
}

#[test]
fn seeds_have_64_bits() -> Result<()> {
    holds("seeds", Arguments::ModelsAndGraph)
}

#[test]
fn hosts_list_graphs_and_nodes() -> Result<()> {
    holds("introspect", Arguments::ModelsAndGraph)
}

#[test]
fn pictures_are_copied_to_any_layout() -> Result<()> {
    holds("images", Arguments::None)
}

#[test]
fn cpp_classes_work_without_exceptions() -> Result<()> {
    holds_in("wrapper", ["c++17-sanitized", "c++17-no-exceptions"], Arguments::ModelsAndGraph)
}

#[test]
fn cpp_handles_own_their_objects() -> Result<()> {
    holds_in("owners", ["c++17-sanitized", "c++20-sanitized"], Arguments::ModelsAndGraph)
}

/// Code that would do something else than it says, and so does not compile.
#[test]
fn cpp_mistakes_do_not_compile() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let compiles = |line: &str| -> Result<bool> {
        let source = folder.path().join("line.cpp");
        let text = format!(
            "#include <wuerst.hpp>\nvoid line(wuerst::Job &job); void line(wuerst::Job &job) {{ (void)job; {line} }}\n"
        );
        fs::write(&source, text)?;
        let include = root().join("include");
        let checked = Command::new("c++")
            .args(["-std=c++17", "-fsyntax-only", "-I"])
            .arg(include)
            .arg(&source)
            .output()?;
        Ok(checked.status.success())
    };
    for right in [
        "(void)job.set(\"a\", 0);",
        "wuerst::Value v(\"text\");",
        "wuerst::Value v = 7u;",
        "wuerst::Value v;",
    ] {
        assert!(compiles(right)?, "{right}");
    }
    for wrong in [
        "(void)job.set(\"a\", nullptr);",
        "wuerst::Value v = \"text\";",
        "wuerst::Value v(nullptr);",
        "wuerst::Value v = 'a';",
        "int i = 0; wuerst::Value v = &i;",
        "wuerst::Value v(1); if (v) return;",
        "wuerst::Run a, b = a;",
    ] {
        assert!(!compiles(wrong)?, "{wrong}");
    }
    Ok(())
}

/// Which of the functions that the header declares have no place in a binding.
fn lacking(files: &[&str]) -> Result<Vec<String>> {
    let texts =
        files.iter().map(|file| fs::read_to_string(root().join(file))).collect::<Result<Vec<_>, _>>()?;
    let used = |name: &String| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        texts.iter().any(|text| {
            text.match_indices(name.as_str()).any(|(at, _)| !text[at + name.len()..].starts_with(is_part))
        })
    };
    Ok(declared()?.into_iter().filter(|name| !used(name)).collect())
}

/// Every function is in the classes of C++, but for those of which a wider one does the same.
#[test]
fn cpp_has_every_function() -> Result<()> {
    let headers =
        ["wuerst", "wuerst_run", "wuerst_node", "wuerst_value"].map(|name| format!("include/{name}.hpp"));
    let lacking = lacking(&headers.each_ref().map(String::as_str))?;
    assert_eq!(lacking, ["wst_graph_new", "wst_job_get"]);
    Ok(())
}

/// Every function is in the Python module, but for those of which a wider one does the same, and what Python has itself.
#[test]
fn python_has_every_function() -> Result<()> {
    let folder = root().join("crates/capi/python/wuerst");
    let files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let files: Vec<String> = files
        .iter()
        .filter(|file| file.path().extension().is_some_and(|end| end == "py"))
        .map(|file| format!("crates/capi/python/wuerst/{}", file.file_name().to_string_lossy()))
        .collect();
    let lacking = lacking(&files.iter().map(String::as_str).collect::<Vec<_>>())?;
    let others = ["wst_graph_new", "wst_job_get", "wst_job_get_all", "wst_value_clone"];
    assert_eq!(lacking, others);
    Ok(())
}

/// Every option is in C++, and the plug-in's table has what needs neither engine, graph, job nor run.
#[test]
fn options_and_tables_are_whole() -> Result<()> {
    let header = fs::read_to_string(root().join("include/wuerst.h"))?;
    let fields = |name: &str| -> Result<Vec<String>> {
        let begin = header.find(&format!("typedef struct {name} {{")).context("a struct")?;
        let body = header[begin..].split("\n}").next().unwrap_or_default();
        // Comments may hold anything.
        let parts = body.split("/*").enumerate();
        let code: String = parts
            .map(|(at, part)| if at == 0 { part } else { part.split_once("*/").map_or("", |(_, rest)| rest) })
            .collect();
        let field = |line: &str| {
            let line = line
                .split_once("(*")
                .map_or(line, |(_, rest)| rest.split_once(')').map_or(rest, |(name, _)| name));
            let name = line.trim().trim_end_matches(';').rsplit([' ', '*']).next()?;
            (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
                .then(|| name.to_owned())
        };
        Ok(code.split(';').filter_map(field).collect())
    };
    let own = fs::read_to_string(root().join("include/wuerst.hpp"))?;
    let options = fields("wst_options")?;
    assert!(options.iter().any(|name| name == "stage_threads"), "{options:?}");
    for option in options.iter().filter(|name| *name != "struct_size" && !name.starts_with("reserved")) {
        assert!(own.contains(&format!("raw.{option} = ")), "wuerst::Options lacks {option}");
    }
    let table = fields("wst_api")?;
    let needs_a_host =
        ["wst_engine_", "wst_kinds_", "wst_graph_", "wst_job_", "wst_run_", "wst_version", "wst_abi_version"];
    for name in declared()?.iter().filter(|name| !needs_a_host.iter().any(|begin| name.starts_with(begin))) {
        assert!(table.iter().any(|field| name.strip_prefix("wst_") == Some(field)), "wst_api lacks {name}");
    }
    for name in ["add", "add_graph", "open_graph"] {
        assert!(table.iter().any(|field| field == name), "{table:?}");
    }
    Ok(())
}

#[test]
fn host_process_is_unchanged() -> Result<()> {
    holds("hygiene", Arguments::ModelsAndGraph)
}

#[test]
fn background_runs_are_polled_and_cancelled() -> Result<()> {
    holds("background", Arguments::ModelsAndGraph)
}

#[test]
fn host_nodes_run_and_fail() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("words.txt"), "words")?;
    fs::write(
        folder.path().join("part.yaml"),
        "{wuerstchen: 1, nodes: {a: {use: text.load, with: {file: words.txt}}}, outputs: {text: $a.text}}",
    )?;
    for standard in STANDARDS {
        ran(&Command::new(c_program("nodes", standard, folder.path())?).arg(folder.path()).output()?)?;
    }
    Ok(())
}

#[test]
fn readme_c_compiles() -> Result<()> {
    let readme = fs::read_to_string(root().join("crates/capi/README.md"))?;
    let lines = readme
        .split("```c\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .context("C in crates/capi/README.md")?;
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("readme.c");
    let before = "#include <stdio.h>\n#include \"wuerst.h\"\nvoid readme(FILE *file);\nvoid readme(FILE *file) {\n\
                  wst_engine *engine; wst_graph *graph; wst_job *job; wst_value *image; wst_tensor pixels;\n";
    fs::write(&source, format!("{before}{lines}}}\n"))?;
    let checked = Command::new("cc")
        .args([
            "-std=c99",
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-declaration-after-statement",
            "-fsyntax-only",
        ])
        .arg("-I")
        .arg(root().join("include"))
        .arg(&source)
        .output()?;
    ran(&checked)
}

/// A tool of binutils on the library.
fn inspected(tool: &str, option: &[&str]) -> Result<String> {
    let output = Command::new(tool).args(option).arg(library()?).output().context(tool.to_owned())?;
    ran(&output)?;
    Ok(String::from_utf8(output.stdout)?)
}

/// The functions that the header declares: names that begin a parameter list and are none of its macros or comments.
fn declared() -> Result<BTreeSet<String>> {
    let header = fs::read_to_string(root().join("include/wuerst.h"))?;
    let code: String = header
        .split("/*")
        .enumerate()
        .map(
            |(index, part)| {
                if index == 0 { part } else { part.split_once("*/").map_or("", |(_, code)| code) }
            },
        )
        .collect();
    let lines = code.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let function = |line: &str| {
        let name = line.split_once('(')?.0.rsplit([' ', '*']).next()?;
        (name.starts_with("wst_") && !line.starts_with("static")).then(|| name.to_owned())
    };
    Ok(lines.filter_map(function).collect())
}

#[test]
fn library_exports_header_functions() -> Result<()> {
    let symbols = inspected("nm", &["-D", "--defined-only", "--format=posix"])?;
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    assert_eq!(exported, declared()?);
    assert!(exported.contains("wst_job_get"));
    Ok(())
}

#[test]
fn library_has_soname_and_stays_loaded() -> Result<()> {
    let dynamic = inspected("readelf", &["-d"])?;
    assert!(dynamic.contains("[libwuerst.so.0]") && dynamic.contains("NODELETE"), "{dynamic}");
    Ok(())
}

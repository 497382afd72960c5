//! `wuerst check`: reports all problems of a graph without running it.

use std::io::{ErrorKind, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use wuerst::core::Diagnostic;
use wuerst::graph::{NotText, read_file, read_text};
use wuerst::{Error, Graph};

use crate::graph_file::{GraphFile, Problems};
use crate::say::{say, say_json_line, tell};
use crate::setup::Setup;
use crate::{find, watch};

/// Check a graph: print all problems, and exit with 1 if there are any
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph: a YAML file, the name of a shipped graph, or - for stdin
    #[arg(value_parser = find::graph())]
    graph: PathBuf,
    /// Print one JSON object on stdout, for programs, even if the graph is wrong
    #[arg(long)]
    json: bool,
    /// Check again whenever the file changes, until the process ends
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    setup: Setup,
}

/// Checks the graph, once or at every change.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match args.watch {
        true if is_stdin(&args.graph) => bail!("stdin does not change: name a file to --watch"),
        true => watch::again(&args.graph, || once(args).map(drop)),
        false => once(args),
    }
}

fn once(args: &Args) -> Result<ExitCode> {
    let mut problems = match check(args) {
        Ok((source, graph)) => {
            let notes = source.problems(graph.notes().to_vec());
            if args.json {
                say_json_line(&as_json(&notes, graph.warnings()));
            } else {
                say(summary(&source, &graph));
                if !notes.problems.is_empty() {
                    tell(&notes);
                }
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => match error.downcast::<Problems>() {
            Ok(problems) => problems,
            // An error of the engine's options belongs to no file; programs that read JSON get it too.
            Err(error) if args.json => whole_file(&shown(&args.graph), error.to_string()),
            Err(error) => return Err(error),
        },
    };
    // Problems of the whole file get its first line, for editors that jump to places.
    for problem in &mut problems.problems {
        (problem.line, problem.column) = (problem.line.max(1), problem.column.max(1));
    }
    if args.json {
        say_json_line(&as_json(&problems, &[]));
    } else {
        let count = problems.problems.iter().filter(|problem| !problem.is_note()).count();
        let s = if count == 1 { "" } else { "s" };
        tell(format_args!("{problems}\n{}: {count} problem{s}", problems.file));
    }
    Ok(ExitCode::FAILURE)
}

/// The graph if it has no problems; otherwise an error that may be [`Problems`].
fn check(args: &Args) -> Result<(GraphFile, Graph)> {
    let source = read(&args.graph)?;
    let engine = args.setup.engine_without_models(Some(&args.graph))?;
    let graph = source.load(&engine, &[])?;
    match graph.missing_defaults() {
        [] => Ok((source, graph)),
        missing => Err(source.problems(missing.to_vec()).into()),
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// How messages name the file.
fn shown(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

fn read(path: &Path) -> Result<GraphFile, Problems> {
    let read = match is_stdin(path) {
        true => read_text(stdin()).map_err(|source| Error::File { path: path.to_owned(), source }),
        false => read_file(path),
    };
    let file = shown(path);
    match read {
        Ok(text) => Ok(GraphFile { path: file.into(), text }),
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Err(whole_file(&file, "there is no such file: name a graph, a YAML file".to_owned()))
        }
        Err(Error::File { source, .. }) => {
            let place = source.get_ref().and_then(|error| error.downcast_ref::<NotText>()).copied();
            let mut problems = whole_file(&file, source.to_string());
            if let (Some(NotText { line, column, .. }), Some(problem)) =
                (place, problems.problems.first_mut())
            {
                (problem.line, problem.column) = (line, column);
            }
            Err(problems)
        }
        Err(error) => Err(whole_file(&file, error.to_string())),
    }
}

/// A problem of the whole file, placed at its first line.
fn whole_file(file: &str, message: String) -> Problems {
    Problems::new(file, "", vec![Diagnostic { line: 1, column: 1, path: String::new(), message }])
}

fn summary(source: &GraphFile, graph: &Graph) -> String {
    let counts =
        [(graph.inputs().len(), "input"), (graph.nodes().len(), "node"), (graph.outputs().len(), "output")];
    let counted = counts.map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
    format!("{}: good, {}", source.path.display(), counted.join(", "))
}

/// Lines and columns count from 1, the column in characters; problems of the whole file are at its beginning. Notes point
/// at allowed constructs that are usually mistakes.
fn as_json(problems: &Problems, warnings: &[Diagnostic]) -> serde_json::Value {
    let shown =
        |p: &Diagnostic| json!({ "line": p.line, "column": p.column, "path": p.path, "message": p.message });
    let (notes, wrong): (Vec<_>, Vec<_>) = problems.problems.iter().partition(|problem| problem.is_note());
    let list = |all: Vec<&Diagnostic>| all.into_iter().map(shown).collect::<Vec<_>>();
    let warnings: Vec<_> = warnings.iter().map(shown).collect();
    json!({ "file": problems.file, "problems": list(wrong), "warnings": warnings, "notes": list(notes) })
}

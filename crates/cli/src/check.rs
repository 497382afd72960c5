//! `wuerst check`: everything that is wrong with a graph, before it runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use wuerst::Graph;
use wuerst::core::Diagnostic;

use crate::say::{say, say_json_line, tell};
use crate::setup::Setup;
use crate::source::{Problems, Source};

/// Check a graph: print everything that is wrong with it, and exit with 1 if there is something
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph, a YAML file
    graph: PathBuf,
    /// For programs: one JSON object on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setup: Setup,
}

/// Checks the graph.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let engine = args.setup.engine_without_models(Some(&args.graph))?;
    let source = Source::open(&args.graph)?;
    let problems = match source.load(&engine, &[]) {
        Ok(graph) if !graph.missing_defaults().is_empty() => {
            source.problems(graph.missing_defaults().to_vec())
        }
        Ok(graph) => {
            match args.json {
                true => say_json_line(&as_json(&source, &[], graph.warnings())),
                false => say(summary(&source, &graph)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => error.downcast::<Problems>()?,
    };
    if args.json {
        say_json_line(&as_json(&source, &problems.problems, &[]));
    } else {
        let count = problems.problems.len();
        let s = if count == 1 { "" } else { "s" };
        tell(format_args!("{problems}\n{}: {count} problem{s}", problems.file));
    }
    Ok(ExitCode::FAILURE)
}

fn summary(source: &Source, graph: &Graph) -> String {
    let counts =
        [(graph.inputs().len(), "input"), (graph.nodes().len(), "node"), (graph.outputs().len(), "output")];
    let counted = counts.map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
    format!("{}: good, {}", source.path.display(), counted.join(", "))
}

/// Lines and columns count from 1, the column in characters; both are 0 when the problem is in no line.
fn as_json(source: &Source, problems: &[Diagnostic], warnings: &[Diagnostic]) -> serde_json::Value {
    let entry =
        |p: &Diagnostic| json!({ "line": p.line, "column": p.column, "path": p.path, "message": p.message });
    let [problems, warnings] = [problems, warnings].map(|list| list.iter().map(entry).collect::<Vec<_>>());
    json!({ "file": source.path.display().to_string(), "problems": problems, "warnings": warnings })
}

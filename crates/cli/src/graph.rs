//! `wuerst graph`: draws a graph.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value as Json;
use wuerst::core::regular;
use wuerst::graph::{dot, html, mermaid};

use crate::find;
use crate::graph_file::GraphFile;
use crate::say::say;
use crate::setup::Setup;
use crate::target::Target;

/// Maximum length of a report, in bytes.
const LONGEST: u64 = 256 << 20;

/// Draw a graph: for Mermaid, for Graphviz, or as a page for a browser
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph: a YAML file, or the name of a shipped graph
    #[arg(value_parser = find::graph())]
    graph: PathBuf,
    /// mermaid and dot are texts for other programs; html is a self-contained page
    #[arg(long, value_enum, default_value = "html")]
    format: Format,
    /// Shows in the page which nodes ran, why, and for how long, from a report of `wuerst run --report FILE`
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Output file; default: stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    setup: Setup,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Html,
}

/// Draws the graph.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.report.is_some() && args.format != Format::Html {
        bail!("a report is shown in a page alone: --format html");
    }
    let target = args.output.as_deref().map(Target::new).transpose()?;
    let engine = args.setup.engine_without_models(Some(&args.graph))?;
    let source = GraphFile::open(&args.graph)?;
    let graph = source.load(&engine, &[])?;
    let title = args.graph.file_name().unwrap_or(args.graph.as_os_str()).to_string_lossy();
    let drawing = match args.format {
        Format::Mermaid => mermaid(&graph),
        Format::Dot => dot(&graph),
        Format::Html => html(&graph, &title, report(args)?.as_ref()),
    };
    match target {
        Some(target) => target.write(drawing.as_bytes())?,
        None => say(drawing.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn report(args: &Args) -> Result<Option<Json>> {
    let Some(path) = &args.report else { return Ok(None) };
    let text = regular::read_text(path, LONGEST)
        .map_err(|e| anyhow!("the report {} cannot be read: {e}", path.display()))?;
    let report: Json = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a report of `wuerst run --report`", path.display()))?;
    if !report["nodes"].is_array() {
        bail!("{} is not a report of `wuerst run --report`: it has no `nodes`", path.display());
    }
    Ok(Some(report))
}

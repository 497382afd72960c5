//! `wuerst nodes`: lists and describes node kinds.

use std::process::ExitCode;

use anyhow::{Result, bail};
use wuerst::core::NodeSpec;
use wuerst::graph::{describe, did_you_mean, page, schema};

use crate::say::{say, say_json};
use crate::setup::Setup;

/// List node kinds, or describe some in full
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Node kinds to describe, such as wuerst.prior
    kinds: Vec<String>,
    /// Prints a JSON Schema of graph files, for editors, with all node kinds and their ports
    #[arg(long, conflicts_with = "kinds")]
    schema: bool,
    /// Prints a Markdown page with the description of all node kinds
    #[arg(long, conflicts_with_all = ["kinds", "schema"])]
    markdown: bool,
    #[command(flatten)]
    setup: Setup,
}

/// Prints the node kinds.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let registry = args.setup.engine_without_models(None)?.registry();
    if args.schema {
        say_json(&schema(&registry));
        return Ok(ExitCode::SUCCESS);
    }
    if args.markdown {
        say(page(&registry).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let mut texts = Vec::new();
    for kind in &args.kinds {
        let Some(node) = registry.get(kind) else {
            let kinds = registry.kinds().map(|node| node.spec().kind.as_str());
            bail!("no node kind `{kind}`{}; `wuerst nodes` lists them", did_you_mean(kind, kinds));
        };
        texts.push(describe(node.spec()));
    }
    if args.kinds.is_empty() {
        let short = |spec: &NodeSpec| format!("{}\n  {}\n  {}\n", spec.kind, spec.about, spec.signature);
        texts.extend(registry.kinds().map(|node| short(node.spec())));
    }
    say(texts.join("\n").trim_end());
    Ok(ExitCode::SUCCESS)
}

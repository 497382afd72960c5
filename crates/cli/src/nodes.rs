//! `wuerst nodes`: what graphs can be made of.

use std::process::ExitCode;

use anyhow::{Result, bail};
use wuerst::core::NodeSpec;
use wuerst::graph::{describe, did_you_mean};
use wuerst::{Engine, Options};

use crate::extensions::Extensions;
use crate::say;

/// List node kinds, or describe some in full
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Node kinds to describe, as wuerst.prior
    kinds: Vec<String>,
    #[command(flatten)]
    more: Extensions,
}

/// Prints the node kinds.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let engine = Engine::new(Options::default())?;
    args.more.add_to(&engine)?;
    let registry = engine.registry();
    let mut texts = Vec::new();
    for kind in &args.kinds {
        let Some(node) = registry.get(kind) else {
            let kinds = registry.nodes().map(|node| node.spec().kind.as_str());
            bail!("no node kind `{kind}`{}; `wuerst nodes` lists them", did_you_mean(kind, kinds));
        };
        texts.push(describe(node.spec()));
    }
    if args.kinds.is_empty() {
        let short = |spec: &NodeSpec| format!("{}\n  {}\n  {}\n", spec.kind, spec.about, spec.signature);
        texts.extend(registry.nodes().map(|node| short(node.spec())));
    }
    say(texts.join("\n").trim_end());
    Ok(ExitCode::SUCCESS)
}

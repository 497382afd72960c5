//! `wuerst tokens`: shows how a text encoder reads a text.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use wuerst::stages::{TextToken, tokens_of_text};

use crate::say::{say, say_json};
use crate::setup::Setup;

/// Show the tokens of a text as a text encoder reads it, their weights, and the part that is cut off
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The text
    text: String,
    /// The text encoder in the models folder
    #[arg(long, value_name = "NAME", default_value = "text-encoder")]
    model: String,
    /// Whether brackets are weights, and by whose rules
    #[arg(long, default_value = "off", value_parser = ["off", "comfyui", "a1111"])]
    weighting: String,
    /// Number of chunks that a long text is divided into
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    chunks: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setup: Setup,
}

/// Prints the tokens.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let engine = args.setup.engine(None)?;
    let model = engine.registry().models().open(&args.model)?;
    let read =
        tokens_of_text(engine.model_cache(), &model, &args.text, (&args.weighting, args.chunks.into()))?;
    if args.json {
        let token = |t: &TextToken| json!({ "id": t.id, "token": t.token, "weight": f64::from(t.weight) });
        let tokens: Vec<_> = read.tokens.iter().map(token).collect();
        say_json(&json!({ "tokens": tokens, "cut": read.cut, "length": read.length }));
        return Ok(ExitCode::SUCCESS);
    }
    for token in &read.tokens {
        say(format_args!("{:>7}  {:<6} {}", token.id, token.weight, token.token));
    }
    say(format_args!("{} of {} tokens", read.tokens.len(), read.length));
    if !read.cut.is_empty() {
        say(format_args!("cut off: {}", read.cut));
    }
    Ok(ExitCode::SUCCESS)
}

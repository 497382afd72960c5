//! `wuerst`: the command, which makes pictures from prompts and runs graphs of nodes.
//!
//! One file a command: [`generate`], [`run`], [`check`], [`lsp`], [`nodes`], [`tokens`], [`import`], [`convert`], [`inspect`],
//! [`bench`], [`graph`], [`completions`], [`manual`]. Shared parts:
//! [`setup`] and [`extensions`] (the engine's options), [`environment`], [`pairs`], [`paths`], [`source`] (graph files),
//! [`target`], [`outputs`] (output files), [`say`], [`operators`],
//! [`thumbnail`], [`recipe`] with [`used`], [`again`] and [`comfyui`], [`progress`], [`bar`], [`previews`], [`terminal`], [`watch`], [`explain`] and
//! [`size`], [`table`] and [`exit`].
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod again;
mod arrays;
mod bar;
mod bench;
mod check;
mod comfyui;
mod completions;
mod convert;
mod environment;
mod exit;
mod explain;
mod extensions;
mod find;
mod fits;
mod generate;
mod graph;
mod graph_file;
mod import;
mod inspect;
mod inspect_file;
mod lsp;
mod manual;
mod merge;
mod nodes;
mod operators;
mod outputs;
mod pairs;
mod paths;
mod precision;
mod previews;
mod progress;
mod recipe;
mod run;
mod say;
mod seed;
mod setup;
mod size;
mod table;
mod target;
mod terminal;
mod thumbnail;
mod tokens;
mod used;
mod watch;
mod wildcards;

use std::borrow::Cow;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use wuerst::core::printable;

/// Würstchen: makes pictures from prompts, with a graph of nodes that you can rearrange.
#[derive(Parser)]
#[command(name = "wuerst", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(generate::Args),
    Run(run::Args),
    Check(check::Args),
    Lsp(lsp::Args),
    Nodes(nodes::Args),
    Tokens(tokens::Args),
    Graph(graph::Args),
    Import(import::Args),
    Convert(convert::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    Manual(manual::Args),
}

fn main() -> ExitCode {
    let cli: Cli = match environment::parsed() {
        Ok(cli) => cli,
        Err(message) => {
            // If the stream is closed, the message is lost.
            let plain = message.render().to_string();
            let written = match printable(&plain) {
                Cow::Borrowed(_) => message.print(),
                // File names expanded by a shell may come from strangers.
                Cow::Owned(shown) if message.use_stderr() => write!(stderr(), "{shown}"),
                Cow::Owned(shown) => write!(stdout(), "{shown}"),
            };
            if message.use_stderr() {
                return ExitCode::FAILURE;
            }
            say::keep(written);
            return code(say::all_written().map(|()| ExitCode::SUCCESS));
        }
    };
    let done = match &cli.command {
        Command::Generate(args) => generate::run(args),
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Lsp(args) => lsp::run(args),
        Command::Nodes(args) => nodes::run(args),
        Command::Tokens(args) => tokens::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Import(args) => import::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Manual(args) => manual::run(args, Cli::command()),
    };
    code(done.and_then(|code| say::all_written().map(|()| code)))
}

/// The exit code; prints an error.
fn code(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            say::tell(format_args!("error: {error}"));
            exit::code(&error)
        }
    }
}

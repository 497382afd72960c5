//! `wuerst-train`: from packages to a trained model folder.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wuerst_train::ablation::{self, AblationArgs};
use wuerst_train::branch::{self, BranchArgs};
use wuerst_train::config::RunConfig;
use wuerst_train::data::DataArgs;
use wuerst_train::export::{self, ExportArgs, ExportCommand};
use wuerst_train::pack::{self, PackArgs};
use wuerst_train::report::compare::CompareArgs;
use wuerst_train::report::{self, ReportArgs};
use wuerst_train::sample::{self, SampleArgs};
use wuerst_train::start::{self, StartArgs};
use wuerst_train::study::{self, StudyArgs};
use wuerst_train::validate::{self, ValidateArgs};
use wuerst_train::votes::{self, VotesArgs};
use wuerst_train::{data, programs, session, trainer};

/// Trains the three stages of Würstchen on captioned pictures.
#[derive(Parser)]
#[command(name = "wuerst-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch the packages, render the pictures
    Data(DataArgs),
    /// Continue from an exported model
    Start(StartArgs),
    /// Compute the inputs of training in advance: corpus, latents, embeddings
    Prepare(RunArgs),
    /// Write the stages of an unfinished run into a small folder, from which `start` can continue elsewhere
    Pack(PackArgs),
    /// Continue from a kept checkpoint of another run
    Branch(BranchArgs),
    /// Train Stage A
    Vqgan(RunArgs),
    /// Train Stage B together with the compressor
    Decoder(RunArgs),
    /// Train Stage C
    Prior(RunArgs),
    /// Train the baseline, a single-stage model to compare the cascade with
    Baseline(RunArgs),
    /// Compare the cascade with the baseline for equal operations: train, measure, draw curves, write a page
    Ablation(AblationArgs),
    /// Write the trained stages as a model folder
    Export(ExportCommand),
    /// Fit the previews of a model folder again; `export` does this too
    Preview(ExportArgs),
    /// Write the run's steps and guidance into a model folder; `export` does this too
    Sampling(ExportArgs),
    /// Draw pictures from the newest checkpoints
    Sample(SampleArgs),
    /// Measure the loss of stages B and C by noise level, on pictures that training leaves out
    Validate(ValidateArgs),
    /// Measure an exported model: likeness, alignment, copies, a contact sheet
    Report(ReportCommand),
    /// Write a page on which people compare the pictures of models blindly, and its key
    Study(StudyArgs),
    /// Evaluate what the voters of a study handed in
    Votes(VotesArgs),
}

/// `report RUN` measures a model, `report compare A B` compares two reports.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct ReportCommand {
    #[command(subcommand)]
    compare: Option<Compare>,
    #[command(flatten)]
    report: Option<ReportArgs>,
}

#[derive(Subcommand)]
enum Compare {
    /// Compare two models by their reports, paired by prompt and seed
    Compare(CompareArgs),
}

#[derive(clap::Args)]
struct RunArgs {
    /// The run's YAML file
    run: PathBuf,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("wuerst-train: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let load = |run: &Path| -> Result<RunConfig> {
        let config = RunConfig::load(run)?;
        tch::set_num_threads(config.threads as i32);
        Ok(config)
    };
    let to_train = |args: &RunArgs| -> Result<RunConfig> {
        trainer::stop_on_signal()?;
        load(&args.run)
    };
    let without_models = match &command {
        Command::Data(_) | Command::Branch(_) | Command::Pack(_) | Command::Study(_) | Command::Votes(_) => {
            true
        }
        Command::Report(report) => report.compare.is_some(),
        _ => false,
    };
    if !without_models {
        session::start_runtime()?;
    }
    match command {
        Command::Data(args) => data::run(&args),
        Command::Start(args) => start::run(&load(&args.run)?, &args.model),
        Command::Prepare(args) => programs::prepare(&load(&args.run)?),
        Command::Pack(args) => pack::run(&load(&args.run)?, &args.folder),
        Command::Branch(args) => branch::run(&load(&args.run)?, &load(&args.to)?, &args),
        Command::Vqgan(args) => programs::vqgan(&to_train(&args)?),
        Command::Decoder(args) => programs::decoder(&to_train(&args)?),
        Command::Prior(args) => programs::prior(&to_train(&args)?),
        Command::Baseline(args) => programs::baseline(&to_train(&args)?),
        Command::Ablation(args) => {
            trainer::stop_on_signal()?;
            ablation::run(&args)
        }
        Command::Export(ExportCommand { paths, baseline: true }) => {
            export::baseline(&load(&paths.run)?, &paths.out)
        }
        Command::Export(ExportCommand { paths, .. }) => export::run(&load(&paths.run)?, &paths.out),
        Command::Preview(args) => export::preview::run(&load(&args.run)?, &args.out),
        Command::Sampling(args) => export::sampling::run(&load(&args.run)?, &args.out),
        Command::Sample(args) => sample::run(&load(&args.run)?, &args),
        Command::Validate(args) => validate::run(&load(&args.run)?, &args),
        Command::Report(ReportCommand { compare: Some(Compare::Compare(args)), .. }) => {
            report::compare::run(&args)
        }
        Command::Report(ReportCommand { report: Some(args), .. }) => report::run(&load(&args.run)?, &args),
        Command::Report(_) => bail!("name a run, or `compare` and two reports"),
        Command::Study(args) => study::run(&args),
        Command::Votes(args) => votes::run(&args),
    }
}

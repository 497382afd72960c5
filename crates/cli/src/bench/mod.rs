//! `wuerst bench`: measures a graph on this machine, stage by stage.
//!
//! [`measure`] runs it, [`figures`] computes medians and shows them; [`against`] runs a [`peer`] for comparison, and
//! [`evaluations`] a peer that has networks only.

mod against;
mod evaluations;
mod figures;
mod measure;
mod peer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wuerst::{Change, Engine, Job};

use crate::graph_file::GraphFile;
use crate::pairs::{Sets, split};
use crate::say::{say, say_json};
use crate::setup::Setup;
use crate::{find, paths};
use against::Comparison;
use peer::Peer;

/// Program that runs diffusers.
const DIFFUSERS: &str = "tests/peers/diffusers_peer.py";

/// The program that runs OpenVINO.
const OPENVINO: &str = "tests/peers/openvino_peer.py";

/// Measure a graph on this machine, stage by stage
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph; default: graph.yaml of the models folder, or graphs/text-to-image.yaml
    #[arg(value_parser = find::graph())]
    graph: Option<PathBuf>,
    /// Sets an input, or an argument of a node; the default of prompt is "a red apple"
    #[arg(long, value_name = "NAME=VALUE", value_parser = paths::of_value())]
    set: Vec<(String, OsString)>,
    /// The output to compute
    #[arg(short, long, value_name = "NAME", default_value = "image")]
    output: String,
    /// Number of runs of each kind; medians are shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Compare with another program, alternately, on equal weights and settings: whole runs with diffusers; single
    /// evaluations of prior, decoder and VQGAN with OpenVINO's runtime, on the same models; of prior and VQGAN with candle,
    /// whose decoder supports one size only
    #[arg(long, value_name = "PEER", value_parser = ["diffusers", "openvino", "candle"], requires = "peer")]
    against: Option<String>,
    /// Folder made by tests/peers/setup, with the other program and its weights
    #[arg(long, value_name = "FOLDER")]
    peer: Option<PathBuf>,
    /// Precision of the peer
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = ["f32", "bf16"])]
    peer_precision: String,
    /// Compiles the networks of diffusers with `torch.compile` first, which takes minutes
    #[arg(long, requires = "against")]
    peer_compile: bool,
    /// Only compute the output once; used to measure a cold start
    #[arg(long, hide = true)]
    once: bool,
    #[command(flatten)]
    setup: Setup,
}

/// Measures, and prints the figures.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let engine = args.setup.engine(args.graph.as_deref())?;
    let source = match &args.graph {
        Some(path) => GraphFile::open(path)?,
        None => GraphFile::default_for(&args.setup.models(None::<&Path>)?)?,
    };
    let sets = Sets::new(&args.set);
    let (arguments, inputs) = split(&sets.texts, &[]);
    if let Some((name, _)) = arguments.first().filter(|_| args.against.is_some()) {
        bail!("`{name}` exists only in this graph: set an input of the graph, which the peer gets too");
    }
    let changes: Vec<Change<'_>> =
        arguments.iter().copied().map(Change::from).chain(sets.changes()).collect();
    let graph = source.load_with(&engine, &changes)?;
    let job = engine.job(&graph);
    if let Some((peer, folder)) = args.against.as_ref().zip(args.peer.as_ref()) {
        if args.peer_compile && peer != "diffusers" {
            bail!("only diffusers is compiled: leave --peer-compile out, or say --against diffusers");
        }
        let values = against::prepare(&job, &inputs)?;
        let comparison = match peer.as_str() {
            "candle" | "openvino" => against_networks(args, &engine, folder, &values)?,
            _ => against_diffusers(args, &engine, &job, folder, &values)?,
        };
        match args.json {
            true => say_json(&comparison.to_json()),
            false => say(comparison.table()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if graph.inputs().iter().any(|input| input.name == "prompt") {
        job.set("prompt", "a red apple")?;
    }
    inputs.iter().try_for_each(|(name, text)| job.set_text(name, text))?;
    sets.values(&graph)?.into_iter().try_for_each(|(name, value)| job.set(&name, value))?;
    if args.once {
        job.get(&args.output, &mut ())?;
        return Ok(ExitCode::SUCCESS);
    }
    let figures = measure::measure(&engine, &job, &args.output, args.runs as usize)?;
    match args.json {
        true => say_json(&figures.to_json()),
        false => say(figures.table().trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures whole runs by diffusers and by us alternately.
fn against_diffusers(
    args: &Args,
    engine: &Engine,
    job: &Job,
    folder: &Path,
    values: &BTreeMap<String, String>,
) -> Result<Comparison> {
    let script =
        find::first(DIFFUSERS).with_context(|| format!("no {DIFFUSERS}: run this in the repository"))?;
    let (threads, precision) = (args.setup.threads()?, &args.peer_precision);
    let mut peer = Peer::diffusers(folder, &script, threads, precision, args.peer_compile)?;
    against::compare(engine, job, &args.output, args.runs as usize, values, &mut peer)
}

/// Measures single evaluations by candle or OpenVINO and by us alternately.
fn against_networks(
    args: &Args,
    engine: &Engine,
    folder: &Path,
    values: &BTreeMap<String, String>,
) -> Result<Comparison> {
    let openvino = args.against.as_deref() == Some("openvino");
    if !openvino && args.peer_precision != "f32" {
        bail!("candle computes in f32 here: leave --peer-precision out");
    }
    let side = |name: &str| -> Result<usize> {
        let pixels = values.get(name).map_or("", String::as_str);
        pixels.parse().with_context(|| format!("`{name}` is not a whole number: {pixels}"))
    };
    let size = [side("width")?, side("height")?];
    let (models, threads) = (args.setup.models(args.graph.as_deref())?, args.setup.threads()?);
    let mut peer = if openvino {
        let script =
            find::first(OPENVINO).with_context(|| format!("no {OPENVINO}: run this in the repository"))?;
        evaluations::standard(&models)?;
        Peer::openvino(folder, &script, &models, threads, &args.peer_precision)?
    } else {
        Peer::candle(folder, threads)?
    };
    evaluations::compare(engine, &models, size, args.runs as usize, &mut peer, openvino)
}

//! `wuerst run`: runs any graph, and writes any of its outputs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::Value as Json;
use wuerst::graph::ValueSource;
use wuerst::{Change, Engine, Graph, Value};

use crate::again::Again;
use crate::comfyui;
use crate::graph_file::GraphFile;
use crate::pairs::{self, Sets, Texts, borrowed, split, texts};
use crate::previews::PreviewArgs;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::say::say;
use crate::setup::Setup;
use crate::table::{self, Batch, Pattern, RowArgs};
use crate::target::{Target, numbered};
use crate::used::{Found, loras, used};
use crate::{arrays, explain, find, outputs, paths, thumbnail, watch};
use wuerst::save::{Format, picture};

/// Run a graph
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph: a YAML file, or the name of a shipped graph
    #[arg(required_unless_present = "from", conflicts_with = "from", value_parser = find::graph())]
    graph: Option<PathBuf>,
    /// Reproduces a picture from a .png file written by this program; --set changes its settings
    #[arg(long, value_name = "PICTURE")]
    from: Option<PathBuf>,
    /// Sets an input, such as seed=7, or an argument of a node, such as prior.steps=20; a tensor by a .npy file
    #[arg(long, value_name = "NAME=VALUE", value_parser = paths::of_value())]
    set: Vec<(String, OsString)>,
    /// Changes the kind of a node, such as prior=acme.prior
    #[arg(long = "use", value_name = "NODE=KIND", value_parser = pairs::pair)]
    kind: Vec<(String, String)>,
    /// Writes an output, such as image=apple.png: .png for pictures and masks, .npy for tensors, .txt for texts and
    /// numbers. A list of pictures becomes apple-0001.png and so on, each written as soon as it is finished
    #[arg(short, long, value_name = "OUTPUT=FILE", value_parser = paths::of_output(), required = true)]
    output: Vec<paths::Named>,
    /// Runs once for each row of a table: a .csv file whose columns are inputs, or a .jsonl file with an object a line. Names of
    /// output files hold the row's number, such as -o image='pics/%04d.png'
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "watch", "explain"])]
    table: Option<PathBuf>,
    /// Adds a column with the pictures of a folder in the order of their names, such as image=photographs; without --table, each
    /// picture is a row
    #[arg(long, value_name = "NAME=FOLDER", value_parser = paths::of_column(), conflicts_with_all = ["from", "watch", "explain"])]
    column: Vec<paths::Named>,
    #[command(flatten)]
    rows: RowArgs,
    /// Omits the recipe from PNG files
    #[arg(long)]
    no_metadata: bool,
    /// Prints which nodes ran or were reused, and why, and the execution providers of loaded models' operators
    #[arg(long)]
    explain: bool,
    /// Writes this report as JSON, with small pictures if there are any; also if the run fails. With a table: the outcome of each
    /// row
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Runs again whenever the graph's file changes; only changed nodes run
    #[arg(long, conflicts_with = "from")]
    watch: bool,
    #[command(flatten)]
    previews: PreviewArgs,
    #[command(flatten)]
    setup: Setup,
}

/// Pictures to show for nodes: requested outputs that are pictures, otherwise previews.
fn shown<'a>(
    graph: &Graph,
    progress: &Progress<'_>,
    outputs: impl Iterator<Item = (&'a str, &'a Value)>,
) -> BTreeMap<String, String> {
    let previews = progress.previews();
    let previews =
        previews.filter_map(|(node, rgb)| Some((node.to_owned(), thumbnail::address(&rgb.clone().into())?)));
    let of_output = |(name, value): (&str, &Value)| {
        let ValueSource::Output { node, .. } = graph.outputs()[graph.output(name).ok()?].source else {
            return None;
        };
        Some((graph.nodes()[node].id.clone(), thumbnail::address(value)?))
    };
    previews.chain(outputs.filter_map(of_output)).collect()
}

/// A report whose nodes have a `preview`.
fn with_previews(mut report: Json, shown: &BTreeMap<String, String>) -> Json {
    for node in report["nodes"].as_array_mut().into_iter().flatten() {
        if let Some(address) = node["node"].as_str().and_then(|name| shown.get(name)) {
            node["preview"] = address.as_str().into();
        }
    }
    report
}

/// File and format of an output.
type Goal = (Format, Target);

/// Runs the graph and writes the outputs.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.table.is_some() || !args.column.is_empty() {
        return make_rows(args);
    }
    args.rows.need("--table or --column")?;
    let mut goals: Vec<Goal> = Vec::new();
    for (_, file) in &args.output {
        let path = Path::new(file);
        goals.push((Format::of(path)?, Target::new(path)?));
    }
    let report = args.report.as_deref().map(Target::new).transpose()?;
    let files = args.output.iter().zip(&goals).map(|((name, _), (_, target))| (name.as_str(), target));
    let files: Vec<_> = files.chain(report.as_ref().map(|target| ("the report", target))).collect();
    outputs::distinct(&files)?;
    let before = args.from.as_deref().map(Recipe::read).transpose()?;
    let file = args.graph.as_ref().or(args.from.as_ref());
    let graphs = before.as_ref().map(|recipe| recipe.graphs.clone()).unwrap_or_default();
    let (engine, graphs) = args.setup.engine_with(file.map(PathBuf::as_path), &graphs)?;
    let once = || make(args, (&goals, report.as_ref()), before.as_ref(), (&engine, &graphs));
    if let (true, Some(file)) = (args.watch, &args.graph) {
        return watch::again(file, once);
    }
    once()?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the graph with the present content of its file.
fn make(
    args: &Args,
    (targets, report): (&[Goal], Option<&Target>),
    before: Option<&Recipe>,
    (engine, graphs): (&Engine, &Texts),
) -> Result<()> {
    let source = source(args, before)?;
    let given = Sets::new(&args.set);
    let (sets, kinds) = (sets(&given, before), kinds(args, before));
    let (mut changes, mut inputs) = split(&sets, &kinds);
    let own = args.set.iter().map(|(name, _)| name).chain(args.kind.iter().map(|(name, _)| name));
    let own = own.map(String::as_str);
    let again = args.from.as_deref().zip(before);
    let readable = args.setup.readable()?;
    let again = again.map(|(picture, before)| Again::new(before, picture, readable, own));
    let change = |change| again.as_ref().map_or_else(|| Change::from(change), |again| again.change(change));
    let all: Vec<Change<'_>> = changes.iter().copied().map(change).chain(given.changes()).collect();
    let graph = source.load_with(engine, &all).map_err(|error| match &again {
        Some(again) => again.explained(error),
        None => error,
    })?;
    source.remark(&graph);
    let mut found = again.as_ref().map_or(Ok(Found::new()), |again| again.values(engine, &graph))?;
    found.extend(given.values(&graph)?);
    let job = engine.job(&graph);
    if before.is_some_and(|recipe| recipe.of_comfyui) {
        comfyui::leave_out(&graph, &mut inputs);
    }
    let [arguments, paths] = given.shown();
    changes.extend(borrowed(&arguments));
    inputs.extend(borrowed(&paths));
    inputs.iter().try_for_each(|(name, text)| -> Result<()> {
        match found.get(*name) {
            Some(value) => job.set(name, arrays::value(&graph.inputs()[graph.input(name)?], value)?)?,
            None => job.set_text(name, text)?,
        }
        Ok(())
    })?;
    let recipe = if args.no_metadata && before.is_none() {
        None
    } else {
        let used = used(engine, &graph, &texts(&inputs), &found)?;
        let loras = loras(engine)?;
        if let Some(again) = &again {
            again.check_loras(&loras)?;
            again.compare(&used)?;
        }
        let recipe = Recipe::of(&graph, &source.text, texts(&inputs), texts(&changes), &used);
        Some(Recipe { graphs: graphs.clone(), loras, ..recipe })
    };

    let about = |output: &str| {
        let recipe = recipe.as_ref().filter(|_| !args.no_metadata);
        let recipe = recipe.map(|recipe| Recipe { output: output.to_owned(), ..recipe.clone() });
        let mut about = recipe.map_or(Ok(vec![]), |recipe| recipe.pairs())?;
        about.extend(picture::mark(job.origin(output)?, args.setup.marks()));
        anyhow::Ok(about)
    };
    let outputs: Vec<&str> = args.output.iter().map(|(name, _)| name.as_str()).collect();
    let fitting = outputs.iter().zip(targets).map(|(name, (format, target))| (*name, *format, target));
    outputs::fitting(job.graph(), &fitting.collect::<Vec<_>>())?;
    // Pictures of lists that are already written.
    let written = RefCell::new(BTreeSet::new());
    let on_part = |output: &str, index: usize, value: &Value| -> Result<()> {
        let wanted = outputs.iter().zip(targets).enumerate().filter(|(_, (name, _))| **name == output);
        for (at, (_, (_, target))) in wanted.filter(|(_, (_, (format, _)))| *format == Format::Png) {
            for picture in picture::list(value).into_iter().flatten() {
                of_list(target, index)?.write(&picture::encode(output, &picture, &about(output)?)?)?;
                written.borrow_mut().insert((at, index));
            }
        }
        Ok(())
    };
    let mut progress = Progress::new(args.previews.open(args.setup.marks())?);
    progress = progress.keeping_previews(report.is_some()).on_part(Box::new(on_part));
    let values = job.get_all(&outputs, &mut progress);
    if let Some(report) = report {
        let shown = shown(job.graph(), &progress, outputs.iter().copied().zip(values.iter().flatten()));
        report.write(format!("{:#}\n", with_previews(job.report().to_json(), &shown)).as_bytes())?;
    }
    drop(progress);
    // All of them are encoded before the first is written.
    let mut files: Vec<(Cow<'_, Target>, Vec<u8>)> = Vec::new();
    for (at, (value, (name, (format, target)))) in values?.iter().zip(outputs.iter().zip(targets)).enumerate()
    {
        match (format, picture::list(value)) {
            (Format::Png, Some(list)) => {
                let written = written.borrow();
                for (index, picture) in
                    list.iter().enumerate().filter(|(index, _)| !written.contains(&(at, *index)))
                {
                    let file = picture::encode(name, picture, &about(name)?)?;
                    files.push((Cow::Owned(of_list(target, index)?), file));
                }
            }
            (Format::Png, None) => {
                files.push((Cow::Borrowed(target), picture::encode(name, value, &about(name)?)?));
            }
            (format, _) => files.push((Cow::Borrowed(target), format.encode(name, value, &[])?)),
        }
    }
    files.iter().try_for_each(|(target, bytes)| target.write(bytes))?;
    if args.explain {
        let (table, placements) = (explain::table(&job.report()), explain::placements(&engine.report()));
        say(format!("{table}{placements}").trim_end());
    }
    Ok(())
}

/// Runs the graph for each row of a table.
fn make_rows(args: &Args) -> Result<ExitCode> {
    let pattern = |(name, file): &paths::Named| Ok((name.clone(), Format::of(file)?, Pattern::read(file)?));
    let outputs = args.output.iter().map(pattern).collect::<Result<Vec<_>>>()?;
    let report = args.report.as_deref().map(Target::new).transpose()?;
    let table = table::read(args.table.as_deref(), &args.column)?;
    let source = source(args, None)?;
    let (engine, graphs) = args.setup.engine_with(args.graph.as_deref(), &Texts::new())?;
    let sets = Sets::new(&args.set);
    let (mut changes, mut inputs) = split(&sets.texts, &args.kind);
    let all: Vec<Change<'_>> = changes.iter().copied().map(Change::from).chain(sets.changes()).collect();
    let graph = source.load_with(&engine, &all)?;
    source.remark(&graph);
    let [arguments, paths] = sets.shown();
    changes.extend(borrowed(&arguments));
    inputs.extend(borrowed(&paths));
    let recipe = Recipe {
        graphs,
        changes: texts(&changes),
        ..Recipe::new(&source.text, Texts::new(), Texts::new(), &[])
    };
    let batch = Batch {
        engine: &engine,
        graph: &graph,
        inputs: texts(&inputs),
        found: sets.values(&graph)?,
        first_seed: None,
        outputs,
        recipe: Some(recipe).filter(|_| !args.no_metadata),
        marks: args.setup.marks(),
        check: |_, _| Ok(()),
    };
    let mut progress = Progress::new(args.previews.open(args.setup.marks())?);
    table::make(&batch, &table, &args.rows, report.as_ref(), &mut progress)
}

/// The file of a picture of a list.
fn of_list(target: &Target, index: usize) -> Result<Target> {
    Target::new(&numbered(target.path(), u32::try_from(index + 1)?))
}

/// The named graph, or the one that the picture was made with.
fn source(args: &Args, before: Option<&Recipe>) -> Result<GraphFile> {
    match (&args.graph, &args.from, before) {
        (Some(path), ..) => GraphFile::open(path),
        (None, Some(path), Some(recipe)) if recipe.graph.is_empty() => bail!(
            "{} was made by a graph of the user's folder in ComfyUI, which the picture does not hold: name that graph too",
            path.display()
        ),
        (None, Some(path), Some(recipe)) => Ok(GraphFile { path: path.clone(), text: recipe.graph.clone() }),
        _ => bail!("name a graph, or a picture with --from"),
    }
}

/// Values to set: those of the picture's recipe, overridden by those given now.
fn sets(given: &Sets, before: Option<&Recipe>) -> Vec<(String, String)> {
    let before = before.into_iter().flat_map(|recipe| recipe.inputs.iter().chain(recipe.arguments()));
    replaced(before.filter(|(name, _)| !given.has_path(name)), &given.texts)
}

/// The nodes of another kind, likewise.
fn kinds(args: &Args, before: Option<&Recipe>) -> Vec<(String, String)> {
    replaced(before.into_iter().flat_map(Recipe::kinds), &args.kind)
}

fn replaced<'a>(
    before: impl Iterator<Item = (&'a String, &'a String)>,
    now: &[(String, String)],
) -> Vec<(String, String)> {
    let before = before.map(|(name, text)| (name.clone(), text.clone()));
    before.chain(now.iter().cloned()).collect::<Texts>().into_iter().collect()
}

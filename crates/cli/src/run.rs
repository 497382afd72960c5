//! `wuerst run`: any graph, any outputs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use ndarray_npy::WriteNpyExt;
use serde_json::Value as Json;
use wuerst::core::{ArcArrayD, DType};
use wuerst::graph::Source as Wire;
use wuerst::{Engine, Graph, Tensor, Value};

use crate::previews::PreviewArgs;
use crate::progress::Progress;
use crate::recipe::{Kinds, Recipe, Texts};
use crate::setup::Setup;
use crate::source::Source;
use crate::target::Target;
use crate::{explain, generate, picture, say, thumbnail, watch};

/// Run a graph
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The graph, a YAML file
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    graph: Option<PathBuf>,
    /// Makes a picture again, from a .png file that this program wrote; --set changes what was set
    #[arg(long, value_name = "PICTURE")]
    from: Option<PathBuf>,
    /// Sets an input, as seed=7, or an argument of a node, as prior.steps=20
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Makes a node one of another kind, as prior=acme.prior
    #[arg(long = "use", value_name = "NODE=KIND", value_parser = pair)]
    kind: Vec<(String, String)>,
    /// Writes an output, as image=apple.png: .png for pictures, .npy for tensors, .txt for texts and numbers. Of a list of
    /// pictures apple-0001.png and so on, each as soon as it is finished
    #[arg(short, long, value_name = "OUTPUT=FILE", value_parser = pair, required = true)]
    output: Vec<(String, String)>,
    /// Leaves out of PNG files how they were made
    #[arg(long)]
    no_metadata: bool,
    /// Print what ran, what was reused, and why; and which provider took which operators of the models that were loaded
    #[arg(long)]
    explain: bool,
    /// Writes the same as JSON, with small pictures where there are some; also when the run fails
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Runs again whenever the graph's file changes; only what changed runs
    #[arg(long, conflicts_with = "from")]
    watch: bool,
    #[command(flatten)]
    previews: PreviewArgs,
    #[command(flatten)]
    setup: Setup,
}

/// Reads `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    match name.trim() {
        "" => Err("write it as name=value".to_owned()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

/// What is to be seen of nodes: their outputs that were asked for, as far as they are pictures, else their previews.
fn shown<'a>(
    graph: &Graph,
    progress: &Progress<'_>,
    outputs: impl Iterator<Item = (&'a str, &'a Value)>,
) -> BTreeMap<String, String> {
    let previews = progress.previews();
    let previews =
        previews.filter_map(|(node, rgb)| Some((node.to_owned(), thumbnail::address(&rgb.clone().into())?)));
    let of_output = |(name, value): (&str, &Value)| {
        let Wire::Output { step, .. } = graph.outputs()[graph.output(name).ok()?].source else { return None };
        Some((graph.nodes()[step].id.clone(), thumbnail::address(value)?))
    };
    previews.chain(outputs.filter_map(of_output)).collect()
}

/// A report in which nodes have a `preview`.
fn with_previews(mut report: Json, shown: &BTreeMap<String, String>) -> Json {
    for node in report["nodes"].as_array_mut().into_iter().flatten() {
        if let Some(address) = node["node"].as_str().and_then(|name| shown.get(name)) {
            node["preview"] = address.as_str().into();
        }
    }
    report
}

/// Names and values, borrowed.
pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Parts what changes the graph (a node's kind, by its name, and arguments, as `node.port`) from what sets inputs.
pub(crate) fn split<'a>(
    sets: &'a [(String, String)],
    kinds: &'a [(String, String)],
) -> (Pairs<'a>, Pairs<'a>) {
    let pairs =
        |pairs: &'a [(String, String)]| pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (arguments, inputs): (Pairs<'a>, _) = pairs(sets).partition(|(name, _)| name.contains('.'));
    (pairs(kinds).chain(arguments).collect(), inputs)
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Png,
    Npy,
    Txt,
}

fn format(path: &Path) -> Result<Format> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    match end.to_ascii_lowercase().as_str() {
        "png" => Ok(Format::Png),
        "npy" => Ok(Format::Npy),
        "txt" => Ok(Format::Txt),
        _ => {
            bail!("{}: outputs are written as .png, .npy or .txt; give the file such a name", path.display())
        }
    }
}

/// An output's file, and how it is written.
type Goal = (Format, Target);

/// Runs the graph and writes the outputs.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut goals: Vec<Goal> = Vec::new();
    for (_, file) in &args.output {
        let path = Path::new(file);
        goals.push((format(path)?, Target::new(path)?));
    }
    let report = args.report.as_deref().map(Target::new).transpose()?;
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

/// Runs it as it is in its file now.
fn make(
    args: &Args,
    (targets, report): (&[Goal], Option<&Target>),
    before: Option<&Recipe>,
    (engine, graphs): (&Engine, &Kinds),
) -> Result<()> {
    let source = source(args, before)?;
    let (sets, kinds) = (sets(args, before), kinds(args, before));
    let (changes, inputs) = split(&sets, &kinds);
    let job = engine.job(&source.load(engine, &changes)?);
    inputs.iter().try_for_each(|(name, text)| job.set_text(name, text))?;
    let recipe = if args.no_metadata && before.is_none() {
        None
    } else {
        let recipe = Recipe::new(engine, job.graph(), &source.text, texts(&inputs), texts(&changes))?;
        Some(Recipe { graphs: graphs.clone(), ..recipe })
    };
    if let (Some(before), Some(now)) = (before, &recipe) {
        for name in before.changed(now) {
            eprintln!("warning: `{name}` is not what the picture was made with, so this one may differ");
        }
    }

    let about = |output: &str| {
        let recipe = recipe.as_ref().filter(|_| !args.no_metadata);
        recipe.map_or(Ok(vec![]), |recipe| Recipe { output: output.to_owned(), ..recipe.clone() }.pairs())
    };
    let outputs: Vec<&str> = args.output.iter().map(|(name, _)| name.as_str()).collect();
    // Pictures of lists that are written already.
    let written = RefCell::new(BTreeSet::new());
    let on_part = |output: &str, index: usize, value: &Value| -> Result<()> {
        let wanted = outputs.iter().zip(targets).enumerate().filter(|(_, (name, _))| **name == output);
        for (at, (_, (_, target))) in wanted.filter(|(_, (_, (format, _)))| *format == Format::Png) {
            for picture in picture::list(value).into_iter().flatten() {
                numbered(target, index)?.write(&picture::encode(output, &picture, &about(output)?)?)?;
                written.borrow_mut().insert((at, index));
            }
        }
        Ok(())
    };
    let mut progress = Progress::new(args.previews.open()?);
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
                    files.push((Cow::Owned(numbered(target, index)?), file));
                }
            }
            (Format::Png, None) => {
                files.push((Cow::Borrowed(target), picture::encode(name, value, &about(name)?)?));
            }
            (Format::Npy, _) => files.push((Cow::Borrowed(target), npy(name, value)?)),
            (Format::Txt, _) => files.push((Cow::Borrowed(target), txt(name, value)?)),
        }
    }
    files.iter().try_for_each(|(target, bytes)| target.write(bytes))?;
    if args.explain {
        let (table, placements) = (explain::table(&job.report()), explain::placements(&engine.report()));
        say(format!("{table}{placements}").trim_end());
    }
    Ok(())
}

/// The file of a picture of a list.
fn numbered(target: &Target, index: usize) -> Result<Target> {
    Target::new(&generate::numbered(target.path(), u32::try_from(index + 1)?))
}

/// The graph that is named, or the one that the picture was made with.
fn source(args: &Args, before: Option<&Recipe>) -> Result<Source> {
    match (&args.graph, &args.from, before) {
        (Some(path), ..) => Source::open(path),
        (None, Some(path), Some(recipe)) => Ok(Source { path: path.clone(), text: recipe.graph.clone() }),
        _ => bail!("name a graph, or a picture with --from"),
    }
}

/// What to set: what the picture was made with, and in its place what is given now.
fn sets(args: &Args, before: Option<&Recipe>) -> Vec<(String, String)> {
    let before = before.into_iter().flat_map(|recipe| recipe.inputs.iter().chain(recipe.arguments()));
    replaced(before, &args.set)
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

/// Pairs as a recipe keeps them.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// A text or a number as a line of text.
fn txt(what: &str, value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::Tensor(_) => bail!("{what} is {}: write it as .npy, or a picture as .png", value.ty()),
        Value::Text(text) => Ok(format!("{text}\n").into_bytes()),
        other => Ok(format!("{other}\n").into_bytes()),
    }
}

/// A tensor as the bytes of a .npy file. f16, which the format's readers in Rust lack, is widened.
fn npy(what: &str, value: &Value) -> Result<Vec<u8>> {
    fn bytes<T: ndarray_npy::WritableElement>(array: Option<ArcArrayD<T>>) -> Option<Result<Vec<u8>>> {
        let mut file = Vec::new();
        Some(array?.write_npy(&mut file).map(|()| file).map_err(Into::into))
    }
    let written = match value {
        Value::Tensor(tensor) => match tensor.dtype() {
            DType::F32 | DType::F16 => bytes(Tensor::to_f32(tensor)),
            DType::I64 => bytes(tensor.array::<i64>().cloned()),
            DType::U8 => bytes(tensor.array::<u8>().cloned()),
        },
        _ => None,
    };
    written
        .unwrap_or_else(|| Err(anyhow!("{what} is {}, no tensor, and cannot be written as .npy", value.ty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        assert_eq!(pair("prompt=a=b"), Ok(("prompt".into(), "a=b".into())));
        assert!(pair("prompt").is_err() && pair("=b").is_err());
        let sets = [("seed".into(), "1".into()), ("prior.steps".into(), "2".into())];
        let kinds = [("prior".into(), "acme.prior".into())];
        let changes = vec![("prior", "acme.prior"), ("prior.steps", "2")];
        assert_eq!(split(&sets, &kinds), (changes, vec![("seed", "1")]));
    }

    #[test]
    fn tensors_keep_their_type_and_shape() {
        let tensor = Value::from(Tensor::from_vec(&[2, 1], vec![1i64, -1]).unwrap());
        let file = npy("ids", &tensor).unwrap();
        let header = String::from_utf8_lossy(&file[10..80]).into_owned();
        assert!(header.contains("'<i8'") && header.contains("(2, 1)"), "{header}");
        assert_eq!(txt("n", &Value::from("a \"b\"")).unwrap(), b"a \"b\"\n");
        assert_eq!(txt("n", &Value::from(0.5)).unwrap(), b"0.5\n");
        assert!(txt("ids", &tensor).unwrap_err().to_string().contains(".npy"));
        assert!(npy("n", &Value::from(1i64)).unwrap_err().to_string().contains("n is int"));
        assert!(format(Path::new("a.jpg")).is_err() && format(Path::new("A.PNG")).unwrap() == Format::Png);
    }
}

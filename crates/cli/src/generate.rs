//! `wuerst generate`: makes pictures from a prompt.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use wuerst::core::{effective_seed, is_whole, printable_line};
use wuerst::{Change, Engine, Graph, Value};

use crate::graph_file::GraphFile;
use crate::pairs::{Pairs, Sets, Texts};
use crate::previews::PreviewArgs;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::say::say;
use crate::setup::Setup;
use crate::size::Size;
use crate::table::{self, Batch, Pattern, RowArgs, Table};
use crate::target::{Target, numbered};
use crate::used::{loras, used};
use crate::wildcards::Wildcards;
use crate::{arrays, find, pairs, paths, seed, watch};
use wuerst::save::{Format, picture};

/// Maximum number of words in a prompt. Text encoders read a few dozen and truncate the rest with a warning; more than
/// this is a mistake.
const WORDS: usize = 1000;

/// Make pictures from a prompt
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Description of the picture, such as "a red apple, twemoji style". The seed chooses one way of {red|green}, and a line of
    /// the list animal.txt for __animal__; \{ is a brace that is meant
    #[arg(required_unless_present = "prompts")]
    prompt: Option<String>,
    /// Table of prompts, a picture a row: a .csv file with the column `prompt`, or a .jsonl file with an object a line; other
    /// columns are other inputs, such as `seed`. Prompts are read as they stand, without choices
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "count", "watch", "wildcards"])]
    prompts: Option<PathBuf>,
    #[command(flatten)]
    rows: RowArgs,
    /// Writes the outcome of each row of the table as JSON
    #[arg(long, value_name = "FILE", requires = "prompts")]
    report: Option<PathBuf>,
    /// Path of the picture, a .png file; with --count, name-0001.png and so on; with --prompts, such as pics/%04d.png
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Seed of the random numbers, from 0 to 18446744073709551615: equal seeds give equal pictures; only the low 32 bits
    /// count, as in PyTorch. With --count, the seed of the first picture
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = seed::read)]
    seed: Option<i128>,
    /// Steps of the prior
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<i64>,
    /// How far to move from the negative prompt to the prompt
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Description of content to avoid
    #[arg(long, value_name = "PROMPT")]
    negative: Option<String>,
    /// Width and height in pixels, such as 96x64, or 64 for both
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// Number of pictures
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9999))]
    count: u32,
    /// Folder of lists for __NAME__ in prompts: text files with an entry a line
    #[arg(long, value_name = "FOLDER")]
    wildcards: Option<PathBuf>,
    /// The graph; default: graph.yaml of the models folder, or graphs/text-to-image.yaml
    #[arg(long, value_name = "FILE", value_parser = find::graph())]
    graph: Option<PathBuf>,
    /// Omits the recipe from the pictures
    #[arg(long)]
    no_metadata: bool,
    /// Sets another input, or an argument of a node, such as decoder_steps=20 or prior.model=mine.onnx
    #[arg(long, value_name = "NAME=VALUE", value_parser = paths::of_value())]
    set: Vec<(String, OsString)>,
    /// Changes the kind of a node, such as prior=acme.prior
    #[arg(long = "use", value_name = "NODE=KIND", value_parser = pairs::pair)]
    kind: Vec<(String, String)>,
    /// Makes the pictures again whenever the graph's file changes; only changed nodes run
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    previews: PreviewArgs,
    #[command(flatten)]
    setup: Setup,
}

/// Makes the pictures.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    args.prompt.iter().try_for_each(|prompt| check_prompt(prompt))?;
    if !args.output.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
        bail!("{}: pictures are written as .png; give the file such a name", args.output.display());
    }
    let pictures = match &args.prompts {
        Some(file) => Pictures::Rows(table::read(Some(file), &[])?, Pattern::read(&args.output)?),
        None => {
            args.rows.need("--prompts")?;
            Pictures::Seeds(targets(&args.output, args.count)?)
        }
    };
    let report = args.report.as_deref().map(Target::new).transpose()?;
    let (engine, graphs) = args.setup.engine_with(args.graph.as_deref(), &Texts::new())?;
    let file = match &args.graph {
        Some(path) => path.clone(),
        None => GraphFile::default_file(&args.setup.models(None)?)?,
    };
    if args.watch {
        return watch::again(&file, || make(args, &pictures, None, &file, (&engine, &graphs)).map(|_| ()));
    }
    make(args, &pictures, report.as_ref(), &file, (&engine, &graphs))
}

/// Inputs that differ between the pictures.
enum Pictures {
    /// Their seeds; a file for each.
    Seeds(Vec<Target>),
    /// The rows of a table.
    Rows(Table, Pattern),
}

/// Makes the pictures with the present content of the graph file.
fn make(
    args: &Args,
    pictures: &Pictures,
    report: Option<&Target>,
    file: &Path,
    (engine, graphs): (&Engine, &Texts),
) -> Result<ExitCode> {
    let source = GraphFile::open(file)?;
    let sets = Sets::new(&args.set);
    let (changes, inputs) = pairs::split(&sets.texts, &args.kind);
    let all: Vec<Change<'_>> = changes.iter().copied().map(Change::from).chain(sets.changes()).collect();
    let graph = source.load_with(engine, &all)?;
    source.remark(&graph);
    let job = engine.job(&graph);
    let found = sets.values(&graph)?;
    let mut given = given(args);
    given.extend(inputs.iter().map(|(name, text)| (*name, (*text).to_owned())));
    let mut texts = given.iter().filter(|(name, _)| !found.contains_key(*name));
    texts.try_for_each(|(name, text)| job.set_text(name, text))?;
    found.iter().try_for_each(|(name, value)| -> Result<()> {
        Ok(job.set(name, arrays::value(&graph.inputs()[graph.input(name)?], value)?)?)
    })?;

    let given_texts: Texts = given.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    let set = inputs.iter().rev().find(|(name, _)| *name == "seed");
    let set = set.map(|(_, text)| seed::read(text)).transpose().map_err(anyhow::Error::msg)?;
    let first = args.seed.or(set).unwrap_or_else(|| default_seed(&graph));
    let mut recipe = match args.no_metadata {
        true => None,
        false => {
            let [arguments, paths] = sets.shown();
            let given = given.into_iter().map(|(name, text)| (name.to_owned(), text));
            let inputs = given.chain(paths).collect();
            let changes = pairs::texts(&changes).into_iter().chain(arguments).collect();
            let used = used(engine, &graph, &inputs, &found)?;
            let recipe = Recipe::of(&graph, &source.text, inputs, changes, &used);
            Some(Recipe { graphs: graphs.clone(), loras: loras(engine)?, ..recipe })
        }
    };
    let targets = match pictures {
        Pictures::Seeds(targets) => targets,
        Pictures::Rows(table, pattern) => {
            let texts = |name: &str| !found.contains_key(name) && name != "seed";
            let batch = Batch {
                engine,
                graph: &graph,
                inputs: given_texts.into_iter().filter(|(name, _)| texts(name)).collect(),
                found,
                first_seed: Some(first),
                outputs: vec![("image".to_owned(), Format::Png, pattern.clone())],
                recipe,
                marks: args.setup.marks(),
                check: |name, text| if name == "prompt" { check_prompt(text) } else { Ok(()) },
            };
            let mut progress = Progress::new(args.previews.open(args.setup.marks())?);
            return table::make(&batch, table, &args.rows, report, &mut progress);
        }
    };
    check_seeds(&graph, first, args.count)?;
    let prompts = prompts(args, &inputs, first)?;
    Format::Png.holds("image", &graph.outputs()[graph.output("image")?].ty)?;
    let mut progress = Progress::new(args.previews.open(args.setup.marks())?);
    for (index, target) in targets.iter().enumerate() {
        let start = Instant::now();
        let seed = first + i128::try_from(index)?;
        job.set("seed", Value::Int(seed))?;
        for (name, text) in &prompts[index] {
            job.set_text(name, text)?;
            if let Some(recipe) = &mut recipe {
                recipe.inputs.insert((*name).to_owned(), text.clone());
            }
        }
        progress.picture(index + 1, targets.len());
        let image = job.get("image", &mut progress)?;
        if let Some(recipe) = &mut recipe {
            recipe.output = "image".to_owned();
            recipe.inputs.insert("seed".to_owned(), effective_seed(seed).to_string());
        }
        let mut about = recipe.as_ref().map_or(Ok(vec![]), Recipe::pairs)?;
        about.extend(picture::mark(job.origin("image")?, args.setup.marks()));
        target.write(&picture::encode("image", &image, &about)?)?;
        progress.done();
        let (file, seconds) = (target.path().display(), start.elapsed().as_secs_f64());
        let chosen =
            prompts[index].iter().map(|(name, text)| format!(", {name} \"{}\"", printable_line(text)));
        let chosen: String = chosen.collect();
        say(format_args!("{file}: {}, seed {}, {seconds:.1} s{chosen}", image.ty(), seed::shown(seed)));
    }
    Ok(ExitCode::SUCCESS)
}

/// For each picture, the prompts that have choices, with the choices made by its seed.
fn prompts<'a>(args: &'a Args, set: &Pairs<'_>, first: i128) -> Result<Vec<Vec<(&'a str, String)>>> {
    let own = [("prompt", args.prompt.as_ref()), ("negative", args.negative.as_ref())];
    let own = own.into_iter().filter_map(|(name, text)| Some((name, text?)));
    // A prompt that --set replaces is read as it stands.
    let own: Vec<_> = own.filter(|(name, _)| set.iter().all(|(other, _)| other != name)).collect();
    let mut wildcards = Wildcards::new(args.wildcards.as_deref());
    let mut of_seed = |seed: i128| {
        let mut chosen = Vec::new();
        for (name, text) in &own {
            let resolved = wildcards.resolve(text, effective_seed(seed).into())?;
            if resolved != **text {
                chosen.push((*name, resolved));
            }
        }
        Ok(chosen)
    };
    (0..args.count).map(|index| of_seed(first.saturating_add(index.into()))).collect()
}

fn check_prompt(prompt: &str) -> Result<()> {
    match prompt.split_whitespace().count() {
        0 => bail!("the prompt is empty: say what the picture shows, as \"a red apple\""),
        words if words > WORDS => {
            bail!("the prompt has {words} words: give {WORDS} at most, and the first few dozen count")
        }
        _ => Ok(()),
    }
}

/// Checks the last seed, which may be too large, before the first picture is made.
fn check_seeds(graph: &Graph, first: i128, count: u32) -> Result<()> {
    let last = first.saturating_add(i128::from(count) - 1);
    if !is_whole(last) {
        bail!(
            "{count} pictures from seed {first} on: the seed is too large for so many pictures, since the largest is {}; \
             give a smaller --seed",
            u64::MAX
        );
    }
    let port = graph.inputs().iter().find(|port| port.name == "seed");
    let allowed = port.map_or(Ok(()), |port| port.allows(&Value::Int(last)));
    allowed
        .map_err(|message| anyhow!("seed: of the last of {count} pictures: {message}; give a smaller --seed"))
}

/// Files to write: one, or a numbered one for each picture.
fn targets(output: &Path, count: u32) -> Result<Vec<Target>> {
    if count == 1 {
        return Ok(vec![Target::new(output)?]);
    }
    (1..=count).map(|number| Target::new(&numbered(output, number))).collect()
}

/// Inputs set by options, as text, in the order of the options.
fn given(args: &Args) -> Vec<(&str, String)> {
    let number = |number: Option<i64>| number.map(|n| n.to_string());
    let side = |side: fn(&Size) -> i64| args.size.as_ref().map(|size| side(size).to_string());
    let given = [
        ("prompt", args.prompt.clone()),
        ("negative", args.negative.clone()),
        ("steps", number(args.steps)),
        ("guidance", args.guidance.map(|x| x.to_string())),
        ("width", side(|size| size.width)),
        ("height", side(|size| size.height)),
    ];
    given.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// The graph's own seed.
fn default_seed(graph: &Graph) -> i128 {
    match graph.inputs().iter().find(|port| port.name == "seed").and_then(|port| port.default.clone()) {
        Some(Value::Int(seed)) => seed,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_say_something_and_not_too_much() {
        assert!(check_prompt(" \n").is_err() && check_prompt(&"word ".repeat(10_000)).is_err());
        assert!(check_prompt("🍎").is_ok());
    }
}

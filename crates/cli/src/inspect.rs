//! `wuerst inspect`: shows inputs, outputs and cost of stage models, and tells what other files are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use wuerst::Device;
use wuerst::core::printable_line;
use wuerst::stages::{Contract, Cuda, ModelHeader, Outlet};
use wuerst_model::contract::Sizes;
use wuerst_model::count::{self, Cost};
use wuerst_model::metadata::{Metadata, MetadataError};

use crate::fits::{self, DeviceMemory, Stage};
use crate::inspect_file;
use crate::say::say;
use crate::size::{Size, bytes, scaled};

/// Show inputs, outputs and cost of stage models, or tell what another file is
///
/// The content decides, not the name: a LoRA with the network that it fits, a ControlNet, a single network or a bundle, a
/// picture with its recipe, a graph, settings.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model, a folder of models, or any file
    path: PathBuf,
    /// Size of the picture for the costs, such as 1024x768, or 512 for both; default: the size that the prior makes best
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// Memory of a device, such as 8GB: says which stages stay there, which are loaded for each picture, and which do not fit
    #[arg(long, value_name = "SIZE")]
    fits: Option<DeviceMemory>,
}

/// A model file, as far as it can be read.
struct Model {
    path: PathBuf,
    header: ModelHeader,
}

/// Prints the models.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.path.is_file()
        && let Some((kind, facts)) = inspect_file::describe(&args.path)?
    {
        say(format_args!("{}\n  {:14} {kind}", args.path.display(), "kind"));
        facts.iter().for_each(|(name, value)| say(format_args!("  {name:14} {value}")));
        return Ok(ExitCode::SUCCESS);
    }
    let models = models(&args.path)?;
    let size = match args.size {
        Some(Size { width, height }) => [side(width)?, side(height)?],
        None => [native(&models); 2],
    };
    if let Some(memory) = args.fits {
        let stages: Vec<Stage> = ORDER.iter().flat_map(|contract| stages(&models, *contract, size)).collect();
        if stages.is_empty() {
            bail!("{} holds no stage of text to image: `--fits` plans those", args.path.display());
        }
        let [width, height] = size;
        say(format_args!("{}", fits::text(&stages, memory, &format!("{width}x{height} pixels"))));
        return Ok(ExitCode::SUCCESS);
    }
    let mut sums = [0; 4];
    for (index, model) in models.iter().enumerate() {
        let gap = if index > 0 { "\n" } else { "" };
        let (text, costs) = describe(model, size);
        say(format_args!("{gap}{}", text.trim_end()));
        sums = [0, 1, 2, 3].map(|i| if i == 3 { sums[i].max(costs[i]) } else { sums[i] + costs[i] });
    }
    if models.len() > 1 {
        let [parameters, size_of_files, macs, memory] = sums;
        say(format_args!(
            "\n{} models: {} parameters, {}, {} MACs to run each once, {} of activations at most",
            models.len(),
            grouped(parameters),
            bytes(size_of_files),
            scaled(macs, "").trim_end(),
            bytes(memory)
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The stages of text to image, in the order in which they run.
const ORDER: [Contract; 4] =
    [Contract::TextEncoder, Contract::Prior, Contract::Decoder, Contract::VqganDecoder];

/// The models of a contract, and what they take of a GPU for a picture of this size, with guidance.
fn stages(models: &[Model], contract: Contract, size: [usize; 2]) -> impl Iterator<Item = Stage> {
    let of = move |model: &&Model| model.metadata().is_some_and(|metadata| metadata.contract() == contract);
    models.iter().filter(of).map(move |model| {
        // Guidance evaluates two conditions at once.
        let guided = matches!(contract, Contract::Prior | Contract::Decoder);
        let evaluation = model.cost_of(size, if guided { 2 } else { 1 }).ok().map(|cost| cost.arena_bytes);
        // Intermediate values are counted in f32.
        let share = if model.header.computes_in_f16() { 2 } else { 1 };
        Stage {
            name: model.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            weights: model.header.memory_on(&Device::Cuda(Cuda::default())),
            evaluation: evaluation.map(|bytes| bytes / share),
            remembered: contract == Contract::TextEncoder,
            tiled: contract == Contract::VqganDecoder,
        }
    })
}

fn side(pixels: i64) -> Result<usize> {
    usize::try_from(pixels)
        .ok()
        .filter(|side| (1..=65_536).contains(side))
        .context("a side is 1 to 65536 pixels")
}

/// The model at `path`, or the models in that folder, by name.
fn models(path: &Path) -> Result<Vec<Model>> {
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|e| anyhow!("{} cannot be read: {e}", path.display()))?;
        paths = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "onnx"));
        paths.sort();
        if paths.is_empty() {
            bail!("{} holds no .onnx file: name a model, or a folder of stage models", path.display());
        }
    } else if !path.exists() {
        bail!("no model or folder {}", path.display());
    }
    let read = |path: PathBuf| match ModelHeader::read(&path) {
        Ok(header) => match header.metadata() {
            Err(error) if error != MetadataError::NoContract => bail!("{}: {error}", path.display()),
            _ => Ok(Model { path, header }),
        },
        Err(error) => bail!("{}: {error}", path.display()),
    };
    paths.into_iter().map(read).collect()
}

impl Model {
    fn metadata(&self) -> Option<Metadata> {
        self.header.metadata().ok()
    }

    /// Cost of the network for a picture of this size, if the file states its network.
    fn cost(&self, size: [usize; 2]) -> Result<Cost, String> {
        self.cost_of(size, 1)
    }

    /// [`Model::cost`] of several pictures at once.
    fn cost_of(&self, size: [usize; 2], batch: usize) -> Result<Cost, String> {
        let unknown = "not known: the file does not state its network";
        let (network, metadata) = self.header.network().zip(self.metadata()).ok_or(unknown)?;
        let graph =
            network.graph(&Sizes { batch, ..network.sizes(&metadata, size)? }).map_err(|e| e.to_string())?;
        Ok(count::cost_as(&graph, self.header.written_as()))
    }
}

/// The size that the prior among the models makes best; without a prior, that of published models.
fn native(models: &[Model]) -> usize {
    let prior = models.iter().find_map(|model| match model.metadata() {
        Some(Metadata::Prior(metadata)) => Some(metadata.native_size),
        _ => None,
    });
    prior.unwrap_or(1024)
}

/// The description of a model, and its parameters, bytes, MACs and memory.
fn describe(model: &Model, size @ [width, height]: [usize; 2]) -> (String, [u64; 4]) {
    let header = &model.header;
    let contract = model.metadata().map(|metadata| metadata.contract());
    let kept = match contract.map(|contract| (contract, header.check(contract, &model.path))) {
        Some((contract, Ok(_))) => format!("{contract}: {}", contract.signature_of(|name| header.has(name))),
        Some((_, Err(error))) => error.to_string(),
        None => match header.metadata() {
            Ok(_) => "none that is known".to_owned(),
            Err(error) => format!("none: {error}"),
        },
    };
    let cost = model.cost(size);
    let parameters = cost.as_ref().map_or(header.parameters, |cost| cost.params);
    let at = format!("for {width}x{height} pixels");
    let costs = match &cost {
        Ok(cost) => [
            format!("{} {at}", scaled(cost.macs, "").trim_end()),
            format!(
                "{} at most at once, in {} from the system{}, {at}",
                bytes(cost.activation_bytes),
                bytes(cost.arena_bytes),
                match cost.kept_bytes {
                    0 => String::new(),
                    kept => format!(", and {} kept from step to step on the CPU", bytes(kept)),
                }
            ),
        ],
        Err(message) => [message.clone(), message.clone()],
    };
    let listed = |outlets: &[Outlet]| -> Vec<String> {
        outlets.iter().map(|outlet| format!("{}: {outlet}", outlet.name)).collect()
    };
    let [macs, activations] = costs;
    let mut lines = vec![
        ("contract", kept),
        ("parameters", grouped(parameters)),
        ("bytes", format!("{} ({})", grouped(header.bytes), bytes(header.bytes))),
        ("MACs", macs),
        ("activations", activations),
        ("inputs", listed(&header.inputs).join(", ")),
        ("outputs", listed(&header.outputs).join(", ")),
    ];
    if !header.domains.is_empty() {
        lines.push(("operators", format!("standard, and those of {}", header.domains.join(", "))));
    }
    for (index, (key, value)) in header.properties.iter().enumerate() {
        lines.push((
            if index == 0 { "metadata" } else { "" },
            printable_line(&format!("{key} = {value}")).into_owned(),
        ));
    }
    let mut text = format!("{}\n", model.path.display());
    for (name, value) in lines {
        text.push_str(&format!("  {name:14} {value}\n"));
    }
    let (work, memory) = cost.map_or((0, 0), |cost| (cost.macs, cost.activation_bytes + cost.kept_bytes));
    (text, [parameters, header.bytes, work, memory])
}

/// A number with its digits in groups of three: `993,636,896`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_groups() {
        assert_eq!([0, 12, 1234, 993_636_896].map(grouped), ["0", "12", "1,234", "993,636,896"]);
    }
}

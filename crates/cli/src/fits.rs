//! `wuerst inspect DIR --fits 8GB`: which stages stay in a device's memory, which are loaded for each picture, and which have
//! no room.

use std::str::FromStr;

use wuerst::core::ByteSize;

use crate::size::bytes;

/// Left to the driver, to NVIDIA's libraries and to what else uses the device.
const RESERVED: u64 = 800_000_000;

/// A device's memory, such as `8GB`: as cards are sold, of 2³⁰ bytes each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DeviceMemory(pub(crate) u64);

impl FromStr for DeviceMemory {
    type Err = String;

    fn from_str(text: &str) -> Result<DeviceMemory, String> {
        let text = text.trim().to_ascii_uppercase();
        let short = text.strip_suffix("B").filter(|rest| rest.ends_with(['K', 'M', 'G'])).unwrap_or(&text);
        match short.parse() {
            Ok(ByteSize(bytes)) if bytes > RESERVED => Ok(DeviceMemory(bytes)),
            Ok(_) => Err(format!("{} are left to the driver: name more", self::bytes(RESERVED))),
            Err(_) => Err("write it as 8GB or 6500MB".to_owned()),
        }
    }
}

/// Memory that a stage takes on the device, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) weights: u64,
    /// Arguments, intermediates and results of one evaluation; `None` if the model does not state its network.
    pub(crate) evaluation: Option<u64>,
    /// Whether its results are remembered for the next picture of the same prompt.
    pub(crate) remembered: bool,
    /// Whether it computes large pictures in tiles, within the memory that its node is given.
    pub(crate) tiled: bool,
}

impl Stage {
    /// Bytes of an evaluation with `available` bytes on the device; tiles take at most a quarter of them.
    fn evaluation_within(&self, available: u64) -> u64 {
        let most = if self.tiled { available / 4 } else { u64::MAX };
        self.evaluation.unwrap_or(0).min(most)
    }

    fn together(&self, available: u64) -> u64 {
        self.weights.saturating_add(self.evaluation_within(available))
    }
}

/// Stages that stay on the device and stages that are loaded again, in the order in which a picture runs them.
#[derive(Debug, PartialEq)]
struct Plan {
    /// The budget for weights, `--model-memory`, that leaves room for the largest evaluation.
    budget: u64,
    /// Stages with weights and evaluation that exceed the memory together.
    too_large: Vec<usize>,
    /// Stages loaded again for a next picture with another prompt.
    reloaded: Vec<usize>,
    /// Stages loaded again for a picture with the prompt of the picture before.
    reloaded_for_same: Vec<usize>,
}

impl Plan {
    fn of(stages: &[Stage], available: u64) -> Plan {
        let too_large = (0..stages.len()).filter(|&i| stages[i].together(available) > available).collect();
        let largest = stages.iter().map(|stage| stage.evaluation_within(available)).max().unwrap_or(0);
        let budget = available.saturating_sub(largest);
        let all: Vec<usize> = (0..stages.len()).collect();
        let others: Vec<usize> = all.iter().copied().filter(|&i| !stages[i].remembered).collect();
        let mut loaded = vec![];
        run(stages, &all, budget, &mut loaded);
        let mut same = loaded.clone();
        let reloaded = run(stages, &all, budget, &mut loaded);
        // The first run of the same prompt settles which of the others stay.
        run(stages, &others, budget, &mut same);
        Plan { budget, too_large, reloaded, reloaded_for_same: run(stages, &others, budget, &mut same) }
    }
}

/// Runs stages as the engine does: before one is loaded, those unused for longest are unloaded until the budget is kept.
/// Returns those that were loaded.
fn run(stages: &[Stage], order: &[usize], budget: u64, loaded: &mut Vec<usize>) -> Vec<usize> {
    let mut fresh = vec![];
    for &stage in order {
        match loaded.iter().position(|other| *other == stage) {
            Some(at) => drop(loaded.remove(at)),
            None => {
                let sum = |loaded: &[usize]| loaded.iter().map(|&other| stages[other].weights).sum::<u64>();
                while !loaded.is_empty() && sum(loaded) + stages[stage].weights > budget {
                    loaded.remove(0);
                }
                fresh.push(stage);
            }
        }
        loaded.push(stage);
    }
    fresh
}

/// The plan in words; `at` is the size of the picture.
pub(crate) fn text(stages: &[Stage], DeviceMemory(memory): DeviceMemory, at: &str) -> String {
    let available = memory - RESERVED;
    let plan = Plan::of(stages, available);
    let mut lines = vec![format!(
        "{} for {at}, of which {} are left to the driver: {}",
        bytes(memory),
        bytes(RESERVED),
        bytes(available)
    )];
    lines.push(format!("  {:16} {:>9} {:>12}", "stage", "weights", "evaluation"));
    for (index, stage) in stages.iter().enumerate() {
        let evaluation = stage.evaluation.map_or("not known".to_owned(), bytes);
        let (within, together) = (stage.evaluation_within(available), stage.together(available));
        let fate = if plan.too_large.contains(&index) {
            format!("does not fit: {} together are more than {}", bytes(together), bytes(available))
        } else if plan.reloaded_for_same.contains(&index) {
            "is loaded for each picture".to_owned()
        } else if plan.reloaded.contains(&index) {
            "is loaded for each prompt".to_owned()
        } else {
            "stays".to_owned()
        };
        let tiles = match stage.evaluation {
            Some(whole) if whole > within => format!(", in tiles with `--set vqgan.memory={}`", within >> 20),
            _ => String::new(),
        };
        lines.push(format!(
            "  {:16} {:>9} {evaluation:>12}  {fate}{tiles}",
            stage.name,
            bytes(stage.weights)
        ));
    }
    let weights = stages.iter().map(|stage| stage.weights).sum();
    lines.push(format!("  {:16} {:>9}", "all", bytes(weights)));
    lines.push(match plan.too_large.is_empty() {
        true => format!("wuerst run --devices cuda:0 --model-memory {}M", plan.budget >> 20),
        false => "What does not fit runs on the CPU (`--stage-devices STAGE=cpu`), at a smaller size, or in f16 (`wuerst \
                  convert --for cuda --compute f16`)"
            .to_owned(),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    /// The published sizes at 1024 pixels, in tenths of a gigabyte.
    fn published(half: bool) -> Vec<Stage> {
        let divide = if half { 2 } else { 1 };
        let stages = [
            ("text-encoder", 28, 1, true),
            ("prior", 40, 2, false),
            ("text-encoder-b", 14, 1, true),
            ("decoder", 42, 9, false),
            ("vqgan-decoder", 1, 30, false),
        ];
        let tenths = |number: u64| number * GB / 10 / divide;
        let stage = |(name, weights, evaluation, remembered): (&str, u64, u64, bool)| Stage {
            name: name.to_owned(),
            weights: tenths(weights),
            evaluation: Some(tenths(evaluation)),
            remembered,
            tiled: name == "vqgan-decoder",
        };
        stages.map(stage).to_vec()
    }

    #[test]
    fn half_precision_stays_on_a_small_card() {
        let wide = Plan::of(&published(false), 72 * GB / 10);
        // 5.4 GB for weights: no two large networks stay.
        assert_eq!((wide.budget, &wide.reloaded[..]), (54 * GB / 10, &[0, 1, 2, 3, 4][..]));
        assert_eq!(wide.reloaded_for_same, [1, 3, 4]);
        let half = Plan::of(&published(true), 72 * GB / 10);
        assert_eq!((half.budget, half.reloaded.len()), (57 * GB / 10, 5));
        assert!(half.reloaded_for_same.is_empty(), "{half:?}");
        let large = Plan::of(&published(false), 24 * GB);
        let swapped = large.too_large.len() + large.reloaded.len() + large.reloaded_for_same.len();
        assert_eq!(swapped, 0, "{large:?}");
    }

    #[test]
    fn what_has_no_room_is_said() {
        let memory: DeviceMemory = "4GB".parse().unwrap();
        assert_eq!(memory, DeviceMemory(4 << 30));
        let said = text(&published(false), memory, "1024x1024 pixels");
        assert!(
            said.contains("4.29 GB for 1024x1024 pixels, of which 800 MB are left to the driver: 3.49 GB"),
            "{said}"
        );
        assert!(said.contains("does not fit: 4.20 GB together are more than 3.49 GB"), "{said}");
        assert!(
            said.contains("--stage-devices") && said.contains("in tiles with `--set vqgan.memory=833`"),
            "{said}"
        );
        let said = text(&published(false), DeviceMemory(32 << 30), "1024x1024 pixels");
        assert!(said.contains("stays") && said.contains("--model-memory 2"), "{said}");
        for wrong in ["", "8", "700MB", "8TB", "-1G"] {
            assert!(wrong.parse::<DeviceMemory>().is_err(), "{wrong}");
        }
        assert_eq!("6500MB".parse(), Ok(DeviceMemory(6500 << 20)));
    }
}

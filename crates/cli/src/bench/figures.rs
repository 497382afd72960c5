//! Medians of measurements, as a table and as JSON.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wuerst::stages::PeakThroughput;

use crate::size::{bytes, scaled};

/// The middle of several measurements, with the least and the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Median {
    pub(super) least: f64,
    pub(super) middle: f64,
    pub(super) greatest: f64,
}

impl Median {
    /// Median of times, in milliseconds.
    pub(super) fn of(times: impl IntoIterator<Item = Duration>) -> Median {
        Median::of_numbers(times.into_iter().map(|time| time.as_secs_f64() * 1e3))
    }

    /// Median of numbers; 0 if there are none.
    pub(super) fn of_numbers(numbers: impl IntoIterator<Item = f64>) -> Median {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (Some(&least), Some(&greatest)) = (numbers.first(), numbers.last()) else {
            return Median::default();
        };
        let half = numbers.len() / 2;
        let middle = match numbers.len() % 2 {
            0 => f64::midpoint(numbers[half - 1], numbers[half]),
            _ => numbers[half],
        };
        Median { least, middle, greatest }
    }

    pub(super) fn to_json(self) -> Json {
        json!({ "median": self.middle, "least": self.least, "greatest": self.greatest })
    }
}

/// Times of a node, in milliseconds.
pub(super) struct StageFigures {
    pub(super) node: String,
    pub(super) whole: Median,
    /// Part spent in models.
    pub(super) models: Median,
    /// MACs of these models, as far as they state their networks.
    pub(super) macs: u64,
    /// Measured peak bytes of an evaluation's own values, and the predicted ones; 0 if unknown.
    pub(super) memory: u64,
    pub(super) predicted_memory: u64,
}

impl StageFigures {
    /// MACs per second of its models; 0 if unknown.
    fn speed(&self) -> f64 {
        if self.models.middle > 0. { self.macs as f64 / self.models.middle * 1e3 } else { 0. }
    }
}

/// Measurements of a graph.
pub(super) struct Figures {
    pub(super) runs: usize,
    pub(super) devices: Vec<String>,
    pub(super) stages: Vec<StageFigures>,
    /// The fastest matrix product on this machine.
    pub(super) peak_throughput: PeakThroughput,
    /// A run with loaded models and nothing remembered, in milliseconds.
    pub(super) run: Median,
    /// Part not spent in models.
    pub(super) overhead: Median,
    /// A run with everything remembered, in milliseconds.
    pub(super) cached: Median,
    /// A whole process with one run, in milliseconds.
    pub(super) cold: Median,
    /// Loading of models and runtime, once.
    pub(super) load: Duration,
    /// Peak memory of this process, in bytes.
    pub(super) peak: Option<u64>,
}

impl Figures {
    pub(super) fn table(&self) -> String {
        let mut lines = vec![format!(
            "medians of {} runs on {}, in milliseconds (least to greatest)",
            self.runs,
            self.devices.join(", ")
        )];
        let width = self.stages.iter().map(|stage| stage.node.chars().count()).max().unwrap_or(0).max(22);
        let line = |name: &str, time: Median, more: String| {
            let (middle, spread) = (time.middle, format!("({:.2} to {:.2})", time.least, time.greatest));
            format!("  {name:width$} {middle:10.2}  {spread:22}{more}").trim_end().to_owned()
        };
        for stage in &self.stages {
            let speed = match stage.speed() {
                0. => String::new(),
                speed => {
                    let share = speed / self.peak_throughput.macs_per_second * 100.;
                    format!(", {}MAC/s, {share:.0} % of the peak", scaled(speed as u64, ""))
                }
            };
            let memory = match (stage.memory, stage.predicted_memory) {
                (0, _) => String::new(),
                (held, 0) => format!(", holds {}", bytes(held)),
                (held, predicted) => format!(", holds {} of {} predicted", bytes(held), bytes(predicted)),
            };
            let more = format!("{:10.2} in models{speed}{memory}", stage.models.middle);
            lines.push(line(&stage.node, stage.whole, more));
        }
        let overhead = self.overhead.middle * 100.;
        lines.push(line("run", self.run, format!("{overhead:9.2} % not in models")));
        lines.push(line("everything remembered", self.cached, String::new()));
        lines.push(line("a new process", self.cold, String::new()));
        lines.push(line("loading, once", Median::of([self.load]), String::new()));
        let PeakThroughput { macs_per_second, product: [rows, inner, columns], device } =
            &self.peak_throughput;
        lines.push(format!(
            "  {:width$} {:>10}MAC/s, a matrix product of {rows}x{inner} and {inner}x{columns} on {device}",
            "peak",
            scaled(*macs_per_second as u64, "")
        ));
        if let Some(peak) = self.peak {
            lines.push(format!("  {:width$} {:>10}", "peak memory", bytes(peak)));
        }
        lines.join("\n")
    }

    pub(super) fn to_json(&self) -> Json {
        let stages = self.stages.iter().map(|stage| {
            json!({
                "node": stage.node,
                "milliseconds": stage.whole.to_json(),
                "inference_milliseconds": stage.models.to_json(),
                "macs": stage.macs,
                "macs_per_second": stage.speed(),
                "memory_bytes": stage.memory,
                "predicted_memory_bytes": stage.predicted_memory,
            })
        });
        json!({
            "runs": self.runs,
            "devices": self.devices,
            "nodes": stages.collect::<Vec<_>>(),
            "run_milliseconds": self.run.to_json(),
            "overhead": self.overhead.to_json(),
            "remembered_milliseconds": self.cached.to_json(),
            "process_milliseconds": self.cold.to_json(),
            "loading_milliseconds": self.load.as_secs_f64() * 1e3,
            "peak_bytes": self.peak,
            "peak_macs_per_second": self.peak_throughput.macs_per_second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_middle() {
        let of = |numbers: &[f64]| Median::of_numbers(numbers.iter().copied());
        assert_eq!(of(&[3., 1., 2.]), Median { least: 1., middle: 2., greatest: 3. });
        assert_eq!(of(&[4., 1., 2., 3.]).middle, 2.5);
        assert_eq!(of(&[]), Median::default());
    }
}

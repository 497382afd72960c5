//! What a run did, node by node.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};
use wuerst_core::Usage;

/// What a run did: hosts show it, and tests hold the cache to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The nodes that were needed and dealt with, each after those that it uses. A run that failed or was
    /// cancelled reports those that it got to.
    pub nodes: Vec<NodeReport>,
    /// How long the whole run took.
    pub duration: Duration,
}

/// What became of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReport {
    /// The node's name in the graph.
    pub node: String,
    /// What it computes, as `wuerst.prior`.
    pub kind: String,
    /// Whether it ran, and why.
    pub outcome: Outcome,
    /// How long it ran; of a node that was reused, how long its results took to read or to wait for.
    pub duration: Duration,
    /// The size of its results, in bytes of memory.
    pub bytes: usize,
    /// What it took of the machine. Nothing when it was reused.
    pub usage: Usage,
}

/// Whether a node ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Ran(RunReason),
    /// Its remembered results were used.
    Reused(CacheHit),
}

/// Why a node ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunReason {
    /// It was never asked for before, as far as is remembered.
    New,
    /// These arguments differ from those that a node of this name and kind had the last time.
    Changed(Vec<String>),
    /// Its result was known, but the value had been evicted.
    Evicted,
    /// It has side effects and is run every time.
    Volatile,
}

/// Why a node's remembered results could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheHit {
    /// Its arguments are those of the last time.
    Unchanged,
    /// Nodes before it ran, and gave what they had given before (early cut-off).
    CutOff,
    /// Its arguments are not those of the last time, but of a time before.
    Remembered,
    /// Another process, or an earlier one, left them in the cache folder.
    Stored,
    /// Another job was computing the same at the same time.
    Shared,
}

impl Report {
    /// The nodes that ran, each once.
    pub fn ran(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(|node| matches!(node.outcome, Outcome::Ran(_)))
    }

    /// The nodes whose remembered results were used.
    pub fn reused(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(|node| matches!(node.outcome, Outcome::Reused(_)))
    }

    /// What all nodes together took of the machine.
    pub fn usage(&self) -> Usage {
        self.nodes.iter().fold(Usage::default(), |mut sum, node| {
            sum.add(&node.usage);
            sum
        })
    }

    /// The report as JSON, the same in every language:
    ///
    /// ```json
    /// { "milliseconds": 812.4,
    ///   "nodes": [ { "node": "prior", "kind": "wuerst.prior",
    ///                "did": "ran", "why": "changed", "changed": ["seed"],
    ///                "milliseconds": 301.7, "inference_milliseconds": 296.2, "loading_milliseconds": 0.0,
    ///                "bytes": 2360, "devices": ["cpu"] } ] }
    /// ```
    ///
    /// `did` is `ran` or `reused`. `why` is `new`, `changed` (then `changed` names arguments, else it is empty),
    /// `evicted` or `volatile` of a node that ran; `unchanged`, `cut-off`, `remembered`, `stored` or `shared` of one
    /// that was reused: see [`RunReason`] and [`CacheHit`]. Later versions may add fields and reasons.
    pub fn to_json(&self) -> Json {
        let nodes: Vec<Json> = self.nodes.iter().map(NodeReport::to_json).collect();
        json!({ "milliseconds": milliseconds(self.duration), "nodes": nodes })
    }
}

impl NodeReport {
    /// This and another of the same node, for other results of a batch: it ran if one of them did.
    pub(crate) fn and(mut self, other: NodeReport) -> NodeReport {
        if matches!((&self.outcome, &other.outcome), (Outcome::Reused(_), Outcome::Ran(_))) {
            self.outcome = other.outcome;
        }
        self.duration += other.duration;
        self.bytes += other.bytes;
        self.usage.add(&other.usage);
        self
    }

    fn to_json(&self) -> Json {
        let changed = match &self.outcome {
            Outcome::Ran(RunReason::Changed(names)) => names.as_slice(),
            _ => &[],
        };
        json!({
            "node": self.node,
            "kind": self.kind,
            "did": if matches!(self.outcome, Outcome::Ran(_)) { "ran" } else { "reused" },
            "why": self.outcome.name(),
            "changed": changed,
            "milliseconds": milliseconds(self.duration),
            "inference_milliseconds": milliseconds(self.usage.inference),
            "loading_milliseconds": milliseconds(self.usage.loading),
            "bytes": self.bytes,
            "memory_bytes": self.usage.memory,
            "devices": self.usage.devices,
        })
    }
}

/// To the microsecond: more digits would only be noise.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Outcome::Ran(RunReason::New) => "new",
            Outcome::Ran(RunReason::Changed(_)) => "changed",
            Outcome::Ran(RunReason::Evicted) => "evicted",
            Outcome::Ran(RunReason::Volatile) => "volatile",
            Outcome::Reused(CacheHit::Unchanged) => "unchanged",
            Outcome::Reused(CacheHit::CutOff) => "cut-off",
            Outcome::Reused(CacheHit::Remembered) => "remembered",
            Outcome::Reused(CacheHit::Stored) => "stored",
            Outcome::Reused(CacheHit::Shared) => "shared",
        }
    }
}

/// The reason, for people.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Ran(RunReason::Changed(names)) => return write!(f, "changed: {}", names.join(", ")),
            Outcome::Ran(RunReason::New) => "new",
            Outcome::Ran(RunReason::Evicted) => "its result was evicted",
            Outcome::Ran(RunReason::Volatile) => "it has side effects",
            Outcome::Reused(CacheHit::Unchanged) => "nothing changed",
            Outcome::Reused(CacheHit::CutOff) => "what came before it gave the same again",
            Outcome::Reused(CacheHit::Remembered) => "remembered from an earlier run",
            Outcome::Reused(CacheHit::Stored) => "from the cache folder",
            Outcome::Reused(CacheHit::Shared) => "another job computed it at the same time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_the_fields_that_are_promised() {
        let usage = Usage::inference("cpu", Duration::from_micros(1500)).holding(4096, 4000);
        let node = NodeReport {
            node: "prior".into(),
            kind: "wuerst.prior".into(),
            outcome: Outcome::Ran(RunReason::Changed(vec!["seed".into()])),
            duration: Duration::from_millis(2),
            bytes: 64,
            usage,
        };
        let reused = NodeReport {
            outcome: Outcome::Reused(CacheHit::CutOff),
            usage: Usage::default(),
            ..NodeReport { node: "text".into(), ..node.clone() }
        };
        let report = Report { nodes: vec![node, reused], duration: Duration::from_millis(3) };
        let json = report.to_json();
        assert_eq!(json["milliseconds"], 3.0);
        let expected = json!({
            "node": "prior", "kind": "wuerst.prior", "did": "ran", "why": "changed", "changed": ["seed"],
            "milliseconds": 2.0, "inference_milliseconds": 1.5, "loading_milliseconds": 0.0,
            "bytes": 64, "memory_bytes": 4096, "devices": ["cpu"]
        });
        assert_eq!(json["nodes"][0], expected);
        assert_eq!(
            (&json["nodes"][1]["did"], &json["nodes"][1]["why"]),
            (&json!("reused"), &json!("cut-off"))
        );
        assert_eq!((report.ran().count(), report.reused().count()), (1, 1));
        assert_eq!(report.usage().inference, Duration::from_micros(1500));
    }
}

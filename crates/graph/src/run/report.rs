//! Report of a run, node by node.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};
use wuerst_core::Usage;

/// Report of a run, for hosts and for tests of the cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Needed nodes that were resolved, each after those that it uses. A failed or cancelled run reports the nodes that
    /// it reached.
    pub nodes: Vec<NodeReport>,
    /// How long the whole run took.
    pub duration: Duration,
}

/// Report of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReport {
    /// The node's name in the graph.
    pub node: String,
    /// Node kind, such as `wuerst.prior`.
    pub kind: String,
    /// Whether it ran, with the reason.
    pub outcome: Outcome,
    /// Run time; for a reused node, the time to read its results or to wait for them.
    pub duration: Duration,
    /// Size of its results in memory, in bytes.
    pub bytes: usize,
    /// Resource usage; zero if it was reused.
    pub usage: Usage,
}

/// Whether a node ran, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The node ran.
    Ran(RunReason),
    /// The node's remembered results were used.
    Reused(CacheHit),
}

/// Why a node ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunReason {
    /// No earlier run of the node is remembered.
    New,
    /// These arguments differ from the last run of a node with this name and kind.
    Changed(Vec<String>),
    /// The result was known, but the value had been evicted.
    Evicted,
    /// The node has side effects and runs every time.
    Volatile,
}

/// Why a node's remembered results could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheHit {
    /// The arguments are unchanged since the last run.
    Unchanged,
    /// Earlier nodes ran, but returned the same values as before (early cut-off).
    CutOff,
    /// The arguments equal those of an earlier run, but not of the last one.
    Remembered,
    /// The results were read from the cache folder.
    Stored,
    /// Another job was computing the same result.
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

    /// Total resource usage of all nodes.
    pub fn usage(&self) -> Usage {
        self.nodes.iter().fold(Usage::default(), |mut sum, node| {
            sum.add(&node.usage);
            sum
        })
    }

    /// The report as JSON; all languages use this form:
    ///
    /// ```json
    /// { "milliseconds": 812.4,
    ///   "nodes": [ { "node": "prior", "kind": "wuerst.prior",
    ///                "did": "ran", "why": "changed", "changed": ["seed"],
    ///                "milliseconds": 301.7, "inference_milliseconds": 296.2, "loading_milliseconds": 0.0,
    ///                "bytes": 2360, "memory_bytes": 457216, "tiles": 0, "devices": ["cpu"] } ] }
    /// ```
    ///
    /// `did` is `ran` or `reused`. `why` is `new`, `changed` (`changed` then lists the arguments), `evicted` or
    /// `volatile` for a node that ran; `unchanged`, `cut-off`, `remembered`, `stored` or `shared` for a reused one: see
    /// [`RunReason`] and [`CacheHit`]. Later versions may add fields and reasons.
    pub fn to_json(&self) -> Json {
        let nodes: Vec<Json> = self.nodes.iter().map(NodeReport::to_json).collect();
        json!({ "milliseconds": milliseconds(self.duration), "nodes": nodes })
    }
}

impl NodeReport {
    /// Merges the reports of two batch items of one node: the node ran if one of them did.
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
            "tiles": self.usage.tiles,
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
            Outcome::Reused(CacheHit::CutOff) => "earlier nodes returned the same values as before",
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
    fn json_has_documented_fields() {
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
            "bytes": 64, "memory_bytes": 4096, "tiles": 0, "devices": ["cpu"]
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

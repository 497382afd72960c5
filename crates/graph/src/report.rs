//! What a run did.

use std::time::Duration;

/// What a run did: hosts show it, and tests hold the cache to it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The nodes that ran, in that order, each once.
    pub ran: Vec<Ran>,
    /// The nodes whose remembered results did.
    pub reused: Vec<String>,
}

/// One run of one node.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The node's name in the graph.
    pub node: String,
    /// Why it ran.
    pub why: Why,
    /// How long it took.
    pub duration: Duration,
    /// The size of its results.
    pub bytes: usize,
}

/// Why a node ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// These arguments are new to it.
    New,
    /// Its result was known, but the value had been evicted.
    Evicted,
    /// It has side effects and is run every time.
    Volatile,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Why::New => "new arguments",
            Why::Evicted => "result evicted",
            Why::Volatile => "side effects",
        })
    }
}

//! Any text as a graph file, with changes behind it: `.ci/heavy fuzz`.
//!
//! What is asked of it, and the nodes that it may use, are those of the test with damaged graphs
//! (`crates/graph/tests/mutation`); here the inputs are bred by what of the code they reach.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

#[path = "../../tests/mutation/examine.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod examine;
#[path = "../../tests/mutation/seeds.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use wuerst_core::Registry;
use wuerst_graph::Change;

static REGISTRY: LazyLock<Registry> = LazyLock::new(seeds::registry);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else { return Corpus::Reject };
    // No graph file has a zero byte in it, so what follows one can be changes, as `node.port=value` or `node=kind`.
    let mut parts = text.split('\0');
    let graph = parts.next().unwrap_or_default();
    let changes: Vec<Change<'_>> = parts.filter_map(|part| part.split_once('=').map(Change::from)).collect();
    examine::examine(graph, &changes, &REGISTRY);
    Corpus::Keep
});

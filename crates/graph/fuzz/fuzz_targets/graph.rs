//! Arbitrary text as a graph file, followed by changes: `.ci/heavy fuzz`.
//!
//! Checks and node kinds are shared with the test of damaged graphs (`crates/graph/tests/mutation`); here coverage guides
//! the inputs.

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
    // Graph files contain no zero bytes, so text after one serves as changes: `node.port=value` or `node=kind`.
    let mut parts = text.split('\0');
    let graph = parts.next().unwrap_or_default();
    let changes: Vec<Change<'_>> = parts.filter_map(|part| part.split_once('=').map(Change::from)).collect();
    examine::examine(graph, &changes, &REGISTRY);
    Corpus::Keep
});

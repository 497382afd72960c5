//! Damaged graphs neither panic, nor hang, nor fill the memory, however they are damaged.
//!
//! A short run is one of the ordinary tests. The long one, with its limits on time and memory, is a command of its own:
//!
//! ```sh
//! WUERST_MUTATIONS=1000000 cargo test --release -p wuerst-graph --test mutation -- --nocapture
//! ```
//!
//! `.ci/heavy fuzz` looks for more, with inputs that are bred by what of the code they reach.
//!
//! `WUERST_SEED` begins with other inputs. An input that fails is kept in the folder for temporary files, and its path
//! said.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod examine;
mod limits;
mod mutate;
mod seeds;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use examine::{Outcome, examine};
use limits::{Limits, keep};
use mutate::Mutator;
use wuerst_graph::Change;

/// Inputs of the ordinary test.
const FEW: u64 = 3000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

#[test]
fn damaged_graphs_are_refused_or_taken() {
    let heavy = number("WUERST_MUTATIONS");
    let (count, seed) = (heavy.unwrap_or(FEW), number("WUERST_SEED").unwrap_or(1));
    let (registry, seeds) = (seeds::registry(), seeds::texts());
    let mut mutator = Mutator::new(seed, &seeds);
    let limits = Limits::new(heavy.is_some());
    let begun = Instant::now();
    let (mut good, mut problems, mut bytes, mut slowest) = (0u64, 0usize, 0usize, 0.);
    for index in 0..count {
        let (text, changes) = mutator.next();
        limits.begin(&text);
        let started = Instant::now();
        let changes: Vec<Change<'_>> =
            changes.iter().map(|(name, text)| Change::from((&**name, &**text))).collect();
        match catch_unwind(AssertUnwindSafe(|| examine(&text, &changes, &registry))) {
            Ok(Outcome::Good) => good += 1,
            Ok(Outcome::Refused(count)) => problems += count,
            Err(_) => panic!("input {index} of seed {seed} panics: {}; changes {changes:?}", keep(&text)),
        }
        let took = started.elapsed().as_secs_f64();
        slowest = f64::max(slowest, took);
        bytes += text.len();
        limits.end(&text, took);
        if (index + 1) % 50_000 == 0 {
            report(index + 1, begun, good, problems, bytes, slowest);
        }
    }
    report(count, begun, good, problems, bytes, slowest);
    assert!(good > 0 && problems > 0, "the inputs are all of one sort: {good} good");
}

fn report(count: u64, begun: Instant, good: u64, problems: usize, bytes: usize, slowest: f64) {
    let (seconds, refused) = (begun.elapsed().as_secs_f64(), count - good);
    let peak = limits::peak().map_or_else(String::new, |peak| format!(", peak {} MiB", peak >> 20));
    println!(
        "{count} inputs of {} bytes on average: {good} good, {refused} refused with {problems} problems; {:.0} a \
         second, slowest {:.0} ms{peak}",
        bytes as u64 / count.max(1),
        count as f64 / seconds,
        slowest * 1e3
    );
}

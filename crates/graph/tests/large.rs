//! A graph of ten thousand nodes, inputs and outputs is checked, set and run like a small one.
//!
//! How long it takes: `cargo test --release -p wuerst-graph --test large -- --nocapture`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod stub;

use std::fmt::Write;
use std::time::Instant;

use stub::Bench;
use wuerst_core::{CancellationToken, Value};
use wuerst_graph::{Graph, Inputs, Run};

const NODES: usize = 10_000;

/// Gives what the work gives, and prints how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    println!("{what}: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    done
}

fn bench() -> Bench {
    let mut bench = Bench::new(64 << 20);
    bench.add("math.add", "a: int, b: int = 1 -> sum: int", |_, args| {
        Ok(vec![Value::from(args.int("a")? + args.int("b")?)])
    });
    bench
}

/// Loads the graph and asks twice for all outputs; gives their values.
fn run(name: &str, bench: &Bench, text: &str, sets: &[(String, i64)]) -> Vec<Value> {
    let graph = timed(&format!("{name}: check"), || Graph::load(text, &bench.registry).unwrap());
    let mut inputs = Inputs::new();
    timed(&format!("{name}: set {} inputs", sets.len()), || {
        sets.iter().for_each(|(input, value)| inputs.set(&graph, input, *value).unwrap());
    });
    assert_eq!(graph.effective_inputs().len(), graph.inputs().len());
    let names: Vec<&str> = graph.outputs().iter().map(|output| output.name.as_str()).collect();
    let (cancel, mut observer) = (CancellationToken::new(), ());
    let mut run = Run::new(&graph, &inputs, &bench.cache, &cancel, &mut observer);
    let first = timed(&format!("{name}: run"), || run.outputs(&names).unwrap());
    assert_eq!(run.report().ran().count(), NODES);
    let again = timed(&format!("{name}: run again"), || run.outputs(&names).unwrap());
    assert_eq!(run.report().ran().count(), 0);
    assert_eq!(first, again);
    first
}

#[test]
fn long_chain_of_outputs() {
    let mut text = "wuerstchen: 1\ninputs: { start: int = 0 }\nnodes:\n".to_owned();
    for at in 0..NODES {
        let from = if at == 0 { "$start".to_owned() } else { format!("$n{}.sum", at - 1) };
        writeln!(text, "  n{at}: {{ use: math.add, with: {{ a: {from} }} }}").unwrap();
    }
    text += "outputs:\n";
    (0..NODES).for_each(|at| writeln!(text, "  o{at}: $n{at}.sum").unwrap());
    let values = run("chain", &bench(), &text, &[("start".to_owned(), 5)]);
    assert!(values.into_iter().eq((0..NODES as i64).map(|at| Value::from(at + 6))));
}

#[test]
fn many_independent_nodes() {
    let mut text = "wuerstchen: 1\ninputs:\n".to_owned();
    (0..NODES).for_each(|at| writeln!(text, "  i{at}: int").unwrap());
    text += "nodes:\n";
    for at in 0..NODES {
        writeln!(text, "  n{at}: {{ use: math.add, with: {{ a: $i{at}, b: {at} }} }}").unwrap();
    }
    text += "outputs:\n";
    (0..NODES).for_each(|at| writeln!(text, "  o{at}: $n{at}.sum").unwrap());
    let sets: Vec<(String, i64)> = (0..NODES).map(|at| (format!("i{at}"), 2 * at as i64)).collect();
    let values = run("side by side", &bench(), &text, &sets);
    assert!(values.into_iter().eq((0..NODES as i64).map(|at| Value::from(3 * at))));
}

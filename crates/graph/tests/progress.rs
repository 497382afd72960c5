//! The progress of a whole run: it only grows, and work counts by what it takes.

mod stub;

use std::time::Duration;

use stub::{Bench, CASCADE, inputs};
use wuerst_core::{CancellationToken, Observer, Value};
use wuerst_graph::{Graph, Run};

/// The fractions that an observer is told, with their nodes.
#[derive(Default)]
struct Fractions(Vec<(String, f64)>);

impl Observer for Fractions {
    fn overall(&mut self, node: &str, fraction: f64) {
        self.0.push((node.to_owned(), fraction));
    }
}

impl Fractions {
    /// How far the run was when a node had finished.
    fn after(&self, node: &str) -> f64 {
        self.0.iter().rfind(|(id, _)| id == node).expect("a fraction for the node").1
    }
}

fn watched(bench: &Bench, graph: &Graph, output: &str, sets: &[(&str, Value)]) -> (bool, Fractions) {
    let inputs = inputs(graph, sets);
    let (cancel, mut seen) = (CancellationToken::new(), Fractions::default());
    let done = Run::new(graph, &inputs, &bench.cache, &cancel, &mut seen).output(output).is_ok();
    let fractions: Vec<f64> = seen.0.iter().map(|(_, fraction)| *fraction).collect();
    assert!(fractions.is_sorted() && fractions.iter().all(|f| (0. ..=1.).contains(f)), "{fractions:?}");
    assert_eq!(fractions.first(), Some(&0.));
    (done, seen)
}

fn sets(seed: i64, steps: i64) -> [(&'static str, Value); 3] {
    [("prompt", "a red apple".into()), ("seed", seed.into()), ("steps", steps.into())]
}

#[test]
fn progress_goes_from_zero_to_one() {
    for budget in [usize::MAX, 0] {
        let bench = Bench::new(budget);
        let graph = bench.load(CASCADE);
        for (seed, steps) in [(1, 12), (1, 12), (2, 12), (2, 40), (1, 12)] {
            let (done, seen) = watched(&bench, &graph, "image", &sets(seed, steps));
            assert!(done && seen.0.last() == Some(&(String::new(), 1.)), "{:?}", seen.0);
        }
    }
}

#[test]
fn one_is_reached_only_by_success() {
    let mut bench = Bench::new(usize::MAX);
    bench.add("test.fails", "x: int -> x: int", |ctx, _| {
        ctx.step(3, 4)?;
        Err(wuerst_core::Error::invalid("x", "is wrong"))
    });
    let graph = bench
        .load("{wuerstchen: 1, nodes: {fails: {use: test.fails, with: {x: 1}}}, outputs: {x: $fails.x}}");
    let (done, seen) = watched(&bench, &graph, "x", &[]);
    assert!(!done);
    assert_eq!(seen.0.last(), Some(&("fails".to_owned(), 0.75)));
}

/// A chain of a short node and one of many steps, which take what they are told to, in milliseconds.
fn chain(short: u64, long: u64) -> (Bench, Graph) {
    let mut bench = Bench::new(0);
    bench.add("test.short", "n: int -> x: int", move |_, args| {
        std::thread::sleep(Duration::from_millis(short));
        Ok(vec![args.int("n")?.into()])
    });
    bench.add("test.long", "x: int, steps: int -> x: int", move |ctx, args| {
        let steps = args.count("steps")?;
        for done in 0..steps {
            ctx.step(done, steps)?;
            std::thread::sleep(Duration::from_millis(long / 10));
        }
        Ok(vec![args.int("x")?.into()])
    });
    let graph = bench.load(
        "{wuerstchen: 1, inputs: {n: int = 1, steps: int = 10}, nodes: {short: {use: test.short, with: {n: $n}}, \
          long: {use: test.long, with: {x: $short.x, steps: $steps}}}, outputs: {x: $long.x}}",
    );
    (bench, graph)
}

#[test]
fn work_counts_by_earlier_time() {
    let (bench, graph) = chain(1, 100);
    let (_, first) = watched(&bench, &graph, "x", &[]);
    // Nothing was measured, and both are declared alike.
    assert!((first.after("short") - 0.5).abs() < 1e-9, "{:?}", first.0);
    let (_, second) = watched(&bench, &graph, "x", &[("n", 2.into())]);
    assert!(second.after("short") < 0.25, "{:?}", second.0);
    // The steps of the long one are even, and twenty of them take twice as long as ten.
    let (_, third) = watched(&bench, &graph, "x", &[("n", 3.into()), ("steps", 20.into())]);
    let steps: Vec<f64> =
        third.0.iter().filter(|(id, _)| id == "long").map(|(_, fraction)| *fraction).collect();
    let strides: Vec<f64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(strides.len(), 20);
    assert!(strides.iter().all(|stride| (stride - strides[0]).abs() < 1e-5), "{strides:?}");
}

//! Nodes that run after each change, as counted by the nodes themselves.

mod stub;

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

use stub::{Bench, CASCADE};
use wuerst_core::{NodeSpec, Value};
use wuerst_graph::{CacheHit, Outcome, RunReason};

const ALL: [&str; 5] = ["tokens", "text", "prior", "decode", "vqgan"];

fn sets(prompt: &str, seed: i64, steps: i64) -> [(&'static str, Value); 3] {
    [("prompt", prompt.into()), ("seed", seed.into()), ("steps", steps.into())]
}

#[test]
fn only_changed_nodes_run() {
    let bench = Bench::new(usize::MAX);
    let graph = bench.load(CASCADE);
    assert_eq!(bench.ran(&graph, &sets("a red apple", 1, 12)), ALL, "cold");
    assert!(bench.ran(&graph, &sets("a red apple", 1, 12)).is_empty(), "same");
    assert_eq!(bench.ran(&graph, &sets("a  red apple", 1, 12)), ["tokens"], "a blank in the prompt");
    assert_eq!(bench.ran(&graph, &sets("a red apple", 1, 13)), ["decode", "vqgan"], "the decoder's steps");
    assert_eq!(bench.ran(&graph, &sets("a red apple", 2, 12)), ["prior", "decode", "vqgan"], "the seed");
    assert!(bench.ran(&graph, &sets("a red apple", 1, 12)).is_empty(), "back again");
    let renamed = bench.load(&CASCADE.replace("prior", "renamed").replace("wuerst.renamed", "wuerst.prior"));
    assert!(bench.ran(&renamed, &sets("a red apple", 1, 12)).is_empty(), "a renamed node");
}

#[test]
fn every_budget_gives_equal_values() {
    let (large, tiny) = (Bench::new(usize::MAX), Bench::new(0));
    let changes = [
        sets("a red apple", 1, 12),
        sets("a red apple", 1, 12),
        sets("a  red apple", 1, 12),
        sets("a red apple", 1, 13),
        sets("a red apple", 2, 12),
        sets("a blue apple", 2, 12),
    ];
    for sets in changes {
        let graph = large.load(CASCADE);
        let (expected, _) = large.output(&graph, "image", &sets);
        let (value, mut ran) = tiny.output(&tiny.load(CASCADE), "image", &sets);
        assert_eq!(value.unwrap(), expected.unwrap());
        ran.sort_unstable();
        let count = ran.len();
        ran.dedup();
        assert_eq!(ran.len(), count, "a node ran twice in one run");
    }
    assert_eq!(tiny.cache.bytes(), 0, "nothing is held when nothing runs");
}

#[test]
fn digests_prove_unchanged_results() {
    let bench = Bench::new(usize::MAX);
    let graph = bench.load(CASCADE);
    let (image, _) = bench.output(&graph, "image", &sets("a red apple", 1, 12));
    bench.cache.set_budget(image.unwrap().bytes());
    assert!(bench.ran(&graph, &sets("a red apple", 1, 12)).is_empty(), "only the image is kept");
    // The image is of no use for the embedding, which was evicted, and so was all that it was made of.
    let (_, ran) = bench.output(&graph, "embedding", &sets("a red apple", 1, 12));
    assert_eq!(ran, ["tokens", "text", "prior"]);
}

#[test]
fn report_says_why() {
    let bench = Bench::new(0);
    let graph = bench.load(CASCADE);
    let mut inputs = wuerst_graph::Inputs::new();
    inputs.set(&graph, "prompt", "a red apple").unwrap();
    let (cancel, mut observer) = (wuerst_core::CancellationToken::new(), ());
    let mut run = wuerst_graph::Run::new(&graph, &inputs, &bench.cache, &cancel, &mut observer);
    for why in [RunReason::New, RunReason::Evicted] {
        run.output("embedding").unwrap();
        let outcomes: Vec<_> =
            run.report().nodes.iter().map(|node| (&*node.node, node.outcome.clone())).collect();
        assert_eq!(outcomes, ["tokens", "text", "prior"].map(|node| (node, Outcome::Ran(why.clone()))));
    }
}

#[test]
fn report_names_changed_and_reused() {
    let bench = Bench::new(usize::MAX);
    let graph = bench.load(CASCADE);
    let outcomes = |prompt: &str, seed| -> Vec<String> {
        let report = bench.report(&graph, "image", &sets(prompt, seed, 12));
        assert!(report.nodes.iter().all(|node| node.bytes > 0 && node.kind.contains('.')));
        report.nodes.into_iter().map(|node| format!("{}: {}", node.node, node.outcome)).collect()
    };
    let (same, cut_off) = ("nothing changed", "earlier nodes returned the same values as before");
    outcomes("a red apple", 1);
    assert_eq!(
        outcomes("a red apple", 2),
        [
            &format!("tokens: {same}"),
            &format!("text: {same}"),
            "prior: changed: seed",
            "decode: changed: embedding, seed",
            "vqgan: changed: latents"
        ]
    );
    assert_eq!(outcomes("a  red apple", 2)[..2], ["tokens: changed: text", &format!("text: {cut_off}")]);
    assert!(outcomes("a  red apple", 2).iter().all(|outcome| outcome.ends_with(same)));
    let back = bench.report(&graph, "image", &sets("a  red apple", 1, 12));
    let back: Vec<_> = back.nodes.into_iter().map(|node| node.outcome).collect();
    let (unchanged, remembered) =
        (Outcome::Reused(CacheHit::Unchanged), Outcome::Reused(CacheHit::Remembered));
    assert_eq!(back[1..4], [unchanged, remembered.clone(), remembered]);
}

#[test]
fn volatile_nodes_run_once_per_run() {
    for budget in [0, usize::MAX] {
        let mut bench = Bench::new(budget);
        let spec = NodeSpec::new("host.clock", 1, "-> hour: int", "").unwrap().volatile();
        bench.add_spec(spec, |_, _| Ok(vec![Value::Int(7)]));
        bench.add("host.add", "a: int, b: int -> sum: int", |_, args| {
            Ok(vec![Value::from(args.int("a")? + args.int("b")?)])
        });
        let graph = bench.load(
            "{wuerstchen: 1, nodes: {clock: {use: host.clock}, \
              twice: {use: host.add, with: {a: $clock.hour, b: $clock.hour}}, \
              thrice: {use: host.add, with: {a: $twice.sum, b: $clock.hour}}}, outputs: {image: $thrice.sum}}",
        );
        assert_eq!(bench.ran(&graph, &[]), ["clock", "twice", "thrice"]);
        let again = bench.ran(&graph, &[]);
        assert_eq!(again.iter().filter(|node| *node == "clock").count(), 1);
        assert_eq!(again.len(), if budget == 0 { 3 } else { 1 }, "the same hour, so nothing else");
    }
}

#[test]
fn recomputed_results_may_differ_slightly() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let mut bench = Bench::new(0);
    bench.add("gpu.noise", "-> x: int", |_, _| Ok(vec![Value::from(CALLS.fetch_add(1, Ordering::SeqCst))]));
    bench.add("host.copy", "x: int -> x: int", |_, args| Ok(vec![Value::from(args.int("x")?)]));
    let graph = bench.load(
        "{wuerstchen: 1, nodes: {noise: {use: gpu.noise}, copy: {use: host.copy, with: {x: $noise.x}}}, \
          outputs: {image: $copy.x}}",
    );
    for call in 0..3 {
        assert_eq!(bench.output(&graph, "image", &[]).0.unwrap(), Value::Int(call));
    }
}

#[test]
fn replaced_model_reruns_its_nodes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bench = Bench::new(usize::MAX);
    bench.add("test.size", "model: model -> size: int", |_, args| {
        let about = fs::metadata(args.model("model")?.path());
        Ok(vec![Value::from(about.map_or(-1, |about| about.len() as i64))])
    });
    let yaml = format!(
        "{{wuerstchen: 1, nodes: {{size: {{use: test.size, with: {{model: {}}}}}}}, outputs: {{image: $size.size}}}}",
        file.path().display()
    );
    let graph = bench.load(&yaml);
    assert_eq!(bench.ran(&graph, &[]), ["size"]);
    assert!(bench.ran(&graph, &[]).is_empty());
    fs::write(file.path(), "new weights").unwrap();
    let (value, ran) = bench.output(&graph, "image", &[]);
    assert_eq!((value.unwrap(), ran), (Value::Int(11), vec!["size".to_owned()]));
    file.close().unwrap();
    let error = bench.output(&graph, "image", &[]).0.unwrap_err().to_string();
    assert!(error.starts_with("`size`: model "), "{error}");
}

#[test]
fn jobs_on_threads_share_cache() {
    for budget in [0, 4096, usize::MAX] {
        let bench = Bench::new(budget);
        let graph = bench.load(CASCADE);
        let expected: Vec<Value> = (0..4)
            .map(|seed| {
                let alone = Bench::new(0);
                alone.output(&alone.load(CASCADE), "image", &sets("a red apple", seed, 12)).0.unwrap()
            })
            .collect();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (bench, graph, expected) = (&bench, &graph, &expected);
                scope.spawn(move || {
                    for round in 0..20 {
                        let seed = (thread + round) % 4;
                        let mut inputs = wuerst_graph::Inputs::new();
                        for (name, value) in sets("a red apple", seed, 12) {
                            inputs.set(graph, name, value).unwrap();
                        }
                        let (cancel, mut observer) = (wuerst_core::CancellationToken::new(), ());
                        let mut run =
                            wuerst_graph::Run::new(graph, &inputs, &bench.cache, &cancel, &mut observer);
                        assert_eq!(run.output("image").unwrap(), expected[seed as usize]);
                    }
                });
            }
        });
        assert!(bench.cache.bytes() <= budget);
    }
}

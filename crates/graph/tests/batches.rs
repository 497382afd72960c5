//! Batches: one result is finished before the next is begun, and remembered by itself.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod stub;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2};
use stub::Bench;
use wuerst_core::{Batch, CancellationToken, Error, Observer, Tensor, Value};
use wuerst_graph::{Graph, Outcome, Run, RunReason};

/// A cascade over the words of a text: each becomes a row.
const WORDS: &str = "
wuerstchen: 1
inputs:
  words: text
  other: text = \"x\"
  seed: int = 5
nodes:
  list: { use: test.list, with: { text: $words } }
  other: { use: test.list, with: { text: $other } }
  prior: { use: test.prior, with: { rows: $list.rows, negative: $other.rows, seed: $seed } }
  paint: { use: test.paint, with: { rows: $prior.rows, rng: $prior.rng } }
  sheet: { use: test.sheet, with: { rows: $paint.rows } }
outputs:
  sheet: $sheet.sum
  rows: $paint.rows
";

fn bench(budget: usize) -> Bench {
    let mut bench = Bench::new(budget);
    bench.add("test.list", "text: text -> rows: f32[b,2]", |_, args| {
        let rows: Vec<[f32; 2]> = args.text("text")?.split(' ').map(|word| [word.len() as f32, 1.]).collect();
        Ok(vec![Array2::from(rows).into()])
    });
    let batch = Batch::new("rows", &["negative"], Some("seed"));
    let prior = "rows: f32[b,2], negative: f32[n,2]?, seed: int -> rows: f32[b,2], rng: u8[r]";
    bench.add_batch("test.prior", prior, batch, |ctx, args| {
        let (rows, seed) = (args.tensor_f32("rows")?, args.int("seed")?);
        assert_eq!(rows.shape(), [1, 2]);
        (0..=2).try_for_each(|done| ctx.step(done, 2))?;
        let negative = args.tensor_f32("negative")?;
        let rows = &rows * 10. + &negative + seed as f32;
        Ok(vec![rows.into_shared().into(), Array1::from(vec![seed as u8, 7]).into()])
    });
    let batch = Batch::new("rows", &["rng"], None);
    bench.add_batch("test.paint", "rows: f32[b,2], rng: u8[r] -> rows: f32[b,2]", batch, |ctx, args| {
        ctx.step(0, 1)?;
        let rng = args.tensor_u8("rng")?;
        assert_eq!(rng.shape(), [2]);
        ctx.step(1, 1)?;
        Ok(vec![(&args.tensor_f32("rows")? * f32::from(rng[0])).into_shared().into()])
    });
    bench.add("test.sheet", "rows: f32[b,2] -> sum: float", |_, args| {
        Ok(vec![f64::from(args.tensor_f32("rows")?.sum()).into()])
    });
    bench
}

fn words(words: &str) -> [(&'static str, Value); 1] {
    [("words", words.into())]
}

fn rows(value: Result<Value, Error>) -> Vec<f32> {
    match value {
        Ok(Value::Tensor(tensor)) => tensor.values::<f32>().unwrap().to_vec(),
        other => panic!("{other:?}"),
    }
}

fn value(bench: &Bench, text: &str, name: &str, sets: &[(&str, Value)]) -> Result<Value, Error> {
    let graph = bench.load(text);
    let (inputs, cancel, mut observer) = (stub::inputs(&graph, sets), CancellationToken::new(), ());
    Run::new(&graph, &inputs, &bench.cache, &cancel, &mut observer).output(name)
}

/// Events in order.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn started(&mut self, node: &str) {
        self.0.push(format!("{node}:"));
    }
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        if node != "list" {
            self.0.push(format!("{done}/{of}"));
        }
    }
    fn part(&mut self, output: &str, index: usize, of: usize, value: &Value) {
        self.0.push(format!("{output} {index} of {of} is {}", value.ty()));
    }
}

fn watched(bench: &Bench, graph: &Graph, outputs: &[&str], sets: &[(&str, Value)]) -> (Vec<Value>, String) {
    let (inputs, cancel, mut notes) = (stub::inputs(graph, sets), CancellationToken::new(), Notes::default());
    let values = Run::new(graph, &inputs, &bench.cache, &cancel, &mut notes).outputs(outputs).unwrap();
    (values, notes.0.join(" "))
}

#[test]
fn large_batch_is_refused() {
    let bench = bench(usize::MAX);
    let many = |count: usize| value(&bench, WORDS, "rows", &words(&vec!["a"; count].join(" ")));
    let said = many(Batch::MOST + 1).unwrap_err().to_string();
    assert_eq!(said, "`prior`: rows: is a batch of 16385; the maximum is 16384");
}

#[test]
fn items_are_finished_in_order() {
    let bench = bench(usize::MAX);
    let graph = bench.load(WORDS);
    let (values, told) = watched(&bench, &graph, &["rows", "sheet"], &words("a bb ccc"));
    assert_eq!(
        told,
        "list: other: prior: 0/6 1/6 2/6 paint: 0/3 1/3 rows 0 of 3 is f32[1,2] \
         prior: 2/6 3/6 4/6 paint: 1/3 2/3 rows 1 of 3 is f32[1,2] \
         prior: 4/6 5/6 6/6 paint: 2/3 3/3 rows 2 of 3 is f32[1,2] sheet:"
    );
    // (10·length + 1 + seed)·seed and (10 + 1 + seed)·seed, the seed one more for each.
    let expected = [80., 80., 162., 102., 266., 126.];
    assert_eq!(rows(Ok(values[0].clone())), expected);
    assert_eq!(values[1], Value::Float(expected.iter().map(|x| f64::from(*x)).sum()));
    let (again, told) = watched(&bench, &graph, &["rows", "sheet"], &words("a bb ccc"));
    assert_eq!((again, told.contains(':')), (values, false), "nothing runs: {told}");
}

#[test]
fn each_is_remembered_by_itself() {
    let bench = bench(usize::MAX);
    let graph = bench.load(WORDS);
    bench.report(&graph, "sheet", &words("a bb ccc"));
    // Another second word: one result is made anew, and what comes after them all.
    let report = bench.report(&graph, "sheet", &words("a bbbb ccc"));
    let outcomes: Vec<(&str, &Outcome)> =
        report.nodes.iter().map(|node| (&*node.node, &node.outcome)).collect();
    let changed = |port: &str| Outcome::Ran(RunReason::Changed(vec![port.to_owned()]));
    assert_eq!(
        outcomes.iter().map(|(node, _)| *node).collect::<Vec<_>>(),
        ["list", "other", "prior", "paint", "sheet"]
    );
    assert_eq!(outcomes[2].1, &changed("rows"));
    let ran = bench.output(&graph, "sheet", &words("a ccccc ccc")).1;
    assert_eq!(ran, ["list", "prior", "paint", "sheet"]);
    // Alone it is what it is in company.
    assert_eq!(bench.output(&graph, "rows", &words("a")).1, ["list"]);
    assert_eq!(bench.output(&graph, "rows", &words("a bb ccc dd")).1, ["list", "prior", "paint"]);
}

#[test]
fn budget_and_seed_do_not_matter() {
    let (large, tiny) = (bench(usize::MAX), bench(0));
    let given = WORDS.replace("seed: $seed", "seed: 5");
    for text in [WORDS, &given] {
        for sets in [words("a bb ccc"), words("a bb ccc"), words("b bb ccc dddd")] {
            let expected = rows(value(&large, text, "rows", &sets));
            assert_eq!(rows(value(&tiny, text, "rows", &sets)), expected);
            assert_eq!(tiny.cache.bytes(), 0, "nothing stays in use");
        }
    }
    // A seed that a node computes.
    let mut bench = bench(usize::MAX);
    bench.add("test.five", "-> n: int", |_, _| Ok(vec![5i64.into()]));
    let text =
        WORDS.replace("seed: $seed", "seed: $five.n").replace("nodes:", "nodes:\n  five: { use: test.five }");
    let expected = rows(value(&large, WORDS, "rows", &words("a bb")));
    assert_eq!(rows(value(&bench, &text, "rows", &words("a bb"))), expected);
    let (error, _) =
        bench.output(&bench.load(WORDS), "rows", &[words("a b")[0].clone(), ("seed", u64::MAX.into())]);
    assert!(error.unwrap_err().to_string().contains("`prior`: seed: 18446744073709551615 is too large"));
}

#[test]
fn unbatched_arguments_serve_all_items() {
    let bench = bench(usize::MAX);
    let other = |other: &str| [("words", "a bb ccc".into()), ("other", other.into())];
    let each = rows(value(&bench, WORDS, "rows", &other("x xx xxx")));
    let all = rows(value(&bench, WORDS, "rows", &other("x")));
    assert_eq!((each[0], each[2]), (all[0], all[2] + 6.), "the second has a part of its own");
    let error = value(&bench, WORDS, "rows", &other("x xx")).unwrap_err().to_string();
    assert_eq!(error, "`prior`: negative: has a batch of 2, where 1 or 3 is expected");
}

#[test]
fn values_are_released_after_last_reader() {
    let mut bench = bench(0);
    let cache = bench.cache.clone();
    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    let batch = Batch::new("rows", &[], None);
    bench.add_batch("test.large", "rows: f32[b,2] -> rows: f32[b,n]", batch.clone(), move |_, args| {
        seen.fetch_max(cache.bytes(), Ordering::SeqCst);
        Ok(vec![Array2::from_elem((1, 1 << 18), args.tensor_f32("rows")?.sum()).into()])
    });
    bench.add_batch("test.small", "rows: f32[b,n] -> rows: f32[b,2]", batch, |_, args| {
        Ok(vec![Array2::from_elem((1, 2), args.tensor_f32("rows")?[[0, 0]]).into()])
    });
    let graph = bench.load(
        "{wuerstchen: 1, inputs: {words: text}, outputs: {rows: $small.rows}, nodes: {\
          list: {use: test.list, with: {text: $words}}, large: {use: test.large, with: {rows: $list.rows}}, \
          small: {use: test.small, with: {rows: $large.rows}}}}",
    );
    let text = ["a"; 12].join(" ");
    let value = bench.output(&graph, "rows", &words(&text)).0.unwrap();
    assert!(
        matches!(value, Value::Tensor(tensor) if tensor == Tensor::from_vec(&[12, 2], vec![2f32; 24]).unwrap())
    );
    // Each of the twelve large values takes a mebibyte; when the next is made, the one before has gone.
    let most = most.load(Ordering::SeqCst);
    assert!(most > 0 && most < 1 << 16, "{most} bytes");
}

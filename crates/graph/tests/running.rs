//! Running a graph: inputs, overrides, outputs, progress, cancellation, errors.

mod stub;

use stub::{Bench, CASCADE};
use wuerst_core::{CancellationToken, DType, Error, NodeSpec, Observer, Refusal, Tensor, Ty, Value};
use wuerst_graph::{Change, Graph, Inputs, Run};

fn message<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}

fn prompt() -> [(&'static str, Value); 1] {
    [("prompt", "a red apple".into())]
}

/// Notes what an observer is told; cancels at a node's step.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    cancel: Option<(CancellationToken, &'static str, usize)>,
}

impl Observer for Notes {
    fn planned(&mut self, nodes: &[&str]) {
        self.lines.push(format!("planned {}", nodes.join(" ")));
    }
    fn started(&mut self, node: &str) {
        self.lines.push(format!("{node} started"));
    }
    fn finished(&mut self, node: &str) {
        self.lines.push(format!("{node} finished"));
    }
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        self.lines.push(format!("{node} {done}/{of}"));
        if let Some((cancel, _, _)) = self.cancel.as_ref().filter(|(_, n, step)| *n == node && *step == done)
        {
            cancel.cancel();
        }
    }
}

#[test]
fn shared_types_are_send_and_sync() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Graph>();
    shared::<wuerst_graph::Cache>();
    shared::<Inputs>();
    shared::<CancellationToken>();
    shared::<wuerst_core::Registry>();
}

#[test]
fn outputs_share_work_in_order() {
    let bench = Bench::new(0);
    let graph = bench.load(CASCADE);
    let mut inputs = Inputs::new();
    inputs.set(&graph, "prompt", "a red apple").unwrap();
    let (cancel, mut notes) = (CancellationToken::new(), Notes::default());
    let mut run = Run::new(&graph, &inputs, &bench.cache, &cancel, &mut notes);
    let values = run.outputs(&["embedding", "image", "echo"]).unwrap();
    assert_eq!(values[2], Value::from("a red apple"));
    assert_eq!(values[0], bench.output(&graph, "embedding", &prompt()).0.unwrap());
    let lines = notes.lines.join(", ");
    assert_eq!(lines.matches("prior started").count(), 1, "{lines}");
    assert!(
        lines.starts_with(
            "planned tokens text prior decode vqgan, tokens started, tokens finished, text started"
        ),
        "{lines}"
    );
    assert!(lines.contains("prior 19/20, prior 20/20, prior finished"), "{lines}");
}

#[test]
fn output_types_follow_graph() {
    let graph = Bench::new(0).load(CASCADE);
    let types: Vec<String> = graph.outputs().iter().map(|o| format!("{}: {}", o.name, o.ty)).collect();
    assert_eq!(types, ["image: u8[h,w,3]", "embedding: f32[b,16,h,w]", "echo: text"]);
    assert_eq!(graph.inputs()[2].to_string(), "steps: int = 12 {1..100}");
    assert_eq!(graph.needed(&[1]).len(), 3);
    let fixed = CASCADE.replace("$text.states, seed: $seed }", "$init, seed: $seed }");
    let fixed = fixed.replace("inputs:\n", "inputs:\n  init: f32[2,77,1280]\n");
    assert_eq!(Bench::new(0).load(&fixed).outputs()[1].ty.to_string(), "f32[2,16,h,w]");
}

#[test]
fn cancelled_run_keeps_finished_results() {
    let bench = Bench::new(usize::MAX);
    let graph = bench.load(CASCADE);
    let mut inputs = Inputs::new();
    inputs.set(&graph, "prompt", "a red apple").unwrap();
    let cancel = CancellationToken::new();
    let mut notes = Notes { cancel: Some((cancel.clone(), "prior", 3)), ..Notes::default() };
    let mut run = Run::new(&graph, &inputs, &bench.cache, &cancel, &mut notes);
    assert!(matches!(run.output("image"), Err(Error::Cancelled)));
    assert!(matches!(run.output("image"), Err(Error::Cancelled)), "before the first node, too");
    assert!(notes.lines.iter().any(|line| line == "prior 3/20"));
    assert!(!notes.lines.iter().any(|line| line == "prior 4/20"));
    assert_eq!(bench.ran(&graph, &prompt()), ["prior", "decode", "vqgan"]);
}

#[test]
fn wrong_inputs_are_refused_before_anything_runs() {
    let mut bench = Bench::new(0);
    let graph = bench.load(CASCADE);
    let mut inputs = Inputs::new();
    assert_eq!(message(inputs.set(&graph, "promt", "")), "no input `promt`; did you mean `prompt`?");
    assert_eq!(message(inputs.set(&graph, "prompt", 3i64)), "prompt: wants text, got int 3");
    assert_eq!(message(inputs.set(&graph, "steps", 101i64)), "steps: 101 is outside 1..100");
    let (missing, ran) = bench.output(&graph, "image", &[]);
    assert_eq!(message(missing), "prompt: this input must be set: `prompt: text`");
    assert!(ran.is_empty() && bench.log.lock().unwrap().is_empty());
    assert_eq!(message(bench.output(&graph, "imge", &[]).0), "no output `imge`; did you mean `image`?");

    // Limits of a port apply to the input that is wired to it, in addition to the input's own.
    bench.add("test.take", "n: int {0..4}, x: f32[2,n] -> n: int", |_, args| Ok(vec![args.int("n")?.into()]));
    let graph = bench.load(
        "{wuerstchen: 1, inputs: {n: int = 1, x: 'f32[a,b]'}, outputs: {image: $t.n}, \
          nodes: {t: {use: test.take, with: {n: $n, x: $x}}}}",
    );
    assert_eq!(message(inputs.set(&graph, "n", 5i64)), "n: 5 is outside 0..4, which `t.n` allows");
    let tensor = Tensor::from_vec(&[3, 1], vec![0f32; 3]).unwrap();
    let error = message(bench.output(&graph, "image", &[("x", tensor.into())]).0);
    assert_eq!(error, "`t`: x: wants f32[2,n], got f32[3,1]");
}

#[test]
fn arguments_can_be_replaced() {
    let bench = Bench::new(usize::MAX);
    let mut graph = bench.load(CASCADE);
    bench.ran(&graph, &prompt());
    graph.set("prior.steps", 3i64).unwrap();
    assert_eq!(bench.ran(&graph, &prompt()), ["prior", "decode", "vqgan"]);
    assert_eq!(message(graph.set("prior.stepz", 3i64)), "no argument `prior.stepz`; did you mean `steps`?");
    assert_eq!(message(graph.set("prio.steps", 3i64)), "no node `prio`; did you mean `prior`?");
    assert_eq!(message(graph.set("prior.steps", 0i64)), "prior.steps: 0 is outside 1..1000");
    assert!(message(graph.set("steps", 1i64)).contains("written as `node.port`"));

    let load = |changes: &[Change<'_>]| Graph::load_with(CASCADE, &bench.registry, changes);
    assert!(bench.ran(&load(&[("prior.steps", "3").into()]).unwrap(), &prompt()).is_empty());
    let value = Change::Value("prior.steps", Value::Int(3));
    assert!(bench.ran(&load(&[value]).unwrap(), &prompt()).is_empty());
    assert_eq!(
        bench.ran(&load(&[("prior.steps", "$steps").into()]).unwrap(), &prompt()),
        ["prior", "decode", "vqgan"]
    );
    let tensor = Value::from(Tensor::from_vec(&[1, 2, 4], vec![0.5f32; 8]).unwrap());
    let graph = load(&[Change::Value("prior.text", tensor.clone())]).unwrap();
    assert_eq!(bench.ran(&graph, &prompt()), ["prior", "decode", "vqgan"]);
    let error = message(load(&[
        ("prior.steps", "many").into(),
        ("prior.x", "1").into(),
        ("prio.steps", "1").into(),
        ("prior.text", "words").into(),
        Change::Value("prior.seed", tensor),
        Change::Kind("prior", "wuerst.pryor"),
        Change::Kind("vqgn", "wuerst.vqgan_decode"),
        Change::Text("steps", "1"),
    ]));
    assert_eq!(
        error,
        "the graph has 4 problems\n\
         prio.steps: no node `prio`; did you mean `prior`?\n\
         vqgn: no node `vqgn`; did you mean `vqgan`?\n\
         steps: an argument is set as `node.port`\n\
         prior: no node kind `wuerst.pryor`; did you mean `wuerst.prior`?"
    );
    let error = message(load(&[
        ("prior.steps", "many").into(),
        ("prior.x", "1").into(),
        ("decode.text", "words").into(),
        Change::Value("prior.seed", Value::from(true)),
        Change::Kind("vqgan", "wuerst.tokenize"),
    ]));
    assert_eq!(
        error,
        "the graph has 7 problems\n\
         prior.x: `wuerst.prior` has no input `x`; it takes text, steps, seed\n\
         prior.steps: wants int, but this is `many`\n\
         prior.seed: wants int, but this is bool true\n\
         decode.text: wants f32[b,l,d], which cannot be written as text\n\
         14:3: nodes.vqgan: `wuerst.tokenize` needs `text: text`\n\
         14:46: nodes.vqgan.with.latents: `wuerst.tokenize` has no input `latents`; it takes text\n\
         16:10: outputs.image: `vqgan` has no output `image`; it has `$vqgan.ids`"
    );
}

#[test]
fn stage_can_be_another_node() {
    let mut bench = Bench::new(usize::MAX);
    bench.add("house.prior", "text: f32[b,l,d], seed: int -> embedding: f32[b,16,h,w]", |_, args| {
        Ok(vec![ndarray::Array4::from_elem((1, 16, 2, 2), args.tensor_f32("text")?.sum()).into()])
    });
    let ran = bench.ran(&bench.load(CASCADE), &prompt());
    assert_eq!(ran, ["tokens", "text", "prior", "decode", "vqgan"]);
    let graph = Graph::load_with(CASCADE, &bench.registry, &[Change::Kind("prior", "house.prior")]).unwrap();
    assert_eq!(bench.ran(&graph, &prompt()), ["prior", "decode", "vqgan"]);
}

#[test]
fn optional_ports_may_be_left_out() {
    let mut bench = Bench::new(usize::MAX);
    bench.add("test.start", "init: f32[n]?, strength: float = 1 -> given: bool", |_, args| {
        assert!(args.float("strength")? > 0.0);
        assert!(!args.has("init") || args.tensor("init")?.dtype() == DType::F32);
        Ok(vec![args.has("init").into()])
    });
    let graph = bench.load(
        "{wuerstchen: 1, inputs: {init: 'f32[n]?'}, outputs: {image: $t.given}, \
          nodes: {t: {use: test.start, with: {init: $init, strength: 2}}}}",
    );
    assert_eq!(bench.output(&graph, "image", &[]).0.unwrap(), Value::Bool(false));
    // Half precision is widened on its way to a port of f32.
    let half = Tensor::from(ndarray::Array1::from_elem(3, half::f16::ONE));
    assert_eq!(bench.output(&graph, "image", &[("init", half.into())]).0.unwrap(), Value::Bool(true));
}

#[test]
fn port_default_replaces_absent_input() {
    let mut bench = Bench::new(usize::MAX);
    let file = tempfile::NamedTempFile::new().unwrap();
    let signature =
        format!("n: int = 7, x: float = 0.5 {{0.0..1.0}}, m: model = {:?} -> all: text", file.path());
    bench.add("test.show", &signature, |_, args| {
        let (n, x, m) = (args.int("n")?, args.float("x")?, args.model("m")?.path().exists());
        Ok(vec![format!("{n} {x} {m}").into()])
    });
    let graph = bench.load(
        "{wuerstchen: 1, inputs: {n: 'int?', x: 'float?', m: 'model?'}, outputs: {image: $t.all}, \
          nodes: {t: {use: test.show, with: {n: $n, x: $x, m: $m}}}}",
    );
    assert_eq!(bench.output(&graph, "image", &[]).0.unwrap(), Value::from("7 0.5 true"));
    let given = [("n", 1i64.into()), ("x", 1i64.into())];
    assert_eq!(bench.output(&graph, "image", &given).0.unwrap(), Value::from("1 1 true"));
    // The default is the same value as when it is given, so nothing runs again.
    assert!(bench.ran(&graph, &[("n", 7i64.into())]).is_empty());

    let wired = "{wuerstchen: 1, inputs: {m: 'model?'}, outputs: {image: $t.n}, \
                  nodes: {t: {use: test.gone, with: {m: $m}}}}";
    bench.add("test.gone", "m: model = \"/nowhere.onnx\" -> n: int", |_, _| Ok(vec![1i64.into()]));
    assert!(message(Graph::load(wired, &bench.registry)).contains("nodes.t.with.m: model /nowhere.onnx"));
}

#[test]
fn failing_node_is_named() {
    let mut bench = Bench::new(0);
    bench.add("test.fail", "-> x: int", |_, _| Err(Error::Runtime("no memory pattern".into())));
    bench.add("test.lie", "-> x: u8[2]", |_, _| Ok(vec![Tensor::from_vec(&[3], vec![0u8; 3])?.into()]));
    let graph = bench.load(
        "{wuerstchen: 1, nodes: {f: {use: test.fail}, l: {use: test.lie}}, outputs: {a: $f.x, b: $l.x}}",
    );
    assert_eq!(message(bench.output(&graph, "a", &[]).0), "`f`: ONNX Runtime: no memory pattern");
    assert_eq!(message(bench.output(&graph, "b", &[]).0), "`l`: output `x`: wants u8[2], got u8[3]");
    assert!(matches!(&graph.outputs()[1].ty, Ty::Tensor { dtype: DType::U8, .. }));
}

#[test]
fn long_chain_needs_no_deep_stack() {
    let mut bench = Bench::new(0);
    bench.add("host.next", "x: int -> x: int", |_, args| Ok(vec![Value::from(args.int("x")? + 1)]));
    let mut yaml = "wuerstchen: 1\ninputs: {x: int = 0}\noutputs: {image: $n2999.x}\nnodes:\n".to_owned();
    // From the last to the first, so that the file's order is of no help.
    for n in (0..3000).rev() {
        let from = if n == 0 { "$x".to_owned() } else { format!("$n{}.x", n - 1) };
        yaml += &format!("  n{n}: {{use: host.next, with: {{x: {from}}}}}\n");
    }
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let thread = small.spawn(move || {
        let graph = bench.load(&yaml);
        assert_eq!(bench.output(&graph, "image", &[]).0.unwrap(), Value::Int(3000));
        // All were evicted: the whole chain is made again, from the end backwards.
        assert_eq!(bench.ran(&graph, &[]).len(), 3000);
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn node_may_refuse_literals_and_inputs() {
    struct Square(NodeSpec, stub::Log);
    impl wuerst_core::NodeKind for Square {
        fn spec(&self) -> &NodeSpec {
            &self.0
        }
        fn check(&self, known: &wuerst_core::Args<'_>) -> Result<(), Refusal> {
            match known.get("size") {
                Some(Value::Int(size)) if size % 128 != 0 => {
                    Err(Refusal::at("size", format!("{size} is not a multiple of 128")))
                }
                _ => Ok(()),
            }
        }
        fn run(
            &self,
            ctx: &mut wuerst_core::Ctx<'_>,
            args: &wuerst_core::Args<'_>,
        ) -> wuerst_core::Result<Vec<Value>> {
            self.1.lock().unwrap().push(ctx.id().to_owned());
            Ok(vec![args.int("size")?.into()])
        }
    }
    let mut bench = Bench::new(0);
    let spec = NodeSpec::new("test.square", 1, "size: int -> size: int", "").unwrap();
    bench.registry.add(Square(spec, bench.log.clone())).unwrap();
    let yaml = |size: &str| {
        format!(
            "wuerstchen: 1\ninputs: {{size: int = 128}}\nnodes:\n  s:\n    use: test.square\n    \
             with: {{ size: {size} }}\noutputs: {{ image: $s.size }}\n"
        )
    };
    let error = message(Graph::load(&yaml("100"), &bench.registry));
    assert!(error.ends_with("\n6:19: nodes.s.with.size: 100 is not a multiple of 128"), "{error}");
    let mut graph = bench.load(&yaml("$size"));
    assert_eq!(bench.output(&graph, "image", &[]).0.unwrap(), Value::Int(128));
    let error = message(Inputs::new().set(&graph, "size", 129i64));
    assert_eq!(error, "`s`: size: 129 is not a multiple of 128");
    assert_eq!(message(graph.set("s.size", 130i64)), "s.size: 130 is not a multiple of 128");
}

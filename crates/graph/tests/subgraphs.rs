//! Graphs as nodes of graphs.

mod stub;

use stub::{Bench, CASCADE};
use wuerst_core::{CancellationToken, Error, Files, Models, Observer, Tensor, Value};
use wuerst_graph::{AddGraphError, CacheHit, Change, Graph, GraphKind, Outcome, Run, RunReason, add_graphs};

/// A prior in two nodes, around the one that there is.
const DOUBLE: &str = "# Twice the prior, which is one more than once.
wuerstchen: 1
inputs:
  text: f32[b,l,d]
  steps: int = 3 {1..40}
  seed: int
nodes:
  first: { use: wuerst.prior, with: { text: $text, steps: $steps, seed: $seed } }
  again: { use: latent.add, with: { a: $first.embedding, b: $first.embedding } }
outputs:
  embedding: $again.sum
  steps: $steps
";

fn bench() -> Bench {
    let mut bench = Bench::new(usize::MAX);
    bench.add("latent.add", "a: f32[b,c,h,w], b: f32[b,c,h,w] -> sum: f32[b,c,h,w]", |_, args| {
        Ok(vec![(&args.tensor_f32("a")? + &args.tensor_f32("b")?).into_shared().into()])
    });
    bench
}

fn add(bench: &mut Bench, graphs: &[(&str, &str)]) -> Result<(), AddGraphError> {
    let graphs: Vec<GraphKind<'_>> =
        graphs.iter().map(|&(kind, text)| GraphKind { kind, text, models: None }).collect();
    add_graphs(&mut bench.registry, &graphs)
}

fn with_prior(bench: &Bench, kind: &str, more: &[Change<'_>]) -> Result<Graph, Error> {
    Graph::load_with(CASCADE, &bench.registry, &[&[Change::Kind("prior", kind)], more].concat())
}

fn prompt() -> [(&'static str, Value); 1] {
    [("prompt", "a red apple".into())]
}

fn said<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn nodes_of_subgraphs_are_remembered() {
    let mut bench = bench();
    add(&mut bench, &[("house.prior", DOUBLE)]).unwrap();
    let spec = bench.registry.get("house.prior").unwrap().spec().clone();
    assert_eq!(
        spec.signature.to_string(),
        "text: f32[b,l,d], steps: int = 3 {1..40}, seed: int -> embedding: f32[b,16,h,w], steps: int"
    );
    assert_eq!(spec.about, "Twice the prior, which is one more than once.");

    let graph = with_prior(&bench, "house.prior", &[]).unwrap();
    let ran = bench.ran(&graph, &prompt());
    assert_eq!(ran, ["tokens", "text", "prior/first", "prior/again", "decode", "vqgan"]);
    let plain = bench.load(&CASCADE.replace("seed: $seed } }", "seed: $seed, steps: 3 } }"));
    assert_eq!(bench.ran(&plain, &prompt()), ["decode", "vqgan"], "the prior within is the prior without");
    let (embedding, _) = bench.output(&graph, "embedding", &prompt());
    let (once, _) = bench.output(&plain, "embedding", &prompt());
    let tensor = |value: Value| match value {
        Value::Tensor(tensor) => tensor.to_f32().unwrap(),
        other => panic!("{other}"),
    };
    assert_eq!(tensor(embedding.unwrap()), tensor(once.unwrap()) * 2.);

    // Changed inside, by a value that is set where the graph is a node: what comes before is not run again.
    let graph = with_prior(&bench, "house.prior", &[Change::Text("prior.steps", "4")]).unwrap();
    let report = bench.report(&graph, "image", &prompt());
    let outcomes: Vec<(&str, &Outcome)> =
        report.nodes.iter().map(|n| (n.node.as_str(), &n.outcome)).collect();
    assert_eq!(outcomes[1], ("text", &Outcome::Reused(CacheHit::Unchanged)));
    assert_eq!(outcomes[2], ("prior/first", &Outcome::Ran(RunReason::Changed(vec!["steps".into()]))));
}

#[test]
fn nested_graphs_are_flattened() {
    let mut bench = bench();
    let outer = DOUBLE.replace("wuerst.prior", "house.inner").replace("{1..40}", "{2..50}");
    // In any order.
    add(&mut bench, &[("house.outer", &outer), ("house.inner", DOUBLE)]).unwrap();
    let graph = with_prior(&bench, "house.outer", &[]).unwrap();
    let ids: Vec<&str> = graph.nodes().iter().map(|node| node.id.as_str()).collect();
    let all = ["tokens", "text", "prior/first/first", "prior/first/again", "prior/again", "decode", "vqgan"];
    assert_eq!(ids, all);
    assert_eq!(bench.ran(&graph, &prompt()), all);

    // Values must satisfy the limits of every nested input.
    let set = |value: i64| {
        let mut graph = graph.clone();
        graph.set("prior.steps", value).map(|()| graph)
    };
    assert_eq!(said(set(1)), "prior.steps: 1 is outside 2..50");
    assert_eq!(
        bench.ran(&set(4).unwrap(), &prompt()),
        ["prior/first/first", "prior/first/again", "prior/again", "decode", "vqgan"]
    );
    let mut inner = graph.clone();
    inner.set("prior/first/first.seed", 5i64).unwrap();
    assert_eq!(bench.ran(&inner, &prompt())[0], "prior/first/first");
    // The same as the graph is read; what does not fit is said of all changes at once, after those of the file.
    let within = |changes: &[Change<'_>]| with_prior(&bench, "house.outer", changes);
    let read = within(&[Change::Text("prior/first/first.seed", "5")]).unwrap();
    assert!(bench.ran(&read, &prompt()).is_empty(), "what `set` made it, reading makes it");
    let error = said(within(&[
        Change::Text("prior/first/first.stepz", "5"),
        Change::Text("prior/first/first.steps", "$steps"),
        Change::Value("prior/first/first.seed", Value::Float(0.5)),
        Change::Text("prior/second.seed", "5"),
        Change::Kind("prior/first", "wuerst.prior"),
    ]));
    let [_, stepz, wire, float, second, kind] = *error.lines().collect::<Vec<_>>() else { panic!("{error}") };
    assert!(stepz.starts_with("prior/first/first.stepz: ") && stepz.contains("`steps`"), "{stepz}");
    assert_eq!(
        wire,
        "prior/first/first.steps: `$steps` is a wire, and wires from here cannot lead into a graph: give a value"
    );
    assert!(float.starts_with("prior/first/first.seed: ") && float.contains("wants int"), "{float}");
    assert!(second.starts_with("prior/second.seed: no node"), "{second}");
    assert_eq!(kind, "prior/first: cannot be changed: make `prior` a graph with another kind there");
    let literal = with_prior(&bench, "house.outer", &[Change::Text("prior.steps", "45")]);
    assert_eq!(
        said(literal),
        "the graph has 1 problem\nprior.steps: 45 is outside 1..40, which `first.steps` allows"
    );
    let wired = with_prior(&bench, "house.outer", &[Change::Text("prior.steps", "$steps")]).unwrap();
    let error = said(wuerst_graph::Inputs::new().set(&wired, "steps", 45i64));
    assert_eq!(error, "steps: 45 is outside 1..40, which `prior/first.steps` allows");
    bench.add("count.words", "text: text -> n: int", |_, args| {
        Ok(vec![(args.text("text")?.split(' ').count() as i64).into()])
    });
    let text =
        CASCADE.replace("  text: {", "  words: { use: count.words, with: { text: $prompt } }\n  text: {");
    let changes = [Change::Kind("prior", "house.outer"), Change::Text("prior.steps", "$words.n")];
    let graph = Graph::load_with(&text, &bench.registry, &changes).unwrap();
    bench.ran(&graph, &prompt());
    let (error, _) = bench.output(&graph, "image", &[("prompt", "one".into())]);
    assert_eq!(said(error), "`prior/first/first`: prior.steps: 1 is outside 2..50");
}

#[test]
fn steps_previews_warnings_and_cancellation_pass_through() {
    #[derive(Default)]
    struct Notes(Vec<String>, Option<CancellationToken>);
    impl Observer for Notes {
        fn planned(&mut self, nodes: &[&str]) {
            self.0.push(nodes.join(" "));
        }
        fn progress(&mut self, node: &str, done: usize, of: usize) {
            self.0.push(format!("{node} {done}/{of}"));
            if let Some(cancel) = self.1.as_ref().filter(|_| done == 2) {
                cancel.cancel();
            }
        }
        fn wants_preview(&self) -> bool {
            true
        }
        fn preview(&mut self, node: &str, rgb: &Tensor) {
            self.0.push(format!("{node} {:?}", rgb.shape()));
        }
        fn warning(&mut self, node: &str, message: &str) {
            self.0.push(format!("{node}: {message}"));
        }
    }
    let mut bench = bench();
    bench.add("test.show", "n: int -> n: int", |ctx, args| {
        ctx.step(1, 4)?;
        ctx.preview(|| Tensor::from(ndarray::Array3::<u8>::zeros((2, 2, 3))));
        ctx.warn("beware");
        ctx.step(2, 4)?;
        ctx.step(3, 4)?;
        Ok(vec![args.int("n")?.into()])
    });
    let inner =
        "{wuerstchen: 1, inputs: {n: int}, nodes: {s: {use: test.show, with: {n: $n}}}, outputs: {n: $s.n}}";
    add(&mut bench, &[("house.show", inner)]).unwrap();
    let graph = bench.load(
        "{wuerstchen: 1, nodes: {a: {use: house.show, with: {n: 1}, devices: [cuda]}}, outputs: {image: $a.n}}",
    );
    assert_eq!(graph.nodes()[0].devices, ["cuda"]);
    let (inputs, cancel, mut notes) = (stub::inputs(&graph, &[]), CancellationToken::new(), Notes::default());
    Run::new(&graph, &inputs, &bench.cache, &cancel, &mut notes).output("image").unwrap();
    assert_eq!(notes.0, ["a/s", "a/s 1/4", "a/s [2, 2, 3]", "a/s: beware", "a/s 2/4", "a/s 3/4"]);
    let mut again = Notes::default();
    Run::new(&graph, &inputs, &bench.cache, &cancel, &mut again).output("image").unwrap();
    assert!(!again.0.iter().any(|note| note.ends_with("1/4")), "remembered: {:?}", again.0);
    assert!(
        again.0.contains(&"a/s: beware".to_owned()),
        "a warning comes with what is remembered: {:?}",
        again.0
    );
    bench.cache.clear();
    let mut notes = Notes(Vec::new(), Some(cancel.clone()));
    let stopped = Run::new(&graph, &inputs, &bench.cache, &cancel, &mut notes).output("image");
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert_eq!(notes.0.last().unwrap(), "a/s 2/4");
}

#[test]
fn lengths_are_compared_through_graphs() {
    let mut bench = bench();
    bench.add("test.pair", "a: f32[n], b: f32[n] -> sum: f32[n]", |_, args| {
        Ok(vec![(&args.tensor_f32("a")? + &args.tensor_f32("b")?).into_shared().into()])
    });
    // Two outputs whose lengths have nothing to do with each other, though both are called n within.
    let two = "{wuerstchen: 1, inputs: {a: 'f32[n]', b: 'f32[3]'}, outputs: {x: $p.sum, y: $q.sum}, nodes: {\
                p: {use: test.pair, with: {a: $a, b: $a}}, q: {use: test.pair, with: {a: $b, b: $b}}}}";
    add(&mut bench, &[("house.two", two)]).unwrap();
    let signature = bench.registry.get("house.two").unwrap().spec().signature.to_string();
    assert_eq!(signature, "a: f32[n], b: f32[3] -> x: f32[n], y: f32[3]");
    let load = |a: &str| {
        Graph::load(
            &format!(
                "{{wuerstchen: 1, inputs: {{a: 'f32[{a}]', b: 'f32[3]'}}, outputs: {{image: $t.sum}}, nodes: {{\
                  s: {{use: house.two, with: {{a: $a, b: $b}}}}, \
                  t: {{use: test.pair, with: {{a: $s.x, b: $s.y}}}}}}}}"
            ),
            &bench.registry,
        )
    };
    assert!(load("3").is_ok());
    let error = said(load("4"));
    assert!(error.contains("f32[n=4]") && error.contains("`$s.y` is f32[3]"), "{error}");
}

#[test]
fn invalid_subgraphs_are_refused_with_place() {
    let mut bench = bench();
    let kinds = bench.registry.kinds().count();
    let mut refused = |graphs: &[(&str, &str)]| {
        let refused = add(&mut bench, graphs).unwrap_err();
        assert_eq!(bench.registry.kinds().count(), kinds, "all or nothing");
        format!("{}: {}", refused.index, refused.error)
    };
    let (own, other) = (DOUBLE.replace("wuerst.prior", "house.a"), DOUBLE.replace("wuerst.prior", "house.b"));
    assert_eq!(
        refused(&[("house.a", &own)]),
        "0: the graph has 1 problem\n8:17: nodes.first.use: a graph cannot be a node of itself: house.a -> house.a"
    );
    assert_eq!(
        refused(&[("house.c", DOUBLE), ("house.a", &other), ("house.b", &own)]),
        "1: the graph has 1 problem\n8:17: nodes.first.use: a graph cannot be a node of itself: \
         house.a -> house.b -> house.a"
    );
    let wrong = DOUBLE.replace("$first.embedding, b", "$frist.embedding, b");
    assert_eq!(
        refused(&[("house.c", DOUBLE), ("house.a", &wrong)]),
        "1: the graph has 1 problem\n9:40: nodes.again.with.a: no node `frist`; did you mean `first`?"
    );
    assert_eq!(refused(&[("wuerst.prior", DOUBLE)]), "0: node kind: `wuerst.prior` is registered already");
    assert!(refused(&[("prior", DOUBLE)]).contains("`prior` is not of the form `namespace.name`"));
    let open = "{wuerstchen: 1, inputs: {x: 'int?'}, outputs: {y: $x}}";
    assert_eq!(
        refused(&[("house.a", open)]),
        "0: output `y` of `house.a`: is the input `x`, which may be left out: what is a node must give each of its outputs"
    );
}

#[test]
fn doubling_graphs_are_limited() {
    let mut bench = bench();
    bench.add("test.next", "n: int -> n: int", |_, args| Ok(vec![(args.int("n")? + 1).into()]));
    let twice = |kind: &str| {
        format!(
            "{{wuerstchen: 1, inputs: {{n: int}}, outputs: {{n: $b.n}}, nodes: {{\
              a: {{use: {kind}, with: {{n: $n}}}}, b: {{use: {kind}, with: {{n: $a.n}}}}}}}}"
        )
    };
    let mut kind = "test.next".to_owned();
    let error = (0..30).find_map(|level| {
        let text = twice(&kind);
        kind = format!("test.twice{level}");
        add(&mut bench, &[(&kind, &text)]).err()
    });
    let error = error.unwrap().error.to_string();
    assert!(
        error.ends_with("nodes.b: with the nodes in `test.twice15` the graph has more than 100000 nodes"),
        "{error}"
    );
}

#[test]
fn file_names_resolve_where_written() {
    let mut bench = bench();
    bench.add("test.read", "file: file, also: model -> text: text", |_, args| {
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path).map_err(|e| Error::Internal(e.to_string()))
        };
        Ok(vec![(read(args.file("file")?.path())? + &read(args.model("also")?.path())?).into()])
    });
    let folder = tempfile::tempdir().unwrap();
    let models = |name: &str| {
        let within = folder.path().join(name);
        std::fs::create_dir_all(&within).unwrap();
        std::fs::write(within.join("a.txt"), format!("{name} file, ")).unwrap();
        std::fs::write(within.join("m"), format!("{name} model")).unwrap();
        let of_models = within.clone();
        Models::new(move |name| Ok(of_models.join(name))).with_files(Files::in_folder(within))
    };
    bench.registry.set_models(models("outer"));
    let (inner, innermost) = (models("inner"), models("innermost"));
    let least = "{wuerstchen: 1, inputs: {file: 'file = \"a.txt\"'}, outputs: {text: $r.text}, nodes: {\
                 r: {use: test.read, with: {file: $file, also: m}}}}";
    let middle = "{wuerstchen: 1, inputs: {file: 'file?', own: 'file = \"a.txt\"'}, outputs: {a: $a.text, b: $b.text, \
                  c: $c.text}, nodes: {a: {use: house.least, with: {file: $file}}, b: {use: house.least}, \
                  c: {use: test.read, with: {file: $own, also: m}}}}";
    let kind = |kind, text, models: &Models| GraphKind { kind, text, models: Some(models.clone()) };
    let graphs = [kind("house.middle", middle, &inner), kind("house.least", least, &innermost)];
    add_graphs(&mut bench.registry, &graphs).unwrap();
    let graph = |with: &str, changes: &[Change<'_>]| {
        let text = format!(
            "{{wuerstchen: 1, inputs: {{file: 'file?', own: 'file = \"a.txt\"'}}, nodes: {{n: {{use: house.middle, \
             with: {{{with}}}}}}}, outputs: {{a: $n.a, b: $n.b, c: $n.c}}}}"
        );
        Graph::load_with(&text, &bench.registry, changes)
    };
    let read = |graph: &Graph, sets: &[(&str, Value)]| {
        ["a", "b", "c"].map(|name| match bench.output(graph, name, sets).0.unwrap() {
            Value::Text(text) => text.to_string(),
            other => panic!("{other}"),
        })
    };
    let all = |graph: &Graph| read(graph, &[]);
    let innermost = "innermost file, innermost model";
    // Defaults and literals of each file, left out, and wired to what is left out.
    for with in ["", "file: $file", "own: $file"] {
        assert_eq!(
            all(&graph(with, &[]).unwrap()),
            [innermost, innermost, "inner file, inner model"],
            "{with}"
        );
    }
    // Values given by the outer graph are written in the outer graph, as a literal or as its input's default.
    let given = graph("file: a.txt, own: $own", &[]).unwrap();
    assert_eq!(all(&given), ["outer file, innermost model", innermost, "outer file, inner model"]);
    // A value given by the caller is a path.
    let path = folder.path().join("inner/m");
    let path = path.to_str().unwrap();
    let changed = graph("", &[Change::Text("n.file", path)]).unwrap();
    assert_eq!(all(&changed)[0], "inner modelinnermost model");
    let set = graph("file: $file", &[]).unwrap();
    assert_eq!(read(&set, &[("file", path.into())])[0], "inner modelinnermost model");

    // Messages about missing files name the searched folder.
    std::fs::remove_file(folder.path().join("innermost/a.txt")).unwrap();
    let text = "{wuerstchen: 1, nodes: {n: {use: house.least}}, outputs: {t: $n.text}}";
    let error = said(Graph::load(text, &bench.registry));
    assert!(
        error.contains("nodes.n: no file `a.txt`") && error.contains("innermost has no such file"),
        "{error}"
    );
}

#[test]
fn nested_changes_are_checked() {
    let mut bench = bench();
    bench.add("test.pair", "a: f32[n], b: f32[n] -> sum: f32[n]", |_, args| {
        Ok(vec![(&args.tensor_f32("a")? + &args.tensor_f32("b")?).into_shared().into()])
    });
    let inner = "{wuerstchen: 1, inputs: {a: 'f32[n]', b: 'f32[3]'}, outputs: {x: $p.sum, y: $q.sum}, nodes: {\
                 p: {use: test.pair, with: {a: $a, b: $a}}, q: {use: test.pair, with: {a: $b, b: $b}}}}";
    let outer = "{wuerstchen: 1, inputs: {a: 'f32[3]', b: 'f32[3]'}, outputs: {x: $in.x, y: $in.y}, nodes: {\
                 in: {use: house.inner, with: {a: $a, b: $b}}}}";
    add(&mut bench, &[("house.inner", inner), ("house.outer", outer)]).unwrap();
    let text = "{wuerstchen: 1, inputs: {a: 'f32[3]', b: 'f32[3]'}, outputs: {image: $last.sum}, nodes: {\
                s: {use: house.outer, with: {a: $a, b: $b}}, last: {use: test.pair, with: {a: $s.x, b: $s.y}}}}";
    let row = |length: usize| Value::from(ndarray::Array1::from_elem(length, 1f32));
    let load = |changes: &[Change<'_>]| Graph::load_with(text, &bench.registry, changes);
    let (a, b) =
        (|length| Change::Value("s/in/p.a", row(length)), |length| Change::Value("s/in/p.b", row(length)));

    let good = load(&[a(3), b(3)]).unwrap();
    let sets = [("a", row(3)), ("b", ndarray::Array1::from_elem(3, 2f32).into())];
    assert_eq!(bench.ran(&good, &sets), ["s/in/p", "s/in/q", "last"]);
    // Problems in the node itself, and in the graph that uses this graph.
    let error = said(load(&[a(4), b(5)]));
    assert!(
        error.ends_with("\ns/in/p.b: wants f32[n=4], but this is f32[5]; `n` is 4 because of `p.a`"),
        "{error}"
    );
    let error = said(load(&[a(4)]));
    assert!(
        error.contains("\ns: in `house.outer`, 1:")
            && error.ends_with(": nodes.in.with.a: wants f32[4], but `$a` is f32[3]"),
        "{error}"
    );
    let error = said(load(&[a(4), b(4)]));
    assert!(error.contains("nodes.last.with.b: wants f32[n=4], but `$s.y` is f32[3]"), "{error}");
    let plain = said(load(&[Change::Text("last/a.b", "1"), Change::Text("lst/a.b", "1")]));
    assert!(plain.contains("last/a.b: `last` is `test.pair`, which is not a graph"), "{plain}");
    assert!(plain.contains("lst/a.b: no node `lst`; did you mean `last`?"), "{plain}");
}

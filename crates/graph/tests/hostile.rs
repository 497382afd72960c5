//! Files that are made to do harm end in errors, and cost no more than their size.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod stub;

use stub::{Bench, CASCADE};
use wuerst_core::{Diagnostic, Error, Value};
use wuerst_graph::{Graph, excerpt, read_file};

/// Messages about a refused file.
fn refused(text: &str) -> Vec<Diagnostic> {
    match Graph::load(text, &Bench::new(0).registry) {
        Err(Error::Graph(problems)) => problems,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a graph of {} bytes is taken", text.len()),
    }
}

/// Whether the messages fit on a few screens, whatever the file is.
fn short(text: &str, problems: &[Diagnostic]) -> bool {
    let shown = |p: &Diagnostic| p.to_string().len() + excerpt(text, p).map_or(0, |e| e.len());
    problems.len() <= 201 && problems.iter().all(|p| shown(p) < 10_000)
}

#[test]
fn aliases_do_not_explode() {
    // Ten levels of ten: written out, ten thousand million words.
    let mut text = "wuerstchen: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
    }
    let problems = refused(&text);
    assert!(
        short(&text, &problems) && problems.iter().any(|p| p.message.contains("an alias")),
        "{problems:?}"
    );
    // An alias of what it stands in.
    let problems = refused("a: &a { b: *a }\n");
    assert!(problems.iter().any(|p| p.message.contains("an alias")), "{problems:?}");
    // One of each, many times.
    let many = format!("wuerstchen: 1\ninputs: &i {{}}\noutputs:\n{}", "  a: *i\n".repeat(100_000));
    assert!(short(&many, &refused(&many)));
}

#[test]
fn deep_nesting_is_passed_over() {
    const DEPTH: usize = 10_000;
    let flow = format!("a: {}{}\nwuerstchen: 1\n", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let mapping = format!("a: {}x{}\n", "{a: ".repeat(DEPTH), "}".repeat(DEPTH));
    let open = format!("wuerstchen: 1\na: {}", "{[".repeat(DEPTH));
    let block = format!("a:\n  {}x\nwuerstchen: 1\n", "- ".repeat(DEPTH));
    let keys = format!("a:\n  {}x\n", "? ".repeat(DEPTH));
    let indented: String = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for text in [flow, mapping, open, block, keys, indented] {
        let problems = refused(&text);
        assert!(short(&text, &problems), "{problems:?}");
        let deep = |p: &Diagnostic| p.message.contains("nested") || p.message.contains("not YAML");
        assert!(problems.iter().any(deep), "{}…: {problems:?}", &text[..40]);
    }
}

#[test]
fn large_files_are_refused_unread() {
    let text = "#".repeat(10 << 20);
    let problems = refused(&text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("at most 4 MiB"), "{problems:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    assert!(read_file(file.path()).unwrap_err().to_string().contains("too long"));
}

/// Files as large as they may be, in which everything is wrong.
#[test]
fn large_files_of_rubbish_have_few_problems() {
    const SIZE: usize = 4_000_000;
    let filled = |line: &str| line.repeat(SIZE / line.len());
    let nodes = format!(
        "wuerstchen: 1\nnodes:\n{}outputs: {{ a: $a.b }}\n",
        filled("  a: { use: b.c, with: { d: $e.f } }\n")
    );
    let different: String =
        (0..60_000).map(|n| format!("  n{n}: {{ use: x.y{n}, with: {{ d: $m{n}.f }} }}\n")).collect();
    let different = format!("wuerstchen: 1\nnodes:\n{different}outputs: {{ a: $a.b }}\n");
    let keys: String = (0..300_000).map(|n| format!("key{n}: 1\n")).collect();
    let name = format!("wuerstchen: 1\noutputs: {{ {}: $x }}\n", "n".repeat(SIZE));
    let wire = format!("wuerstchen: 1\noutputs: {{ a: ${} }}\n", "n".repeat(SIZE));
    let declaration =
        format!("wuerstchen: 1\ninputs: {{ a: 'f32[{}]' }}\noutputs: {{ a: $a }}\n", "n,".repeat(SIZE / 2));
    let brackets = filled("[");
    let quotes = format!("a: \"{}", filled("x\n"));
    let controls = filled("\u{7}");
    let sections = filled("a: }\n");
    for text in [nodes, different, keys, name, wire, declaration, brackets, quotes, controls, sections] {
        let problems = refused(&text);
        assert!(!problems.is_empty() && short(&text, &problems), "{}…: {}", &text[..40], problems.len());
    }
}

#[test]
fn huge_lengths_are_handled() {
    let graph = |declaration: &str| {
        format!("wuerstchen: 1\ninputs: {{ x: '{declaration}' }}\noutputs: {{ x: $x }}\n")
    };
    let bench = Bench::new(0);
    let large = format!("f32[{0},{0},{0}]", usize::MAX);
    let loaded = Graph::load(&graph(&large), &bench.registry).unwrap();
    // Such a tensor cannot exist, and none is allocated to find out.
    let small = Value::from(ndarray::Array3::<f32>::zeros((1, 1, 1)));
    let said = wuerst_graph::Inputs::new().set(&loaded, "x", small).unwrap_err().to_string();
    assert!(said.contains("wants f32[18446744073709551615,"), "{said}");
    let problems = refused(&graph("f32[18446744073709551616]"));
    assert!(problems[0].message.contains("too large"), "{problems:?}");
    assert!(wuerst_core::Tensor::from_vec(&[usize::MAX, usize::MAX], vec![0f32]).is_err());
    assert!(wuerst_core::Tensor::from_vec(&[1 << 62, 1 << 62, 0], vec![0f32]).is_err());
}

#[test]
fn texts_of_other_systems_are_read() {
    let bench = Bench::new(0);
    let taken = |text: &str| {
        Graph::load(text, &bench.registry).map(|graph| graph.nodes().len()).map_err(|e| e.to_string())
    };
    assert_eq!(taken(&CASCADE.replace('\n', "\r\n")), Ok(5));
    assert_eq!(taken(&format!("\u{feff}{}", CASCADE.trim_start())), Ok(5));
    for odd in ["\0", "\u{1b}", "\u{7f}", "\u{fffe}"] {
        let text = CASCADE.replacen("prompt: text", &format!("prompt: {odd}text"), 1);
        let problems = refused(&text);
        let code = format!("U+{:04X}", u32::from(odd.chars().next().unwrap()));
        assert!(problems[0].message.contains(&code) && problems[0].line == 4, "{problems:?}");
    }
}

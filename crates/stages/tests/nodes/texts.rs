//! `text.*`, `tensor.*` and `switch.*`.

use std::fs;

use wuerst_core::{Tensor, Value};

use crate::{floats, node, said, tensor};

#[test]
fn texts_are_joined_listed_and_picked() {
    let folder = tempfile::tempdir().unwrap();
    let one = |kind: &str, with: &str, output: &str| node(folder.path(), kind, with, output, &[]);
    assert_eq!(one("text.join", "a: apple, b: ' ', c: red", "text").unwrap(), Value::from("apple, red"));
    assert_eq!(one("text.join", "a: x, b: y, between: ''", "text").unwrap(), Value::from("xy"));
    let list = r#"text: " one \n\n# no\ntwo""#;
    assert_eq!(one("text.lines", list, "lines").unwrap(), Value::from("one\ntwo"));
    assert_eq!(one("text.lines", list, "count").unwrap(), Value::Int(2));
    let list = list.replace("text", "lines");
    assert_eq!(one("text.pick", &format!("{list}, index: 1"), "line").unwrap(), Value::from("two"));
    assert!(said(one("text.pick", &format!("{list}, index: 2"), "line")).contains("behind the last of 2"));

    fs::write(folder.path().join("a.txt"), "\u{feff}eine Würstchenbude\n").unwrap();
    assert_eq!(one("text.load", "file: a.txt", "text").unwrap(), Value::from("eine Würstchenbude\n"));
    fs::write(folder.path().join("a.txt"), [0xff, 0xfe]).unwrap();
    let message = said(one("text.load", "file: a.txt", "text"));
    assert!(message.contains("a.txt") && message.contains("UTF-8"), "{message}");
    fs::File::create(folder.path().join("a.txt")).unwrap().set_len(1 << 40).unwrap();
    assert!(said(one("text.load", "file: a.txt", "text")).contains("16 MiB"));
}

#[test]
fn joined_texts_have_end() {
    // Each node joins the one before four times: 4^20 letters.
    let join = |i: usize| {
        format!(
            "  n{i}: {{ use: text.join, with: {{ a: $n{0}.text, b: $n{0}.text, c: $n{0}.text, d: $n{0}.text }} }}\n",
            i - 1
        )
    };
    let nodes: String = (1..=20).map(join).collect();
    let text = format!(
        "wuerstchen: 1\nnodes:\n  n0: {{ use: text.join, with: {{ a: apple, b: apple }} }}\n{nodes}outputs: {{ text: $n20.text }}\n"
    );
    let graph = wuerst_graph::Graph::load(&text, &crate::registry(std::path::Path::new("."))).unwrap();
    let (inputs, cache, cancel) =
        (wuerst_graph::Inputs::new(), wuerst_graph::Cache::new(0), wuerst_core::CancellationToken::new());
    let message = wuerst_graph::Run::new(&graph, &inputs, &cache, &cancel, &mut ())
        .output("text")
        .unwrap_err()
        .to_string();
    assert!(message.contains("`n11`: text: would have") && message.contains("16 MiB"), "{message}");
}

#[test]
fn switch_takes_one_of_two() {
    let here = std::path::Path::new(".");
    for (on, want) in [("true", 1), ("false", 2)] {
        let value = node(here, "switch.int", &format!("on: {on}, yes: 1, no: 2"), "value", &[]);
        assert_eq!(value.unwrap(), Value::Int(want));
    }
    let (a, b) = (
        Tensor::from_vec(&[1, 1, 3], vec![1u8; 3]).unwrap(),
        Tensor::from_vec(&[1, 1, 3], vec![2u8; 3]).unwrap(),
    );
    let value = node(here, "switch.image", "on: false, yes: $a, no: $b", "value", &[&a, &b]);
    assert_eq!(tensor(value), b);
    assert!(said(node(here, "switch.int", "on: true, yes: one, no: 2", "value", &[])).contains("wants int"));
}

#[test]
fn tensors_are_mixed_scaled_and_drawn() {
    let here = std::path::Path::new(".");
    let of = |values: [f32; 2]| Tensor::from_vec(&[1, 2, 1, 1], values.to_vec()).unwrap();
    let (a, b) = (of([1., 0.]), of([0., 3.]));
    let mix = |kind: &str, amount: &str| {
        floats(node(here, kind, &format!("a: $a, b: $b, amount: {amount}"), "tensor", &[&a, &b]))
    };
    assert_eq!(mix("tensor.blend", "0.25"), [0.75, 0.75]);
    for kind in ["tensor.blend", "tensor.interpolate"] {
        assert_eq!((mix(kind, "0.0"), mix(kind, "1.0")), (vec![1., 0.], vec![0., 3.]), "{kind}");
    }
    // Half of a right angle, at the mean length.
    let half = mix("tensor.interpolate", "0.5");
    assert!(half.iter().all(|x| (x - 2f32.sqrt()).abs() < 1e-6), "{half:?}");
    let scaled = node(here, "tensor.scale", "tensor: $a, factor: 2.0, offset: -1.0", "scaled", &[&a]);
    assert_eq!(floats(scaled), [1., -1.]);

    let noise = |with: &str| node(here, "tensor.noise", with, "tensor", &[]);
    let size = "channels: 16, height: 32, width: 32";
    let drawn = floats(noise(size));
    let mean = drawn.iter().sum::<f32>() / drawn.len() as f32;
    let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / drawn.len() as f32;
    assert!(mean.abs() < 0.03 && (variance - 1.).abs() < 0.05, "{mean} {variance}");
    assert_eq!(drawn, floats(noise(size)));
    assert_ne!(drawn, floats(noise(&format!("{size}, seed: 1"))));
    assert!(said(noise("channels: 4096, height: 4096, width: 4096")).contains("the maximum is 16777216"));

    let batch = Tensor::from_vec(&[2, 1, 1, 1], vec![5f32, 6.]).unwrap();
    assert_eq!(
        tensor(node(here, "tensor.pick", "tensors: $a, index: 1", "tensor", &[&batch])).shape(),
        [1, 1, 1, 1]
    );
    assert!(
        said(node(here, "tensor.pick", "tensors: $a, index: 2", "tensor", &[&batch])).contains("last of 2")
    );
    let states = Tensor::from_vec(&[1, 1, 2], vec![1f32, 2.]).unwrap();
    let zeros = Tensor::from_vec(&[1, 1, 2], vec![0f32; 2]).unwrap();
    let between = node(here, "text.blend", "a: $a, b: $b, amount: 0.5", "states", &[&states, &zeros]);
    assert_eq!(floats(between), [0.5, 1.]);
}

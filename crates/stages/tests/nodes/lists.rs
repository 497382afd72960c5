//! Lists of numbers, texts, pictures and states.

use std::path::Path;

use wuerst_core::{Result, Tensor, Value};

use crate::{floats, node, said, tensor};

fn one(kind: &str, with: &str, output: &str, tensors: &[&Tensor]) -> Result<Value> {
    node(Path::new("."), kind, with, output, tensors)
}

fn ints(value: Result<Value>) -> Vec<i64> {
    tensor(value).values::<i64>().unwrap().to_vec()
}

fn text(value: Result<Value>) -> String {
    match value.unwrap() {
        Value::Text(text) => text.to_string(),
        other => panic!("{other} is not a text"),
    }
}

#[test]
fn texts_are_read_as_numbers() {
    assert_eq!(
        one("int.from_text", "text: ' 18446744073709551615 '", "number", &[]).unwrap(),
        u64::MAX.into()
    );
    assert_eq!(one("float.from_text", "text: '-1e-3'", "number", &[]).unwrap(), Value::Float(-0.001));
    assert_eq!(ints(one("int.list", r#"lines: "7\n# no\n\n -3""#, "numbers", &[])), [7, -3]);
    assert_eq!(one("int.list", r#"lines: "7\n8""#, "count", &[]).unwrap(), Value::Int(2));
    assert_eq!(floats(one("float.list", r#"lines: "0.3\n1""#, "numbers", &[])), [0.3, 1.]);
    let said = |kind: &str, with: &str, output: &str| said(one(kind, with, output, &[]));
    assert!(
        said("int.from_text", "text: '7.5'", "number")
            .contains("`7.5` is not a whole number: write digits alone")
    );
    assert!(said("float.from_text", "text: 'nan'", "number").contains("`nan` is not a number"));
    assert!(
        said("float.list", r#"lines: "1\n1e300""#, "numbers").contains("entry 2: `1e300` is not a number")
    );
    assert!(said("int.list", r##"lines: "# none""##, "numbers").contains("without numbers"));
    assert!(said("int.list", "lines: '18446744073709551615'", "numbers").contains("too large for a list"));
    let long = format!("lines: \"{}\"", "1\\n".repeat(1_000_000));
    assert!(said("int.list", &long, "numbers").contains("has 1000000 lines; the maximum is 16384"));
}

#[test]
fn lists_of_numbers_are_made() {
    assert_eq!(ints(one("int.range", "first: 5, count: 3", "numbers", &[])), [5, 6, 7]);
    assert_eq!(ints(one("int.range", "first: 5, count: 3, step: 0", "numbers", &[])), [5, 5, 5]);
    assert_eq!(
        floats(one("float.range", "first: 1.0, last: 0.0, count: 5", "numbers", &[])),
        [1., 0.75, 0.5, 0.25, 0.]
    );
    assert_eq!(floats(one("float.range", "first: 0.4, count: 1", "numbers", &[])), [0.4]);
    let numbers = Tensor::from_vec(&[2], vec![1i64, 2]).unwrap();
    let repeated =
        |with: &str| ints(one("int.repeat", &format!("numbers: $a{with}"), "numbers", &[&numbers]));
    assert_eq!(repeated(", each: 2"), [1, 1, 2, 2]);
    assert_eq!(repeated(", all: 2"), [1, 2, 1, 2]);
    assert_eq!(one("int.pick", "numbers: $a, index: 1", "number", &[&numbers]).unwrap(), Value::Int(2));
    assert_eq!(one("int.count", "numbers: $a", "count", &[&numbers]).unwrap(), Value::Int(2));
    assert_eq!(
        ints(one("int.concat", "a: $a, b: $b, c: $a", "numbers", &[&numbers, &numbers])),
        [1, 2, 1, 2, 1, 2]
    );
    let halves = Tensor::from_vec(&[2], vec![0.5f32, 1.5]).unwrap();
    assert_eq!(one("float.pick", "numbers: $a", "number", &[&halves]).unwrap(), Value::Float(0.5));
    let said = |kind: &str, with: &str| said(one(kind, with, "numbers", &[&numbers]));
    assert!(said("int.range", "count: 1000000").contains("outside 1..16384"));
    assert!(said("int.range", "first: 9223372036854775807, count: 2").contains("do not stay between"));
    let often = said("int.repeat", "numbers: $a, each: 16384, all: 16384");
    assert!(often.contains("makes 2 numbers 16384 times 16384 times; the maximum is 16384"), "{often}");
    assert!(
        crate::said(one("int.pick", "numbers: $a, index: 2", "number", &[&numbers])).contains("last of 2")
    );
}

#[test]
fn lists_of_texts_are_parted_joined_and_repeated() {
    let lines = r#"lines: "7 | a red apple\n12|grapes | green""#;
    assert_eq!(text(one("text.part", lines, "first", &[])), "7\n12");
    assert_eq!(text(one("text.part", lines, "rest", &[])), "a red apple\ngrapes | green");
    let refused = said(one("text.part", r#"lines: "1|a\nb""#, "rest", &[]));
    assert!(refused.contains("entry 2, `b`, has no two parts with `|` between them"), "{refused}");
    let with = r#"lines: "oil\nink", before: an apple, after: """#;
    assert_eq!(text(one("text.join_lines", with, "lines", &[])), "an apple, oil\nan apple, ink");
    assert_eq!(
        text(one("text.join_lines", r#"lines: oil, before: "two\nlines""#, "lines", &[])),
        "two lines, oil"
    );
    let with = r#"lines: "a\nb", each: 2, all: 2"#;
    assert_eq!(text(one("text.repeat", with, "lines", &[])), "a\na\nb\nb\na\na\nb\nb");
    assert_eq!(one("text.repeat", with, "count", &[]).unwrap(), Value::Int(8));
    let often = said(one("text.repeat", r#"lines: "a\nb", each: 16384, all: 16384"#, "lines", &[]));
    assert!(often.contains("makes 536870912 entries; the maximum is 16384"), "{often}");
    let long = format!("lines: \"{}\"", "a\\n".repeat(1_000_000));
    assert!(said(one("text.repeat", &long, "lines", &[])).contains("has 1000000 entries"));
    assert!(said(one("text.join_lines", &long, "lines", &[])).contains("the maximum is 16384"));
    let wide = format!("lines: \"{}\", before: \"{}\"", "a\\n".repeat(16_000), "b".repeat(16_000));
    assert!(said(one("text.join_lines", &wide, "lines", &[])).contains("the maximum is 16 MiB"));
}

#[test]
fn lists_of_any_length_are_joined() {
    let pictures =
        |count: usize, colour: u8| Tensor::from_vec(&[count, 1, 2, 3], vec![colour; count * 6]).unwrap();
    let (a, b) = (pictures(3, 1), pictures(5, 2));
    let all = tensor(one("image.concat", "a: $a, b: $b", "images", &[&a, &b]));
    assert_eq!(all.shape(), [8, 1, 2, 3]);
    assert_eq!(all.values::<u8>().unwrap()[17..19], [1, 2]);
    assert_eq!(one("image.count", "images: $a", "count", &[&all]).unwrap(), Value::Int(8));
    let large = Tensor::from_vec(&[1, 2, 2, 3], vec![0u8; 12]).unwrap();
    let refused = said(one("image.concat", "a: $a, b: $b", "images", &[&a, &large]));
    assert!(refused.contains("wants u8[m=1,h=1,w=2,3]"), "{refused}");

    let states = |first: f32| Tensor::from_vec(&[1, 1, 2], vec![first, 1.]).unwrap();
    let (from, to) = (states(0.), states(4.));
    let both = tensor(one("text.concat_states", "a: $a, b: $b", "states", &[&from, &to]));
    assert_eq!(both.shape(), [2, 1, 2]);
    assert_eq!(tensor(one("text.pick_states", "states: $a, index: 1", "states", &[&both])), to);
    let amounts = Tensor::from_vec(&[3], vec![0f32, 0.25, 1.]).unwrap();
    let sweep = floats(one("text.sweep", "a: $a, b: $b, amounts: $c", "states", &[&from, &to, &amounts]));
    assert_eq!(sweep, [0., 1., 1., 1., 4., 1.]);
    let beyond = Tensor::from_vec(&[1], vec![1.5f32]).unwrap();
    let refused = said(one("text.sweep", "a: $a, b: $b, amounts: $c", "states", &[&from, &to, &beyond]));
    assert!(refused.contains("1.5 is outside 0.0..1.0"), "{refused}");
    let embedding = Tensor::from_vec(&[2, 1, 1, 1], vec![1f32, 2.]).unwrap();
    let four = tensor(one("tensor.concat", "a: $a, b: $a", "tensors", &[&embedding]));
    assert_eq!(one("tensor.count", "tensors: $a", "count", &[&four]).unwrap(), Value::Int(4));
}

//! `int.*`, and sizes of pictures as numbers.

use std::path::Path;

use wuerst_core::{Result, Tensor, Value};

use crate::{bytes, node, said};

fn one(kind: &str, with: &str, output: &str, tensors: &[&Tensor]) -> Result<Value> {
    node(Path::new("."), kind, with, output, tensors)
}

#[test]
fn whole_numbers_are_calculated_with() {
    let int = |kind: &str, with: &str, output: &str| one(kind, with, output, &[]).unwrap();
    assert_eq!(int("int.add", "a: 40, b: 2", "sum"), Value::Int(42));
    assert_eq!(int("int.add", "a: 18446744073709551615, b: -1", "sum"), Value::from(u64::MAX - 1));
    assert_eq!(int("int.multiply", "a: -6, b: 7", "product"), Value::Int(-42));
    let round = |with: &str| int("int.round_to", &format!("number: {with}"), "number");
    for (with, want) in [
        ("70, multiple: 16", 64),
        ("72, multiple: 16", 80),
        ("64, multiple: 16, way: up", 64),
        ("65, multiple: 16, way: up", 80),
        ("79, multiple: 16, way: down", 64),
        ("-7, multiple: 4, way: down", -8),
        ("-7, multiple: 4, way: up", -4),
        ("-6, multiple: 4", -4),
        ("0, multiple: 18446744073709551615", 0),
    ] {
        assert_eq!(round(with), Value::Int(want), "{with}");
    }
}

#[test]
fn overflowing_numbers_are_refused() {
    let said = |kind: &str, with: &str, output: &str| said(one(kind, with, output, &[]));
    let most = "18446744073709551615";
    assert!(said("int.add", &format!("a: {most}, b: 1"), "sum").contains("use smaller numbers"));
    assert!(
        said("int.multiply", &format!("a: {most}, b: {most}"), "product").contains("use smaller numbers")
    );
    assert!(
        said("int.multiply", &format!("a: -9223372036854775808, b: {most}"), "product")
            .contains("use smaller")
    );
    let up = format!("number: {most}, multiple: 2, way: up");
    assert!(said("int.round_to", &up, "number").contains("use smaller numbers"));
    assert!(said("int.round_to", "number: 1, multiple: 0", "number").contains("0 is outside 1.."));
}

#[test]
fn picture_tells_its_size() {
    let picture = Tensor::from_vec(&[2, 3, 3], vec![9u8; 18]).unwrap();
    assert_eq!(one("image.size", "image: $a", "width", &[&picture]).unwrap(), Value::Int(3));
    assert_eq!(one("image.size", "image: $a", "height", &[&picture]).unwrap(), Value::Int(2));
}

#[test]
fn fitted_picture_is_restored() {
    let of = |value: u8| Tensor::from_vec(&[4, 8, 3], vec![value; 96]).unwrap();
    let (old, made, fitted) = (
        of(100),
        Tensor::from_vec(&[4, 4, 3], vec![160u8; 48]).unwrap(),
        Tensor::from_vec(&[4, 4, 3], vec![150u8; 48]).unwrap(),
    );
    let reds = |with: &str, tensors: &[&Tensor]| -> Vec<u8> {
        bytes(one("image.unfit", with, "image", tensors)).chunks(3).map(|rgb| rgb[0]).collect()
    };
    let both = [&made, &old];
    assert_eq!(reds("image: $a, original: $b", &both), [160; 32]);
    // The cropped part stays.
    assert_eq!(
        reds("image: $a, original: $b, way: crop", &both)[..8],
        [100, 100, 160, 160, 160, 160, 100, 100]
    );
    // Only the difference counts.
    assert_eq!(reds("image: $a, original: $b, fitted: $c", &[&made, &old, &fitted]), [110; 32]);
    assert_eq!(reds("image: $a, original: $b, fitted: $a", &both), [100; 32]);
    let mask: Vec<f32> = (0..32).map(|at| [0., 0.5, 1., 7.][at % 4]).collect();
    let mask = Tensor::from_vec(&[4, 8], mask).unwrap();
    assert_eq!(reds("image: $a, original: $b, mask: $c", &[&made, &old, &mask])[..4], [100, 130, 160, 160]);
    let small = Tensor::from_vec(&[4, 4], vec![1f32; 16]).unwrap();
    let refused =
        said(one("image.unfit", "image: $a, original: $b, mask: $c", "image", &[&made, &old, &small]));
    assert!(refused.contains("mask") && refused.contains("w=8"), "{refused}");
}

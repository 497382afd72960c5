//! `image.*`, but for files.

use std::path::Path;

use wuerst_core::{Result, Tensor, Value};

use crate::{bytes, floats, node, said, tensor};

fn one(kind: &str, with: &str, output: &str, pictures: &[&Tensor]) -> Result<Value> {
    node(Path::new("."), kind, with, output, pictures)
}

/// Two rows of three pixels, numbered.
fn numbered() -> Tensor {
    Tensor::from_vec(&[2, 3, 3], (0..6u8).flat_map(|i| [i * 10; 3]).collect()).unwrap()
}

/// The first colour of each pixel.
fn reds(value: Result<Value>) -> Vec<u8> {
    bytes(value).chunks(3).map(|rgb| rgb[0]).collect()
}

#[test]
fn pictures_are_resized() {
    let picture = numbered();
    let sized = |with: &str| {
        tensor(one("image.resize", &format!("image: $a, {with}"), "image", &[&picture])).shape().to_vec()
    };
    assert_eq!(sized("width: 6"), [4, 6, 3]);
    assert_eq!(sized("height: 1"), [1, 2, 3]);
    assert_eq!(sized("width: 5, height: 7"), [7, 5, 3]);
    assert_eq!(sized("factor: 0.01"), [1, 1, 3]);
    let doubled = one("image.resize", "image: $a, factor: 2, filter: nearest", "image", &[&picture]);
    assert_eq!(reds(doubled)[..6], [0, 0, 10, 10, 20, 20]);
    let said = |with: &str| said(one("image.resize", &format!("image: $a{with}"), "image", &[&picture]));
    assert!(said("").contains("or a factor") && said(", width: 2, factor: 2").contains("one or the other"));
    assert!(said(", width: 16384, height: 16384").contains("67108864 at most"));
    let none = Tensor::from_vec(&[0, 3, 3], Vec::<u8>::new()).unwrap();
    assert!(
        crate::said(one("image.resize", "image: $a, factor: 2", "image", &[&none]))
            .contains("without pixels")
    );
}

#[test]
fn pictures_are_cut_and_framed() {
    let picture = numbered();
    let cut = one("image.crop", "image: $a, left: 1, top: 1, width: 2, height: 1", "image", &[&picture]);
    assert_eq!(reds(cut), [40, 50]);
    let outside = "image: $a, left: 2, top: 0, width: 2, height: 1";
    assert!(said(one("image.crop", outside, "image", &[&picture])).contains("2 pixels from 2 on"));
    let huge = "image: $a, left: 9223372036854775807, width: 9223372036854775807, height: 1";
    assert!(said(one("image.crop", huge, "image", &[&picture])).contains("do not fit"));
    let framed = one("image.pad", "image: $a, left: 1, bottom: 1, colour: '#ff0102'", "image", &[&picture]);
    let framed = bytes(framed);
    assert_eq!(framed.len(), 3 * 4 * 3);
    assert_eq!((&framed[..3], &framed[3..6]), (&[255u8, 1, 2][..], &[0u8; 3][..]));
    assert!(said(one("image.pad", "image: $a, colour: red", "image", &[&picture])).contains("#ff8000"));
}

#[test]
fn masks_choose_between_pictures() {
    let (black, white) = (
        Tensor::from_vec(&[1, 2, 3], vec![0u8; 6]).unwrap(),
        Tensor::from_vec(&[1, 2, 3], vec![255u8, 255, 255, 0, 255, 0]).unwrap(),
    );
    let mask = floats(one("image.mask", "image: $a", "mask", &[&white]));
    assert!(mask[0] == 1. && (mask[1] - 0.7152).abs() < 1e-6, "{mask:?}");
    assert_eq!(floats(one("image.mask", "image: $a, invert: true", "mask", &[&black])), [1., 1.]);
    let mask = Tensor::from_vec(&[1, 2], vec![-3f32, 7.]).unwrap();
    let mixed = one("image.composite", "below: $a, above: $b, mask: $c", "image", &[&black, &white, &mask]);
    assert_eq!(bytes(mixed), [0, 0, 0, 0, 255, 0]);
    let half = one("image.blend", "a: $a, b: $b, amount: 0.5", "image", &[&black, &white]);
    assert_eq!(bytes(half), [128, 128, 128, 0, 128, 0]);

    let square = Tensor::from_vec(&[4, 4, 3], vec![0u8; 48]).unwrap();
    let boxed = floats(one(
        "image.box",
        "image: $a, left: 0.5, right: 1.0, top: 0.0, bottom: 0.5",
        "mask",
        &[&square],
    ));
    assert_eq!(boxed[..8], [0., 0., 1., 1., 0., 0., 1., 1.]);
    assert!(boxed[8..].iter().all(|x| *x == 0.));
    let with = "image: $a, left: 0.0, right: 1.0, top: 0.0, bottom: 1.0, soft: 0.5";
    let soft = floats(one("image.box", with, "mask", &[&square]));
    assert_eq!(soft[4..8], [0.25, 0.75, 0.75, 0.25]);
}

#[test]
fn pictures_are_laid_out() {
    let of = |byte: u8| Tensor::from_vec(&[1, 2, 3], vec![byte; 6]).unwrap();
    let (a, b, c) = (of(1), of(2), of(3));
    let list = tensor(one("image.stack", "a: $a, b: $b, c: $c", "images", &[&a, &b, &c]));
    assert_eq!(list.shape(), [3, 1, 2, 3]);
    assert_eq!(tensor(one("image.pick", "images: $a, index: 2", "image", &[&list])), c);
    assert!(said(one("image.pick", "images: $a, index: 3", "image", &[&list])).contains("last of 3"));
    let grid = one("image.grid", "images: $a, gap: 1, colour: '#090909'", "image", &[&list]);
    assert_eq!(reds(grid), [1, 1, 9, 2, 2, 9, 9, 9, 9, 9, 3, 3, 9, 9, 9]);
    assert_eq!(reds(one("image.grid", "images: $a, columns: 9", "image", &[&list])), [1, 1, 2, 2, 3, 3]);
    let none = Tensor::from_vec(&[0, 1, 1, 3], Vec::<u8>::new()).unwrap();
    assert!(said(one("image.grid", "images: $a", "image", &[&none])).contains("without pictures"));
}

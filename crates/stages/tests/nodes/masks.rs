//! `mask.*`, and transparent pictures.

use std::fs;
use std::path::Path;

use wuerst_core::{Result, Tensor, Value};

use crate::{bytes, floats, node, said, tensor};

fn one(kind: &str, with: &str, output: &str, tensors: &[&Tensor]) -> Result<Value> {
    node(Path::new("."), kind, with, output, tensors)
}

fn mask(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_vec(shape, values.to_vec()).unwrap()
}

#[test]
fn masks_are_combined() {
    let (a, b) = (mask(&[1, 4], &[0., 0.25, 0.75, 7.]), mask(&[1, 4], &[1., 0.5, 0.5, -1.]));
    let both = |kind: &str| floats(one(kind, "a: $a, b: $b", "mask", &[&a, &b]));
    assert_eq!(both("mask.union"), [1., 0.5, 0.75, 1.]);
    assert_eq!(both("mask.intersect"), [0., 0.25, 0.5, 0.]);
    assert_eq!(both("mask.difference"), [0., 0.25, 0.5, 1.]);
    assert_eq!(floats(one("mask.invert", "mask: $a", "mask", &[&a])), [1., 0.75, 0.25, 0.]);
    assert_eq!(floats(one("mask.threshold", "mask: $a, at: 0.25", "mask", &[&a])), [0., 1., 1., 1.]);
    let other = mask(&[2, 2], &[0.; 4]);
    let refused = said(one("mask.union", "a: $a, b: $b", "mask", &[&a, &other]));
    assert!(refused.contains("wants f32[h=1,w=4]") && refused.contains("f32[2,2]"), "{refused}");
    let none = mask(&[0, 4], &[]);
    assert!(said(one("mask.invert", "mask: $a", "mask", &[&none])).contains("without pixels"));
}

#[test]
fn masks_grow_by_discs() {
    let mut point = [0f32; 49];
    point[24] = 0.5;
    let point = mask(&[7, 7], &point);
    let grown =
        |pixels: i32| floats(one("mask.grow", &format!("mask: $a, pixels: {pixels}"), "mask", &[&point]));
    let disc = |reach: i32| -> Vec<f32> {
        let inside = |at: i32| (at % 7 - 3).pow(2) + (at / 7 - 3).pow(2) <= reach * reach;
        (0..49).map(|at| if inside(at) { 0.5 } else { 0. }).collect()
    };
    for reach in 0..=3 {
        assert_eq!(grown(reach), disc(reach), "{reach}");
    }
    assert_eq!(grown(-1), [0f32; 49]);
    assert_eq!(grown(1024), [0.5f32; 49]);
    // Growing what has shrunk brings a large shape back, but for its corners.
    let square = mask(&[7, 7], &(0..49).map(|at| f32::from(u8::from(at % 7 > 0))).collect::<Vec<_>>());
    let shrunk = tensor(one("mask.grow", "mask: $a, pixels: -2", "mask", &[&square]));
    assert_eq!(shrunk.values::<f32>().unwrap()[..7], [0., 0., 0., 1., 1., 1., 1.]);
    assert_eq!(tensor(one("mask.grow", "mask: $a, pixels: 2", "mask", &[&shrunk])), square);
    assert!(
        said(one("mask.grow", "mask: $a, pixels: 1025", "mask", &[&square])).contains("outside -1024..1024")
    );
}

#[test]
fn blurs_are_gaussian() {
    let edge = mask(&[3, 9], &(0..27).map(|at| f32::from(u8::from(at % 9 >= 5))).collect::<Vec<_>>());
    let blurred = floats(one("mask.blur", "mask: $a, sigma: 1.0", "mask", &[&edge]));
    // From scipy.ndimage.gaussian_filter1d(edge, 1, mode="nearest", truncate=3).
    let want = [0., 0., 0.004_433, 0.058_439, 0.300_475, 0.699_525, 0.941_561, 0.995_567, 1.];
    for (got, want) in blurred.iter().zip(want.iter().cycle()) {
        assert!((got - want).abs() < 2e-6, "{blurred:?}");
    }
    assert_eq!(
        floats(one("mask.blur", "mask: $a, sigma: 0", "mask", &[&edge])),
        edge.values::<f32>().unwrap()
    );
    let flat = mask(&[2, 2], &[0.3; 4]);
    let far = floats(one("mask.blur", "mask: $a, sigma: 256", "mask", &[&flat]));
    assert!(far.iter().all(|share| (share - 0.3).abs() < 1e-5), "{far:?}");
    let picture = Tensor::from_vec(&[2, 2, 3], vec![77u8; 12]).unwrap();
    assert_eq!(tensor(one("image.blur", "image: $a, sigma: 5", "image", &[&picture])), picture);
}

#[test]
fn an_unsharp_mask_goes_beyond_and_is_limited() {
    let of = |bytes: &[u8]| Tensor::from_vec(&[1, 2, 3], bytes.to_vec()).unwrap();
    let (soft, sharp) = (of(&[100, 100, 100, 200, 10, 0]), of(&[110, 90, 100, 255, 0, 9]));
    let blended = |amount: &str| {
        bytes(one("image.blend", &format!("a: $a, b: $b, amount: {amount}"), "image", &[&soft, &sharp]))
    };
    assert_eq!(blended("2.0"), [120, 80, 100, 255, 0, 18]);
    assert_eq!(blended("-1.0"), [90, 110, 100, 145, 20, 0]);
}

#[test]
fn pictures_are_taken_as_floats() {
    let floats_of = |colours: &[f32]| Tensor::from_vec(&[1, 1, 3], colours.to_vec()).unwrap();
    let picture = floats_of(&[0.2, 1.5, -1.]);
    let padded = bytes(one("image.pad", "image: $a, right: 1, colour: '#010203'", "image", &[&picture]));
    assert_eq!(padded, [51, 255, 0, 1, 2, 3]);
    let linear = |output: &str, from: &str, to: &str, picture: &Tensor| {
        one("image.convert", &format!("image: $a, from: {from}, to: {to}"), output, &[picture])
    };
    let stored = Tensor::from_vec(&[1, 1, 3], vec![0u8, 188, 255]).unwrap();
    let light = tensor(linear("pixels", "srgb", "linear", &stored));
    // IEC 61966-2-1: 188 is half of the light.
    let [none, half, all] = light.values::<f32>().unwrap() else { panic!("{light:?}") };
    assert!(*none == 0. && (half - 0.502_886).abs() < 1e-5 && *all == 1., "{half}");
    assert_eq!(tensor(linear("image", "linear", "srgb", &light)), stored);
    assert_eq!(tensor(linear("image", "srgb", "srgb", &picture)).values::<u8>().unwrap(), [51, 255, 0]);
}

#[test]
fn transparent_pictures_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Tensor::from_vec(&[1, 2, 3], vec![1u8, 2, 3, 4, 5, 6]).unwrap();
    let shares = mask(&[1, 2], &[0., 0.5]);
    let joined = tensor(one("image.with_alpha", "image: $a, mask: $b", "picture", &[&picture, &shares]));
    assert_eq!(joined.values::<u8>().unwrap(), [1, 2, 3, 0, 4, 5, 6, 128]);
    assert_eq!(floats(one("mask.from_alpha", "picture: $a", "mask", &[&joined])), [0., 128. / 255.]);
    assert_eq!(tensor(one("mask.from_alpha", "picture: $a", "image", &[&joined])), picture);
    for name in ["a.png", "a.webp"] {
        let with = format!("image: $a, name: {name}, alpha: $b");
        node(folder.path(), "image.save", &with, "saved", &[&picture, &shares]).unwrap();
        let file = format!("file: {name}");
        assert_eq!(tensor(node(folder.path(), "image.load", &file, "image", &[])), picture);
        assert_eq!(floats(node(folder.path(), "image.load", &file, "alpha", &[])), [0., 128. / 255.]);
    }
    let refused =
        node(folder.path(), "image.save", "image: $a, name: a.jpg, alpha: $b", "saved", &[&picture, &shares]);
    assert!(said(refused).contains("let the name end in .png or .webp"));
    assert!(!folder.path().join("a.jpg").exists());
}

#[test]
fn masks_are_kept_in_grey_files() {
    let folder = tempfile::tempdir().unwrap();
    let shares = mask(&[2, 2], &[0., 0.2, 1., 9.]);
    node(folder.path(), "mask.save", "mask: $a, name: m.png", "saved", &[&shares]).unwrap();
    let decoder = png::Decoder::new(std::io::Cursor::new(fs::read(folder.path().join("m.png")).unwrap()));
    assert_eq!(decoder.read_info().unwrap().info().color_type, png::ColorType::Grayscale);
    let back = floats(node(folder.path(), "mask.load", "file: m.png", "mask", &[]));
    assert!(back.iter().zip([0., 0.2, 1., 1.]).all(|(a, b)| (a - b).abs() < 1e-6), "{back:?}");
    let refused = node(folder.path(), "mask.save", "mask: $a, name: m.jpg", "saved", &[&shares]);
    assert!(said(refused).contains("png"));
}

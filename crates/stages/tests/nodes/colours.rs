//! Colour profiles, against what Little CMS makes of the same files (colours/make.py).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Warnings, bytes, node, watched};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes/colours")
}

/// The pixels of a file as Little CMS converts them.
fn wanted() -> BTreeMap<String, Vec<u8>> {
    let text = fs::read_to_string(folder().join("wanted.txt")).unwrap();
    let line = |line: &str| {
        let (name, digits) = line.split_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (name.to_owned(), (0..digits.len()).step_by(2).map(byte).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn profiles_become_srgb() {
    for (name, wanted) in wanted() {
        let mut said = Warnings::default();
        let with = format!("file: {name}");
        let got = bytes(watched(&folder(), "image.load", &with, "image", &[], &mut said));
        assert_eq!((got.len(), &*said.0), (wanted.len(), &[] as &[String]), "{name}");
        let apart = got.iter().zip(&wanted).map(|(got, wanted)| got.abs_diff(*wanted));
        // Near black sRGB is steep, and tables round there; so do decoders and the table of inks.
        let most = if name == "inks.jpg" { 3 } else { 2 };
        assert!(apart.clone().max() <= Some(most), "{name}: {:?}", apart.max());
        let file = image::open(folder().join(&name)).unwrap().into_rgb8();
        assert_ne!(got, file.into_raw(), "{name} is converted at all");
    }
}

#[test]
fn strange_profiles_are_warnings() {
    let temporary = tempfile::tempdir().unwrap();
    let file = |icc: &[u8]| {
        let mut encoder =
            image::codecs::png::PngEncoder::new(fs::File::create(temporary.path().join("a.png")).unwrap());
        image::ImageEncoder::set_icc_profile(&mut encoder, icc.to_vec()).unwrap();
        image::ImageEncoder::write_image(encoder, &[1, 200, 3], 1, 1, image::ExtendedColorType::Rgb8)
            .unwrap();
        let mut said = Warnings::default();
        let got = bytes(watched(temporary.path(), "image.load", "file: a.png", "image", &[], &mut said));
        assert_eq!(got, [1, 200, 3], "as it is");
        said.0.join(" ")
    };
    let of = |name: &str| {
        let reader = image::ImageReader::open(folder().join(name)).unwrap();
        image::ImageDecoder::icc_profile(&mut reader.into_decoder().unwrap()).unwrap().unwrap()
    };
    let said = file(b"no profile");
    assert!(said.contains("a.png") && said.contains("its colour profile cannot be used"), "{said}");
    for name in ["grey.png", "inks.jpg"] {
        let said = file(&of(name));
        assert!(said.contains("which its pixels are not"), "{said}");
    }
    let said = file(&of("p3.png")[..200]);
    assert!(said.contains("cannot be used"), "{said}");
    let said = file(&vec![0; 5 << 20]);
    assert!(said.contains("longer than 4 MiB"), "{said}");
}

#[test]
fn saved_pictures_stay_srgb() {
    let temporary = tempfile::tempdir().unwrap();
    let picture =
        wuerst_core::Tensor::from_vec(&[16, 16, 3], (0..768).map(|i| (i % 251) as u8).collect()).unwrap();
    for name in ["a.png", "a.webp", "a.jpg"] {
        let with = format!("image: $a, name: {name}, quality: 100");
        node(temporary.path(), "image.save", &with, "saved", &[&picture]).unwrap();
        let got = bytes(node(temporary.path(), "image.load", &format!("file: {name}"), "image", &[]));
        let stored = image::open(temporary.path().join(name)).unwrap().into_rgb8().into_raw();
        assert_eq!(got, stored, "{name}: a profile that is sRGB changes nothing");
        assert!(name == "a.jpg" || got == picture.values::<u8>().unwrap(), "{name}");
    }
}

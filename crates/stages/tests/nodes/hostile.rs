//! Picture files that mean no good, or are merely unusual.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType};
use wuerst_core::Result;
use wuerst_core::Value;

use crate::{Warnings, bytes, floats, node, said, tensor, watched};

fn load(folder: &Path, file: &[u8], output: &str) -> Result<Value> {
    fs::write(folder.join("a"), file).unwrap();
    node(folder, "image.load", "file: a", output, &[])
}

fn refused(file: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let message = said(load(folder.path(), file, "image"));
    assert!(message.contains(folder.path().join("a").to_str().unwrap()), "the file is named: {message}");
    message
}

fn png(width: u32, height: u32, colour: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG file whose header claims a size and whose data is one pixel.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(1, 1, ColorType::Rgb, BitDepth::Eight, &[1, 2, 3]);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    // The header's checksum covers its kind and what it says.
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn jpeg(width: u16, height: u16, colour: jpeg_encoder::ColorType, data: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    jpeg_encoder::Encoder::new(&mut file, 95).encode(data, width, height, colour).unwrap();
    file
}

#[test]
fn oversized_pictures_are_refused_at_header() {
    for (width, height) in [(100_000, 100_000), (u32::MAX >> 1, 1), (8193, 8192), (0x7fff_ffff, 0x7fff_ffff)]
    {
        let message = refused(&claiming(width, height));
        assert!(message.contains("large") || message.contains("damaged"), "{message}");
    }
    // A JPEG of 65,500 x 65,500 pixels, by its header alone.
    let mut file = jpeg(16, 16, jpeg_encoder::ColorType::Rgb, &[9; 16 * 16 * 3]);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    assert!(refused(&file).contains("65500x65500"));
}

#[test]
fn bomb_within_bounds_is_picture() {
    // 16 megapixels of one colour in a few kilobytes: as large as the cascade's largest pictures, so they are read.
    let file = png(4096, 4096, ColorType::Grayscale, BitDepth::One, &vec![0; 4096 * 512]);
    assert!(file.len() < 40_000, "{} bytes", file.len());
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tensor(load(folder.path(), &file, "image")).shape(), [4096, 4096, 3]);
    // One pixel more than may be read, in as few bytes.
    let file = png(8192, 8193, ColorType::Grayscale, BitDepth::One, &vec![0; 8193 * 1024]);
    assert!(refused(&file).contains("67108864"));
}

#[test]
fn compressed_text_does_not_unpack_into_memory() {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.add_ztxt_chunk("Comment".into(), "a".repeat(64 << 20)).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[7]).unwrap();
    writer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(bytes(load(folder.path(), &file, "image")), [7, 7, 7]);
}

#[test]
fn truncated_files_are_damaged() {
    let data: Vec<u8> = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let whole = [
        png(64, 64, ColorType::Rgb, BitDepth::Eight, &data),
        jpeg(64, 64, jpeg_encoder::ColorType::Rgb, &data),
        webp(&data),
    ];
    for file in whole {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tensor(load(folder.path(), &file, "image")).shape(), [64, 64, 3]);
        for length in [0, 1, 11, 30, file.len() / 3, file.len() / 2, file.len() * 9 / 10] {
            let message = refused(&file[..length]);
            assert!(message.contains("damaged") || message.contains("not a picture"), "{length}: {message}");
        }
    }
    assert!(refused(b"GIF89a\x01\0\x01\0\0\0\0;").contains("PNG, JPEG and WebP are"));
    assert!(refused(b"#!/bin/sh\n").contains("not a picture"));
}

fn webp(data: &[u8]) -> Vec<u8> {
    let mut file = Cursor::new(vec![]);
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut file);
    encoder.encode(data, 64, 64, image::ExtendedColorType::Rgb8).unwrap();
    file.into_inner()
}

#[test]
fn arbitrary_bytes_after_good_start_are_handled() {
    let data: Vec<u8> = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let folder = tempfile::tempdir().unwrap();
    let whole = [
        png(64, 64, ColorType::Rgb, BitDepth::Eight, &data),
        jpeg(64, 64, jpeg_encoder::ColorType::Rgb, &data),
        webp(&data),
    ];
    // A xorshift; the seed is the file's place.
    for (seed, file) in (1u32..).zip(whole) {
        let mut state = seed;
        for _ in 0..60 {
            let mut broken = file.clone();
            for _ in 0..4 {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let at = state as usize % broken.len();
                broken[at] = (state >> 24) as u8;
            }
            match load(folder.path(), &broken, "image") {
                Ok(value) => assert!(matches!(value, Value::Tensor(_))),
                Err(error) => assert!(error.to_string().contains("/a: "), "{error}"),
            }
        }
    }
}

#[test]
fn deep_grey_and_alpha_pictures_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let colours: Vec<u8> = [0xffffu16, 0x8000, 0x0180].iter().flat_map(|c| c.to_be_bytes()).collect();
    let file = png(1, 1, ColorType::Rgb, BitDepth::Sixteen, &colours);
    assert_eq!(bytes(load(folder.path(), &file, "image")), [255, 128, 1]);
    let file = png(2, 1, ColorType::GrayscaleAlpha, BitDepth::Eight, &[10, 255, 20, 51]);
    assert_eq!(bytes(load(folder.path(), &file, "image")), [10, 10, 10, 20, 20, 20]);
    assert_eq!(floats(load(folder.path(), &file, "alpha")), [1., 0.2]);
    let deep: Vec<u8> = [1u16, 2, 3, 0x8000].iter().flat_map(|c| c.to_be_bytes()).collect();
    let file = png(1, 1, ColorType::Rgba, BitDepth::Sixteen, &deep);
    assert_eq!(floats(load(folder.path(), &file, "alpha")), [32768. / 65535.]);
    assert_eq!(
        floats(load(folder.path(), &png(1, 1, ColorType::Rgb, BitDepth::Eight, &[1, 2, 3]), "alpha")),
        [1.]
    );
}

#[test]
fn cmyk_and_grey_photographs_become_rgb() {
    use jpeg_encoder::ColorType::{Cmyk, CmykAsYcck, Luma};
    let folder = tempfile::tempdir().unwrap();
    // Ink as the encoder takes it: cyan alone.
    let ink: Vec<u8> = [255u8, 0, 0, 0].repeat(32 * 32);
    for colour in [Cmyk, CmykAsYcck] {
        let rgb = bytes(load(folder.path(), &jpeg(32, 32, colour, &ink), "image"));
        let [red, green, blue] = [0, 1, 2].map(|i| rgb[16 * 32 * 3 + i]);
        assert!(red < 16 && green > 240 && blue > 240, "cyan is {red}, {green}, {blue} of {colour:?}");
    }
    let grey = bytes(load(folder.path(), &jpeg(32, 32, Luma, &[77; 32 * 32]), "image"));
    assert!(grey.iter().all(|byte| byte.abs_diff(77) < 3));
}

#[test]
fn first_picture_of_animation_is_read() {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1, 2, 3]).unwrap();
    writer.write_image_data(&[4, 5, 6]).unwrap();
    writer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), &file).unwrap();
    let mut warnings = Warnings::default();
    let value = watched(folder.path(), "image.load", "file: a", "image", &[], &mut warnings);
    assert_eq!(bytes(value), [1, 2, 3]);
    assert!(warnings.0.len() == 1 && warnings.0[0].contains("animated"), "{:?}", warnings.0);
}

#[test]
fn photograph_taken_upright_stands_upright() {
    // One red pixel row above blue ones, turned by 90 degrees by its EXIF data.
    let exif: Vec<u8> = [
        &b"Exif\0\0MM\0*\0\0\0\x08"[..],
        // One entry: orientation, a short, one of them, 6.
        &[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let plain = jpeg(16, 32, jpeg_encoder::ColorType::Rgb, &[200; 16 * 32 * 3]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let file = [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tensor(load(folder.path(), &plain, "image")).shape(), [32, 16, 3]);
    assert_eq!(tensor(load(folder.path(), &file, "image")).shape(), [16, 32, 3]);
}

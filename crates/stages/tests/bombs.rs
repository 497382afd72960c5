//! Files that are small and become large when they are read: what the process takes for all of them stays small.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use wuerst_core::{CancellationToken, Files, Models, Registry, Result, Value};
use wuerst_graph::{Cache, Graph, Inputs, Run};
use wuerst_stages::{ModelCache, Outputs, RuntimeOptions, register};

/// The most that reading any of them may take, the test's own copy of a file included.
const MOST: u64 = 300 << 20;

fn load(folder: &Path, kind: &str, output: &str) -> Result<Value> {
    let mut registry = Registry::new();
    registry.set_models(Models::default().with_files(Files::in_folder(folder)));
    register(&mut registry, &Arc::new(ModelCache::new(RuntimeOptions::default())), Outputs::default())?;
    let text = format!(
        "wuerstchen: 1\nnodes:\n  n: {{ use: {kind}, with: {{ file: a }} }}\noutputs: {{ out: $n.{output} }}\n"
    );
    let graph = Graph::load(&text, &registry)?;
    let (inputs, cache, cancel) = (Inputs::new(), Cache::new(0), CancellationToken::new());
    Run::new(&graph, &inputs, &cache, &cancel, &mut ()).output("out")
}

/// The most memory that this process has had.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[cfg(not(target_os = "linux"))]
fn peak() -> u64 {
    0
}

fn packed(bytes: usize) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(vec![], Compression::fast());
    (0..bytes >> 20).for_each(|_| packed.write_all(&[b' '; 1 << 20]).unwrap());
    packed.finish().unwrap()
}

/// A chunk of a PNG file, with a wrong checksum if it is to be `damaged`.
fn chunk(kind: &[u8; 4], data: &[u8], damaged: bool) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length, &kind[..], data, &(sum.sum() ^ u32::from(damaged)).to_be_bytes()].concat()
}

/// A picture of one pixel with more in it before the pixel.
fn png(more: &[u8]) -> Vec<u8> {
    let header = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0], false);
    let mut pixel = ZlibEncoder::new(vec![], Compression::fast());
    pixel.write_all(&[0, 1, 2, 3]).unwrap();
    let pixel = chunk(b"IDAT", &pixel.finish().unwrap(), false);
    [b"\x89PNG\r\n\x1a\n", &header[..], more, &pixel, &chunk(b"IEND", &[], false)].concat()
}

/// A JPEG file of 16 x 16 pixels with more in it before its tables.
fn jpeg(more: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    let pixels = [200; 16 * 16 * 3];
    jpeg_encoder::Encoder::new(&mut file, 90).encode(&pixels, 16, 16, jpeg_encoder::ColorType::Rgb).unwrap();
    [&file[..2], more, &file[2..]].concat()
}

fn segment(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[0xff, kind], &u16::try_from(data.len() + 2).unwrap().to_be_bytes()[..], data].concat()
}

/// A WebP file of 16 x 16 pixels that says to have so much EXIF data, and has a little.
fn webp(exif: u32) -> Vec<u8> {
    let mut file = Cursor::new(vec![]);
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut file);
    encoder.encode(&[200; 16 * 16 * 3], 16, 16, image::ExtendedColorType::Rgb8).unwrap();
    let extended = [&b"VP8X\x0a\0\0\0\x08\0\0\0\x0f\0\0\x0f\0\0"[..]].concat();
    let pixels = file.into_inner()[12..].to_vec();
    let exif = [&b"EXIF"[..], &exif.to_le_bytes(), b"II*\0"].concat();
    [b"RIFF\xff\xff\xff\0WEBP", &extended[..], &pixels, &exif].concat()
}

#[test]
fn pictures_are_read_without_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    let text = |kind: &[u8; 4], start: &[u8], text: &[u8]| chunk(kind, &[start, text].concat(), false);
    let bomb = packed(300 << 20);
    // One after the other, since each takes memory of its own.
    let pictures: [(&str, &dyn Fn() -> Vec<u8>); 12] = [
        ("plain", &|| png(&[])),
        ("zTXt", &|| png(&text(b"zTXt", b"Comment\0\0", &bomb))),
        ("iTXt", &|| png(&text(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0", &bomb))),
        ("iCCP", &|| png(&text(b"iCCP", b"profile\0\0", &bomb))),
        ("long eXIf", &|| png(&chunk(b"eXIf", &vec![0; 60 << 20], false))),
        ("many tEXt", &|| png(&chunk(b"tEXt", b"a\0b", false).repeat(4 << 20))),
        ("a wrong checksum of a text", &|| png(&chunk(b"tEXt", b"a\0b", true))),
        ("XMP of JPEG", &|| jpeg(&segment(0xe1, b"http://ns.adobe.com/xmp/extension/\0").repeat(1 << 20))),
        ("a profile of JPEG", &|| jpeg(&segment(0xe2, b"ICC_PROFILE\0\x01\x01x").repeat(3 << 20))),
        ("a comment of JPEG", &|| jpeg(&segment(0xfe, &[0; 60_000]).repeat(500))),
        ("EXIF of WebP", &|| webp(4)),
        ("long EXIF of WebP", &|| webp(u32::MAX - 9)),
    ];
    for (what, file) in pictures {
        let file = file();
        fs::write(folder.path().join("a"), &file).unwrap();
        let loaded = load(folder.path(), "image.load", "image");
        assert!(loaded.is_ok(), "{what}: {}", loaded.unwrap_err());
        assert!(peak() < MOST, "{what}: {} MiB", peak() >> 20);
        // And cut off in the middle of it.
        fs::write(folder.path().join("a"), &file[..file.len() / 3]).unwrap();
        let said = load(folder.path(), "image.load", "image").unwrap_err().to_string();
        assert!(said.contains("is damaged"), "{what}: {said}");
    }
}

#[test]
fn headers_of_arrays_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for shape in ["9".repeat(2_000_000), "1+".repeat(1_000_000) + "1", "(".repeat(1_000_000)] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape},1,1,1)}}\n");
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let file = [b"\x93NUMPY\x02\0", &length[..], header.as_bytes(), &[0; 64]].concat();
        fs::write(folder.path().join("a"), file).unwrap();
        let said = load(folder.path(), "tensor.load", "tensor").unwrap_err().to_string();
        assert!(said.contains("/a: is not a NumPy file") && said.contains("the maximum is 65536"), "{said}");
    }
    assert!(peak() < MOST);
}

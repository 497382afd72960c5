//! Arbitrary bytes as a PNG file, and as a text chunk with a correct checksum.
#![no_main]

use flate2::Crc;
use libfuzzer_sys::fuzz_target;
use wuerst_stages::png_texts;

const KEYWORDS: [&str; 3] = ["graph", "inputs", "a"];

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap_or_default().to_be_bytes();
    [&length, &kind[..], data, &sum.sum().to_be_bytes()].concat()
}

fuzz_target!(|input: &[u8]| {
    let _ = png_texts(input, &KEYWORDS);
    let start = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &[0; 13])].concat();
    let file = [start, chunk(b"iTXt", input), chunk(b"IDAT", &[])].concat();
    let texts = png_texts(&file[..], &KEYWORDS).unwrap_or_default();
    assert!(texts.values().map(String::len).sum::<usize>() <= 16 << 20, "more text than is allowed");
});

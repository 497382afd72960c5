//! Published checkpoints that mean no good, each the reference's with one file changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst_tests::bundle::PLAIN;

/// Copies the reference's two folders.
pub fn copy(into: &Path) -> Result<[PathBuf; 2]> {
    let source = PLAIN.source();
    let names = ["prior", "decoder"].map(|name| into.join(name));
    for (from, to) in [source.prior, source.decoder].iter().zip(&names) {
        copy_folder(from, to)?;
    }
    Ok(names)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let (path, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_folder(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

/// A pickle of so many operations.
fn pickle(operation: &[u8], times: usize) -> Vec<u8> {
    [&[0x80, 2][..], &operation.repeat(times)].concat()
}

/// The operation that pushes a text of so many bytes.
fn text(bytes: u32) -> Vec<u8> {
    [&b"X"[..], &bytes.to_le_bytes(), &vec![b'a'; bytes as usize]].concat()
}

/// The header of so many tensors without elements.
fn crowd(tensors: usize) -> String {
    let tensor = |n| format!("\"{n}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    format!("{{{}}}", (0..tensors).map(tensor).collect::<Vec<_>>().join(","))
}

/// A vocabulary of so many words.
fn words(count: usize) -> String {
    format!("{{{}}}", (0..count).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(","))
}

/// Each with the file, and its content.
pub fn all() -> Vec<(String, &'static str, Vec<u8>)> {
    let header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let weights = "prior/prior/diffusion_pytorch_model.safetensors";
    let config = "prior/prior/config.json";
    let deep = "[".repeat(1_000_000).into_bytes();
    let huge = |key: &str, value: &str| {
        format!("{{\"_class_name\":\"WuerstchenPrior\",\"{key}\":{value}}}").into_bytes()
    };
    let tensor = |shape: &str, end: u64| {
        header(&format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[0,{end}]}}}}"))
    };
    let all = [
        ("a configuration of brackets", config, deep.clone()),
        ("a width of 10^12", config, huge("c", "1000000000000")),
        ("a width of 2^64 - 1", config, huge("c", "18446744073709551615")),
        ("a width below 0", config, huge("c", "-1")),
        ("a billion layers", config, huge("depth", "1000000000")),
        ("no weights", weights, vec![]),
        ("a header of 2^64 bytes", weights, vec![0xff; 8]),
        ("a header of brackets", weights, header(&"[".repeat(1_000_000))),
        ("weights past the end", weights, tensor("[1000000000]", 4_000_000_000)),
        ("weights of 2^80 elements", weights, tensor("[1099511627776,1099511627776]", 4)),
        ("a vocabulary of brackets", "decoder/tokenizer/vocab.json", deep.clone()),
        ("a tokenizer's configuration of brackets", "decoder/tokenizer/tokenizer_config.json", deep),
        ("a pickle of zeros", weights, vec![0; 1 << 20]),
        ("a pickle of 40 million objects", weights, pickle(b"N", 40_000_000)),
        ("a pickle of 40 million marks", weights, pickle(b"(", 40_000_000)),
        ("a pickle with a text of 60 MB", weights, pickle(&text(60_000_000), 1)),
        ("a header of a million tensors", weights, header(&crowd(1_000_000))),
        ("a shape of ten million extents", weights, tensor(&format!("[{}1]", "0,".repeat(10_000_000)), 0)),
        ("a vocabulary of a million words", "decoder/tokenizer/vocab.json", words(1_000_000).into_bytes()),
        ("four million merges", "decoder/tokenizer/merges.txt", b"a b\n".repeat(4_000_000)),
        ("a configuration of a million lists", config, huge("x", &format!("[{}[]]", "[],".repeat(5 << 20)))),
    ];
    all.map(|(name, file, content)| (name.to_owned(), file, content)).into()
}

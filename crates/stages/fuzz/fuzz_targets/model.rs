//! Any bytes as a stage model: its head, and what `convert` reads of it.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use wuerst_model::onnx::Stored;
use wuerst_stages::Header;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|input: &[u8]| {
    let path = FOLDER.path().join("a.onnx");
    fs::write(&path, input).unwrap();
    let (_, _) = (Header::read(&path), Stored::open(&path));
});

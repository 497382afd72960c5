//! Arbitrary bytes as a stage model: its header, and the weights that `convert` reads.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use wuerst_model::onnx::Stored;
use wuerst_stages::ModelHeader;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|input: &[u8]| {
    let path = FOLDER.path().join("a.onnx");
    fs::write(&path, input).unwrap();
    if let Ok(header) = ModelHeader::read(&path) {
        let _ = (header.metadata(), header.network(), header.loading());
    }
    if let Ok(stored) = Stored::open(&path) {
        stored.weights().for_each(drop);
    }
});

//! Arbitrary bytes as weights for `wuerst import`: safetensors or PyTorch's old pickles.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use wuerst_model::checkpoint::Checkpoint;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|input: &[u8]| {
    let path = FOLDER.path().join("weights.pth");
    fs::write(&path, input).unwrap();
    let Ok(checkpoint) = Checkpoint::open(&path) else { return };
    for (name, shape) in checkpoint.tensors().take(64) {
        if let Ok(weight) = checkpoint.tensor(name) {
            let elements = shape.iter().fold(1usize, |product, extent| product.saturating_mul(*extent));
            assert_eq!(weight.data.len(), elements, "another number of elements than the shape says");
        }
    }
});

//! Any bytes as the tokenizer of the model that ships, and a prompt that it makes tokens of.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

mod desk;

use std::path::Path;
use std::sync::LazyLock;

use desk::Desk;
use libfuzzer_sys::fuzz_target;

const GRAPH: &str = "wuerstchen: 1\nnodes:\n  t: { use: wuerst.tokenize, with: { text: 'A red apple, 2 würste', model: \
                     text-encoder } }\noutputs: { ids: $t.ids }\n";

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let desk = Desk::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../models/icons/text-encoder.onnx");
    std::fs::copy(model, desk.path().join("text-encoder.onnx")).unwrap();
    desk
});

fuzz_target!(|input: &[u8]| {
    let _ = DESK.run("tokenizer.json", input, GRAPH, "ids");
});

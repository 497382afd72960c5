//! Arbitrary bytes as the tokenizer of the shipped model, and a prompt to tokenize.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

mod desk;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::Path;
use std::process::abort;
use std::sync::{LazyLock, Mutex};

use desk::Desk;
use libfuzzer_sys::fuzz_target;

const GRAPH: &str = "wuerstchen: 1\nnodes:\n  t: { use: wuerst.tokenize, with: { text: 'A red apple, 2 würste', model: \
                     text-encoder } }\noutputs: { ids: $t.ids }\n";

/// The last panic. Panics of the library `tokenizers` are caught and become errors of the file, so they are not findings.
static PANIC: Mutex<String> = Mutex::new(String::new());

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    // Replaces libFuzzer's hook, which ends the process at the first panic, caught or not.
    set_hook(Box::new(|panic| *PANIC.lock().unwrap() = panic.to_string()));
    let desk = Desk::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../models/icons/text-encoder.onnx");
    std::fs::copy(model, desk.path().join("text-encoder.onnx")).unwrap();
    desk
});

fuzz_target!(|input: &[u8]| {
    let desk = &*DESK;
    if catch_unwind(AssertUnwindSafe(|| desk.run("tokenizer.json", input, GRAPH, "ids"))).is_err() {
        eprintln!("{}", PANIC.lock().unwrap());
        abort();
    }
});

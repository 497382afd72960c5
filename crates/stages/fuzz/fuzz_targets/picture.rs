//! Arbitrary bytes as a picture: PNG, JPEG or WebP.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

#[allow(dead_code, reason = "each target uses a part of it")]
mod desk;

use std::sync::LazyLock;

use desk::Desk;
use libfuzzer_sys::fuzz_target;

const GRAPH: &str =
    "wuerstchen: 1\nnodes:\n  l: { use: image.load, with: { file: a } }\noutputs: { image: $l.image }\n";

static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);

fuzz_target!(|input: &[u8]| {
    let _ = DESK.run("a", input, GRAPH, "image");
});

//! Arbitrary bytes as an array, and arbitrary text as the header of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wuerst_stages::npy;

fuzz_target!(|input: &[u8]| {
    let _ = npy::read(input);
    let length = u32::try_from(input.len()).unwrap_or_default().to_le_bytes();
    let _ = npy::read(&[b"\x93NUMPY\x02\0", &length[..], input, &[0; 64]].concat());
});

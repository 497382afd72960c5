//! Arbitrary bytes as a file of the cache folder, and as values in a file with a correct checksum.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a finding")]

#[path = "../../src/cache/record.rs"]
#[allow(dead_code, reason = "the folder uses the rest")]
mod record;

use libfuzzer_sys::fuzz_target;
use wuerst_core::{Hasher, Value};

fuzz_target!(|input: &[u8]| {
    let key = Value::Int(1).digest();
    let _ = record::read(key, input);
    let body = [key.as_bytes(), input].concat();
    let sum = Hasher::new("results").bytes(&body).finish();
    let file = [record::MAGIC, &sum.as_bytes()[..], &body].concat();
    if let Some((values, warnings)) = record::read(key, &file) {
        // Entries that were read are written and read again.
        let (again, said) = record::read(key, &record::write(key, &values, &warnings).unwrap()).unwrap();
        let digests = |values: &[Value]| values.iter().map(Value::digest).collect::<Vec<_>>();
        assert_eq!((digests(&values), warnings), (digests(&again), said));
    }
});

use std::io::Cursor;

use super::*;
use crate::onnx::raw::{attribute, graph, ints, node, number, put};

fn read(model: &[u8]) -> Result<Head, String> {
    Head::read(Cursor::new(model), model.len() as u64).map_err(|e| e.to_string())
}

/// A model of this graph.
fn model(graph: &[u8]) -> Vec<u8> {
    put(7, graph)
}

fn refused(model: &[u8], says: &str) {
    let said = read(model).unwrap_err();
    assert!(said.contains(says), "{said}");
}

#[test]
fn empty_messages_have_limits() {
    refused(&model(&[0x0a, 0].repeat(200_000)), "more than 100000 nodes");
    refused(&model(&[0x2a, 0].repeat(200_000)), "more than 100000 tensors");
    refused(&model(&put(1, &[0x2a, 0].repeat(2_000_000))), "more than 1000000 messages");
    refused(&model(&put(1, &[0x0a, 0].repeat(5_000_000))), "more than 4000000 fields");
    refused(&model(&[0x5a, 0].repeat(30_000)), "more than 20000 inputs and outputs");
    let pairs = [&model(&[])[..], &[0x72, 0].repeat(2000)].concat();
    refused(&pairs, "more than 1000 pairs of metadata");
    let large = put(14, &put(2, &vec![b'a'; 9 << 20]));
    assert!(read(&[model(&[]), large.clone()].concat()).is_ok());
    refused(&[model(&[]), large.clone(), large].concat(), "bytes of metadata");
    refused(&[model(&[]), [0xca, 1, 0].repeat(2000)].concat(), "more than 1000 functions");
}

#[test]
fn nesting_has_limits() {
    let subgraphs = |depth| {
        (0..depth).fold(node("Identity x -> y", &[]), |inner, _| {
            node("If x -> y", &[attribute("then_branch", &put(6, &graph(&[inner], &[])))])
        })
    };
    assert!(read(&model(&put(1, &subgraphs(16)))).is_ok());
    for depth in [17, 5000] {
        refused(&model(&put(1, &subgraphs(depth))), "more than 16 subgraphs within each other");
    }
    // A sequence of sequences, as the type of an input.
    let types = (0..3000).fold(vec![], |inner, _| put(4, &put(1, &inner)));
    refused(&model(&put(11, &put(2, &types))), "more than 80 messages within each other");
}

#[test]
fn packed_lists_have_limits() {
    let list = |field, bytes: usize| {
        let said = [number(1, bytes as i64 / 4), number(2, 1)].concat();
        model(&put(5, &[said, put(field, &vec![0; bytes])].concat()))
    };
    refused(&list(7, 30 << 20), "bytes of numbers once they are read");
    assert!(read(&list(4, 30 << 20)).is_ok(), "four bytes for each number");
}

#[test]
fn lengths_end_within_their_message() {
    let whole = model(&graph(&[node("Identity x -> y", &[])], &[ints("w", &[1, 2])]));
    assert_eq!(read(&whole).unwrap().tensors[0].dims, [2]);
    for length in 1..whole.len() {
        assert!(read(&whole[..length]).is_err(), "cut at {length}");
    }
    let endless = [0x4a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    refused(&model(&put(5, &endless)), "damaged at byte");
    refused(&[0; 1000], "damaged at byte 0");
    refused(&[model(&[]), model(&[])].concat(), "damaged at byte");
    assert!(read(&[model(&[]), put(20, &[])].concat()).is_ok());
    refused(&[model(&[]), put(20, &put(1, &[]))].concat(), "for training");
}

#[test]
fn tensors_are_as_large_as_they_say() {
    let tensor = |dims: &[i64], more: &[u8]| {
        let dims: Vec<u8> = dims.iter().flat_map(|n| number(1, *n)).collect();
        model(&put(5, &[&dims, &number(2, 1)[..], &put(8, b"w"), more].concat()))
    };
    let raw = put(9, &[0; 24]);
    assert!(read(&tensor(&[2, 3], &raw)).is_ok());
    for dims in [&[3, 3][..], &[1 << 40, 1 << 40], &[-1], &[i64::MAX, 2], &[]] {
        refused(&tensor(dims, &raw), "`w`");
    }
    refused(&tensor(&[1 << 40], &[]), "another size");
    assert!(read(&tensor(&[1 << 40, 0], &[])).is_ok(), "no elements");
    let outside = |location: &str, length: &str| {
        let pair =
            |key: &str, value: &str| put(13, &[put(1, key.as_bytes()), put(2, value.as_bytes())].concat());
        [number(14, 1), pair("location", location), pair("length", length)].concat()
    };
    assert!(read(&tensor(&[6], &outside("m.onnx.data", "24"))).is_ok());
    refused(&tensor(&[6], &outside("m.onnx.data", "23")), "another size");
    for location in ["/etc/passwd", "../m.data", "a/../../b", ""] {
        refused(&tensor(&[6], &outside(location, "24")), "next to its model");
    }
}

//! Hand-made ONNX bytes, for tests of files that no correct writer makes.

use prost::encoding::{WireType, encode_key, encode_varint};

/// A field with bytes.
pub fn put(number: u32, content: &[u8]) -> Vec<u8> {
    let mut field = vec![];
    encode_key(number, WireType::LengthDelimited, &mut field);
    encode_varint(content.len() as u64, &mut field);
    [field, content.to_vec()].concat()
}

/// A field with a number.
pub fn number(number: u32, value: i64) -> Vec<u8> {
    let mut field = vec![];
    encode_key(number, WireType::Varint, &mut field);
    encode_varint(value.cast_unsigned(), &mut field);
    field
}

/// A vector of integers, `TensorProto`.
pub fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [number(1, values.len() as i64), number(2, 7), put(8, name.as_bytes()), put(9, &bytes)].concat()
}

/// `Op a b -> y`, with encoded attributes.
pub fn node(text: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let (left, outputs) = text.split_once(" -> ").unwrap();
    let mut words = left.split(' ');
    let mut node = put(4, words.next().unwrap().as_bytes());
    words.for_each(|input| node.extend(put(1, input.as_bytes())));
    outputs.split(' ').for_each(|output| node.extend(put(2, output.as_bytes())));
    attributes.iter().for_each(|attribute| node.extend(put(5, attribute)));
    node
}

/// An attribute: a name and an encoded field.
pub fn attribute(name: &str, field: &[u8]) -> Vec<u8> {
    [&put(1, name.as_bytes())[..], field].concat()
}

/// A graph of nodes and tensors.
pub fn graph(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().flat_map(|node| put(1, node));
    nodes.chain(tensors.iter().flat_map(|tensor| put(5, tensor))).collect()
}

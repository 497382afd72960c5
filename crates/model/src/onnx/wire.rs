//! Protobuf messages field by field, for what changes a few fields of a model and leaves the others byte for byte.

use prost::encoding::{WireType, decode_key, decode_varint};

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// The value, where it is a number of variable length.
    pub value: u64,
    /// What it holds, where it is a text, bytes or a message.
    pub content: &'a [u8],
    /// All of it, number and length included.
    pub whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// Its content as text, if it is one.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.content).ok()
    }
}

/// The fields of a message in their order; none where it is damaged, or holds groups, which `onnx.proto` does not.
pub fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (mut rest, mut fields) = (message, vec![]);
    while !rest.is_empty() {
        let start = rest;
        let (number, wire) = decode_key(&mut rest).ok()?;
        let (value, length) = match wire {
            WireType::Varint => (decode_varint(&mut rest).ok()?, 0),
            WireType::LengthDelimited => (0, usize::try_from(decode_varint(&mut rest).ok()?).ok()?),
            WireType::SixtyFourBit => (0, 8),
            WireType::ThirtyTwoBit => (0, 4),
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        rest = after;
        fields.push(Field { number, value, content, whole: &start[..start.len() - rest.len()] });
    }
    Some(fields)
}

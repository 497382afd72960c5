//! Moves external data to aligned places.
//!
//! ONNX Runtime writes packed weights right after the data before them, and maps them where they are. Its kernels for AVX-512
//! read them 64 bytes at a time, from multiples of 64 only; elsewhere the process ends.

use prost::Message;
use wuerst_read::wire::fields;

use super::patch::{GRAPH, INITIALIZER, push};
use super::proto::TensorProto;

/// Multiple at which data must begin.
const ALIGNMENT: u64 = 64;

/// Key of external data that are weights packed for a kernel: `KERNEL|OFFSET;LENGTH;FLAG`, possibly with several parts.
const PACKED: &str = "prepacked_";

/// Bytes that move from one place of the data file to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Offset before.
    pub from: u64,
    /// Offset after, never lower.
    pub to: u64,
    /// Number of bytes.
    pub length: u64,
}

/// An encoded model whose external data begins at multiples of 64, with all data that its file then consists of, in order.
/// `None` if packed weights begin at such places already, and for a model that is damaged or of another form.
pub fn aligned(model: &[u8]) -> Option<(Vec<u8>, Vec<Move>)> {
    let (mut out, mut moves) = (Vec::with_capacity(model.len()), vec![]);
    let mut good = true;
    for field in fields(model)? {
        if field.number != GRAPH {
            out.extend_from_slice(field.whole);
            continue;
        }
        let mut graph = Vec::with_capacity(field.content.len());
        for field in fields(field.content)? {
            let outside =
                field.number == INITIALIZER && fields(field.content)?.iter().any(|field| field.number == 13);
            if !outside {
                graph.extend_from_slice(field.whole);
                continue;
            }
            let mut tensor = TensorProto::decode(field.content).ok()?;
            good &= place(&mut tensor, &mut moves)?;
            push(INITIALIZER, &tensor.encode_to_vec(), &mut graph);
        }
        push(GRAPH, &graph, &mut out);
    }
    let in_order = moves.windows(2).all(|two| two[1].from >= two[0].from.saturating_add(two[0].length));
    (!good && in_order).then_some((out, moves))
}

/// Moves a tensor's data, and its packed weights, to the next aligned places. Returns whether the packed weights were at
/// aligned places.
fn place(tensor: &mut TensorProto, moves: &mut Vec<Move>) -> Option<bool> {
    let mut next = |from: u64, length: u64| {
        let end = moves.last().map_or(0, |last| last.to + last.length);
        let to = end.max(from).checked_next_multiple_of(ALIGNMENT)?;
        to.checked_add(length)?;
        moves.push(Move { from, to, length });
        Some(to)
    };
    let number = |tensor: &TensorProto, key: &str| -> Option<u64> {
        tensor.external_data.iter().find(|entry| entry.key == key)?.value.parse().ok()
    };
    let (from, length) = (number(tensor, "offset").unwrap_or(0), number(tensor, "length")?);
    let to = next(from, length)?;
    let mut good = true;
    for entry in &mut tensor.external_data {
        if entry.key == "offset" {
            entry.value = to.to_string();
        } else if entry.key.starts_with(PACKED) {
            let mut parts = entry.value.split('|');
            let mut value = parts.next()?.to_owned();
            for part in parts {
                let mut numbers = part.splitn(3, ';');
                let (from, length) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
                good &= u64::is_multiple_of(from, ALIGNMENT);
                let to = next(from, length)?;
                value += &format!("|{to};{length};{}", numbers.next()?);
            }
            entry.value = value;
        }
    }
    Some(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto};

    fn model(entries: &[&[(&str, &str)]]) -> Vec<u8> {
        let tensor = |entries: &&[(&str, &str)]| TensorProto {
            external_data: entries
                .iter()
                .map(|(key, value)| StringStringEntryProto::new(key, value))
                .collect(),
            ..TensorProto::default()
        };
        let initializer = entries.iter().map(tensor).collect();
        let graph = GraphProto { initializer, ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec()
    }

    #[test]
    fn packed_weights_move_to_multiples_of_64() {
        let at = |first: &str, packed: &str| {
            model(&[
                &[("location", "data"), ("offset", "0"), ("length", "100")],
                &[("offset", first), ("length", "28"), ("prepacked_0", packed)],
            ])
        };
        let (moved, moves) =
            aligned(&at("100", "MatMul+7|128;64;0|192;10;0")).map_or((vec![], vec![]), |both| both);
        assert!(moved.is_empty() && moves.is_empty(), "aligned already");
        let (moved, moves) = aligned(&at("100", "MatMul+7|136;64;0|200;10;0")).unwrap();
        let of = |from, to, length| Move { from, to, length };
        assert_eq!(moves, [of(0, 0, 100), of(100, 128, 28), of(136, 192, 64), of(200, 256, 10)]);
        assert_eq!(moved, at("128", "MatMul+7|192;64;0|256;10;0"));
        assert!(aligned(&moved).is_none());
        for odd in ["MatMul|100;64;0", "MatMul|x;64;0", "MatMul|136", "MatMul|136;64"] {
            assert!(aligned(&at("100", odd)).is_none(), "{odd}");
        }
    }
}

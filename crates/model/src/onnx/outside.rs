//! The parts of an external data file that a session needs: each tensor, or ONNX Runtime's packed form of it.

use wuerst_read::message::Message;
use wuerst_read::wire::fields;

/// Prefix of the keys of packed weights. Their values are a name and, after bars, offset, length and number of each part,
/// separated by semicolons.
const PACKED: &str = "prepacked_";

/// Offset and length of each part of its data file that a session of an encoded model needs. `None` if the model is damaged.
pub fn outside(model: &[u8]) -> Option<Vec<[u64; 2]>> {
    let mut parts = vec![];
    walk(Message::Model, model, &mut parts)?;
    Some(parts)
}

fn walk(message: Message, content: &[u8], parts: &mut Vec<[u64; 2]>) -> Option<()> {
    if message == Message::Tensor {
        return of_tensor(content, parts);
    }
    for field in fields(content)? {
        if let Some(within) = message.field(field.number).filter(|within| within.may_hold_tensors()) {
            walk(within, field.content, parts)?;
        }
    }
    Some(())
}

/// Collects the places of a TensorProto's `external_data`, which are pairs of texts.
fn of_tensor(tensor: &[u8], parts: &mut Vec<[u64; 2]>) -> Option<()> {
    let (mut own, packed_before) = ([0, 0], parts.len());
    for pair in fields(tensor)?.iter().filter(|field| field.number == 13) {
        let pair = fields(pair.content)?;
        let text = |number| pair.iter().find(|field| field.number == number)?.text();
        match (text(1)?, text(2)?) {
            ("offset", value) => own[0] = value.parse().ok()?,
            ("length", value) => own[1] = value.parse().ok()?,
            (key, value) if key.starts_with(PACKED) => {
                for part in value.split('|').skip(1) {
                    let mut numbers = part.split(';').map(str::parse);
                    parts.push([numbers.next()?.ok()?, numbers.next()?.ok()?]);
                }
            }
            _ => {}
        }
    }
    // The packed form is read in its place.
    if parts.len() == packed_before && own[1] > 0 {
        parts.push(own);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::raw::{attribute, graph, node, put};

    fn tensor(pairs: &[[&str; 2]]) -> Vec<u8> {
        let pair = |[key, value]: &[&str; 2]| [put(1, key.as_bytes()), put(2, value.as_bytes())].concat();
        pairs.iter().flat_map(|texts| put(13, &pair(texts))).collect()
    }

    #[test]
    fn finds_tensors_and_packed_weights() {
        let place = [["location", "model.onnx.data"], ["offset", "64"], ["length", "10"]];
        let packed = [["length", "7"], ["prepacked_0", "MatMul+12|128;40;1|4096;8;0"]];
        let inner = graph(&[], &[tensor(&[["offset", "9000"], ["length", "1"]])]);
        let branch = node("If x -> y", &[attribute("then_branch", &put(6, &inner))]);
        let model = put(7, &graph(&[branch], &[tensor(&place), tensor(&packed), vec![]]));
        let found = outside(&model).unwrap();
        assert_eq!(found, [[9000, 1], [64, 10], [128, 40], [4096, 8]]);
        assert_eq!(outside(&put(7, &graph(&[], &[tensor(&[["offset", "x"]])]))), None);
        assert_eq!(outside(&model[..model.len() - 1]), None);
    }
}

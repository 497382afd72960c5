//! File format of a node's results.
//!
//! The header `wuerst results 1` and a line feed, a checksum of the rest, the key, then the values: a tag, and for
//! tensors the rank, the lengths, and the elements. The node's warnings follow, each a text with a tag of its own.
//! Numbers are in native byte order, since a cache folder belongs to one machine; another order is detected as damage.

use wuerst_core::{DType, Digest, Element, Hasher, Tensor, Value};

pub(super) const MAGIC: &[u8; 17] = b"wuerst results 1\n";
const SUM: usize = 32;

/// The tag of a warning.
const WARNING: u8 = 9;

/// Results of a node, and its warnings.
pub(crate) type Stored = (Vec<Value>, Vec<String>);

/// Encodes results as a file; `None` if one of them cannot be stored, such as a model on disk.
pub(super) fn write(key: Digest, values: &[Value], warnings: &[String]) -> Option<Vec<u8>> {
    let mut body = key.as_bytes().to_vec();
    let mut push = |tag: u8, payload: &[u8]| {
        body.push(tag);
        body.extend((payload.len() as u64).to_ne_bytes());
        body.extend(payload);
    };
    for value in values {
        let payload = match value {
            Value::Bool(x) => (0, vec![u8::from(*x)]),
            Value::Int(x) => match i64::try_from(*x) {
                Ok(x) => (1, x.to_ne_bytes().to_vec()),
                Err(_) => (8, x.to_ne_bytes().to_vec()),
            },
            Value::Float(x) => (2, x.to_ne_bytes().to_vec()),
            Value::Text(x) => (3, x.as_bytes().to_vec()),
            Value::Tensor(x) => (tag(x.dtype()), shaped(x)),
            Value::Model(_) | Value::File(_) => return None,
        };
        push(payload.0, &payload.1);
    }
    warnings.iter().for_each(|warning| push(WARNING, warning.as_bytes()));
    Some([MAGIC.as_slice(), sum(&body).as_bytes(), &body].concat())
}

/// Decodes results from a file; `None` if it is damaged or belongs to another key.
pub(super) fn read(key: Digest, file: &[u8]) -> Option<Stored> {
    let file = file.strip_prefix(MAGIC.as_slice())?;
    let (stored, body) = file.split_at_checked(SUM)?;
    let mut rest = body.strip_prefix(key.as_bytes().as_slice())?;
    if sum(body).as_bytes() != stored {
        return None;
    }
    let (mut values, mut warnings) = (Vec::new(), Vec::new());
    while let Some((tag, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<8>()?;
        let (payload, after) = after.split_at_checked(usize::try_from(u64::from_ne_bytes(*length)).ok()?)?;
        match *tag {
            WARNING => warnings.push(std::str::from_utf8(payload).ok()?.to_owned()),
            tag => values.push(value(tag, payload)?),
        }
        rest = after;
    }
    Some((values, warnings))
}

/// Whether the bytes begin with the header of a result, or are a part of it. Recognises files cut off by a crash, and no
/// foreign files.
pub(super) fn is_begun(file: &[u8]) -> bool {
    file.starts_with(MAGIC) || MAGIC.starts_with(file)
}

fn sum(body: &[u8]) -> Digest {
    Hasher::new("results").bytes(body).finish()
}

fn value(tag: u8, payload: &[u8]) -> Option<Value> {
    Some(match tag {
        0 => Value::Bool(payload == [1]),
        1 => Value::from(i64::from_ne_bytes(payload.try_into().ok()?)),
        2 => Value::Float(f64::from_ne_bytes(payload.try_into().ok()?)),
        3 => Value::from(std::str::from_utf8(payload).ok()?),
        4 => tensor::<f32>(payload)?,
        5 => tensor::<half::f16>(payload)?,
        6 => tensor::<i64>(payload)?,
        7 => tensor::<u8>(payload)?,
        8 => Value::Int(i128::from_ne_bytes(payload.try_into().ok()?)),
        _ => return None,
    })
}

fn tag(dtype: DType) -> u8 {
    match dtype {
        DType::F32 => 4,
        DType::F16 => 5,
        DType::I64 => 6,
        DType::U8 => 7,
    }
}

fn shaped(tensor: &Tensor) -> Vec<u8> {
    let lengths = [tensor.shape().len()].into_iter().chain(tensor.shape().iter().copied());
    let lengths: Vec<u8> = lengths.flat_map(|n| (n as u64).to_ne_bytes()).collect();
    [lengths.as_slice(), &tensor.as_bytes()].concat()
}

fn tensor<T: Element>(payload: &[u8]) -> Option<Value> {
    fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
        let (number, rest) = bytes.split_first_chunk::<8>()?;
        Some((usize::try_from(u64::from_ne_bytes(*number)).ok()?, rest))
    }
    let (rank, mut rest) = number(payload)?;
    let mut shape = Vec::new();
    for _ in 0..rank {
        let (length, after) = number(rest)?;
        shape.push(length);
        rest = after;
    }
    if !rest.len().is_multiple_of(size_of::<T>()) {
        return None;
    }
    let elements: Vec<T> = rest.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect();
    Some(Tensor::from_vec(&shape, elements).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Value> {
        let half = Tensor::from_vec(&[2, 1], vec![half::f16::ONE, half::f16::MAX]).unwrap();
        let empty = Tensor::from_vec(&[0, 3], Vec::<i64>::new()).unwrap();
        let floats = Tensor::from_vec(&[1, 2], vec![-0.0f32, 1e-9]).unwrap();
        let bytes = Tensor::from_vec(&[], vec![7u8]).unwrap();
        let mut values = vec![
            Value::from(true),
            Value::Int(-3),
            Value::from(u64::MAX),
            Value::Float(0.1),
            Value::from("Würstchen"),
        ];
        values.extend([half, empty, floats, bytes].map(Value::from));
        values
    }

    #[test]
    fn values_are_restored() {
        let key = Value::Int(1).digest();
        let warnings = ["cut off".to_owned(), String::new()];
        let file = write(key, &values(), &warnings).unwrap();
        let (back, said) = read(key, &file).unwrap();
        assert_eq!(said, warnings);
        let digests = |values: &[Value]| values.iter().map(Value::digest).collect::<Vec<_>>();
        assert_eq!(digests(&back), digests(&values()));
        assert!(read(Value::Int(2).digest(), &file).is_none(), "another key");
    }

    #[test]
    fn damage_is_detected() {
        let key = Value::Int(1).digest();
        let file = write(key, &values(), &["a".to_owned()]).unwrap();
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(read(key, &damaged).is_none(), "byte {at}");
            assert!(read(key, &file[..at]).is_none(), "cut off at {at}");
        }
        assert!(read(key, &[file.as_slice(), b"x"].concat()).is_none(), "something added");
    }
}

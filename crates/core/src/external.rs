//! External data files of an ONNX model, found by the names that the model holds.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock};

use wuerst_read::message::Message;
use wuerst_read::wire::{Reader, Wire, WireError};

use crate::content::{Known, Stamp};

/// Upper bound of fields read. The largest models have fewer; a damaged file of gigabytes could hold billions.
const MOST_FIELDS: usize = 1 << 24;

/// Longest name that is read.
const LONGEST_NAME: u64 = 4096;

/// The files with external data of the model at `path`, in the order of their names; empty for a damaged file or one that
/// is not an ONNX model.
///
/// # Errors
/// Errors of the system for the model file, and a name that leads out of the model's folder.
pub fn external_data(path: &Path) -> io::Result<Vec<PathBuf>> {
    data(path, None)
}

/// As [`external_data`]; `stamp` is as in [`Known::of`].
pub(crate) fn data(path: &Path, stamp: Option<Stamp>) -> io::Result<Vec<PathBuf>> {
    static NAMES: LazyLock<Known<Arc<BTreeSet<String>>>> = LazyLock::new(Known::new);
    let known = NAMES.of(path, stamp, |file, size| -> io::Result<_> {
        Ok(Arc::new(names(&mut Reader::new(BufReader::new(file)), size)?))
    })?;
    let place = |name: &String| match stays_inside(name) {
        true => Ok(path.with_file_name(name)),
        false => Err(outside(name)),
    };
    known.iter().map(place).collect()
}

/// The names of external data in a model in memory.
///
/// # Errors
/// As [`external_data`].
pub(crate) fn names_in(model: &[u8]) -> io::Result<BTreeSet<String>> {
    let found = names(&mut Reader::new(io::Cursor::new(model)), model.len() as u64)?;
    match found.iter().find(|name| !stays_inside(name)) {
        Some(name) => Err(outside(name)),
        None => Ok(found),
    }
}

fn outside(name: &str) -> io::Error {
    let message = format!("names external data at `{name}`, which is outside of its folder");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Whether a relative name stays inside its folder: neither absolute nor with `..`.
pub fn stays_inside(name: &str) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && Path::new(name).components().all(inside)
}

/// Names of external data in a model of `length` bytes. Reads only the fields that lead to them.
fn names<R: BufRead + Seek>(reader: &mut Reader<R>, length: u64) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    match collect(reader, length, &mut names) {
        Ok(()) => Ok(names),
        // Damage is reported when the model is loaded.
        Err(WireError::Damaged(_)) => Ok(BTreeSet::new()),
        Err(WireError::Io(e)) if e.kind() == ErrorKind::UnexpectedEof => Ok(BTreeSet::new()),
        Err(WireError::Io(e)) => Err(e),
    }
}

fn collect<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    length: u64,
    names: &mut BTreeSet<String>,
) -> Result<(), WireError> {
    // An explicit stack, because deeply nested graphs would exhaust the thread's stack.
    let mut open = vec![(Message::Model, length)];
    let mut fields = 0;
    while let Some(&(message, end)) = open.last() {
        if reader.at() >= end {
            open.pop();
            continue;
        }
        fields += 1;
        if fields > MOST_FIELDS {
            let message = format!("is not a model: it has more than {MOST_FIELDS} fields");
            return Err(io::Error::other(message).into());
        }
        let (number, wire) = reader.next(end)?;
        match (message.field(number), wire) {
            (Some(Message::Location), Wire::Bytes(stop)) => {
                let (key, value) = reader.pair(stop, LONGEST_NAME)?;
                names.extend(Some(value).filter(|_| key == "location"));
            }
            (Some(within), Wire::Bytes(stop)) if within.may_hold_tensors() => open.push((within, stop)),
            _ => reader.skip(wire)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes.
    fn field(number: u16, payload: &[u8]) -> Vec<u8> {
        let varint = |mut number: usize| {
            let mut bytes = vec![];
            while number > 127 {
                bytes.push(number as u8 | 128);
                number >>= 7;
            }
            bytes.push(number as u8);
            bytes
        };
        [varint(usize::from(number) << 3 | 2), varint(payload.len()), payload.to_vec()].concat()
    }

    fn tensor(location: &str) -> Vec<u8> {
        let entry = |key: &str, value: &str| [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
        let entries = [field(13, &entry("location", location)), field(13, &entry("offset", "8"))];
        [field(9, &[7; 300]), entries.concat()].concat()
    }

    fn found(model: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(io::Cursor::new(model));
        names(&mut reader, model.len() as u64).unwrap().into_iter().collect()
    }

    #[test]
    fn names_are_found_wherever_tensor_is() {
        let weight = field(5, &tensor("model.onnx_data"));
        let sparse = field(15, &field(1, &tensor("sparse")));
        let branch = field(6, &field(5, &tensor("branch")));
        let node = field(5, &[field(5, &tensor("constant")), field(10, &tensor("list")), branch].concat());
        let graph = field(7, &[weight.clone(), weight, sparse, field(1, &node)].concat());
        let function = field(25, &field(7, &field(5, &field(5, &tensor("function")))));
        let model = [vec![8, 8], graph, function].concat();
        let all = ["branch", "constant", "function", "list", "model.onnx_data", "sparse"];
        assert_eq!(found(&model), all);
        assert!(found(&model[..model.len() - 1]).is_empty(), "cut off");
    }

    #[test]
    fn zeros_are_left_at_once() {
        let mut zeros = Reader::new(io::Cursor::new(vec![0; 1 << 20]));
        assert!(collect(&mut zeros, 1 << 20, &mut BTreeSet::new()).is_err());
        assert!(zeros.at() < 10, "read {} bytes", zeros.at());
    }

    #[test]
    fn nested_graphs_take_no_stack() {
        let mut node = tensor("deep");
        node = field(5, &node);
        for _ in 0..2000 {
            node = field(1, &field(5, &field(6, &node)));
        }
        assert_eq!(found(&field(7, &node)), ["deep"]);
    }

    #[test]
    fn names_stay_in_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        for (name, good) in [("w", true), ("a/w", true), ("../w", false), ("/etc/passwd", false), ("", false)]
        {
            std::fs::write(&path, field(7, &field(5, &tensor(name)))).unwrap();
            assert_eq!(external_data(&path).is_ok(), good, "{name}");
        }
    }
}

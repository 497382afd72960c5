//! The files next to an ONNX model that hold its weights, by the names in the model.
//!
//! Only the fields that lead to such a name are read; weights within the file are jumped over. Field numbers are those
//! of `onnx.proto`.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::content::Known;

/// More fields than the largest models have; a file of gigabytes could hold billions.
const MOST_FIELDS: usize = 1 << 24;

/// A longer name is none.
const LONGEST_NAME: u64 = 4096;

/// The files with external data of the model at `path`, in the order of their names; none for a file that is no ONNX
/// model, or a damaged one.
///
/// # Errors
/// The system's, for the model; and for a name that leads out of the model's folder.
pub fn external_data(path: &Path) -> io::Result<Vec<PathBuf>> {
    static NAMES: LazyLock<Known<Arc<BTreeSet<String>>>> = LazyLock::new(Known::new);
    let names = NAMES.of(path, |file, size| -> io::Result<_> {
        Ok(Arc::new(Walk { file: BufReader::new(file), at: 0 }.names(size)?))
    })?;
    let place = |name: &String| match stays_inside(name) {
        true => Ok(path.with_file_name(name)),
        false => {
            let message = format!("names external data at `{name}`, which is outside of its folder");
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    };
    names.iter().map(place).collect()
}

/// Whether a name stays in the folder that it is relative to: neither absolute nor with `..`.
pub fn stays_inside(name: &str) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && Path::new(name).components().all(inside)
}

/// A message that is on the way to a tensor.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Training,
    Graph,
    Function,
    Node,
    Attribute,
    Sparse,
    Tensor,
    Entry,
}

impl Message {
    /// What its field of this number is.
    fn field(self, number: u64) -> Option<Message> {
        Some(match (self, number) {
            (Message::Model, 7) | (Message::Training, 1 | 2) | (Message::Attribute, 6 | 11) => Message::Graph,
            (Message::Model, 20) => Message::Training,
            (Message::Model, 25) => Message::Function,
            (Message::Graph, 1) | (Message::Function, 7) => Message::Node,
            (Message::Node, 5) | (Message::Function, 11) => Message::Attribute,
            (Message::Graph, 15) | (Message::Attribute, 22 | 23) => Message::Sparse,
            (Message::Graph, 5) | (Message::Attribute, 5 | 10) | (Message::Sparse, 1 | 2) => Message::Tensor,
            (Message::Tensor, 13) => Message::Entry,
            _ => return None,
        })
    }
}

/// A file, read field by field.
struct Walk<R> {
    file: BufReader<R>,
    at: u64,
}

impl<R: Read + Seek> Walk<R> {
    /// The names in a file of so many bytes.
    fn names(mut self, length: u64) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        match self.collect(length, &mut names) {
            // Damage is said where the model is loaded.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(BTreeSet::new()),
            collected => collected.map(|()| names),
        }
    }

    fn collect(&mut self, length: u64, names: &mut BTreeSet<String>) -> io::Result<()> {
        // A stack of our own: graphs within graphs must not exhaust the thread's.
        let mut open = vec![(Message::Model, length)];
        let mut entry = (String::new(), String::new());
        let mut fields = 0;
        while let Some(&(message, end)) = open.last() {
            if self.at >= end {
                open.pop();
                if let Message::Entry = message {
                    let (key, value) = std::mem::take(&mut entry);
                    names.extend(Some(value).filter(|_| key == "location"));
                }
                continue;
            }
            fields += 1;
            if fields > MOST_FIELDS {
                return Err(io::Error::other(format!("is no model: it has more than {MOST_FIELDS} fields")));
            }
            let key = self.number()?;
            let stop = match key & 7 {
                0 => self.number().map(|_| self.at)?,
                1 => self.at.saturating_add(8),
                2 => self.number()?.saturating_add(self.at),
                5 => self.at.saturating_add(4),
                _ => return Err(damaged()),
            };
            // No field has the number 0.
            if key < 8 || stop > end {
                return Err(damaged());
            }
            match (message.field(key >> 3), message, key) {
                (Some(within), ..) if key & 7 == 2 => open.push((within, stop)),
                (_, Message::Entry, 10) => entry.0 = self.text(stop)?,
                (_, Message::Entry, 18) => entry.1 = self.text(stop)?,
                _ => self.skip(stop)?,
            }
        }
        Ok(())
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.file.fill_buf()?.first().ok_or_else(damaged)?;
            self.file.consume(1);
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    fn text(&mut self, stop: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        let length = stop - self.at;
        if length > LONGEST_NAME {
            return Err(damaged());
        }
        (&mut self.file).take(length).read_to_end(&mut bytes)?;
        self.at = stop;
        String::from_utf8(bytes).map_err(|_| damaged())
    }

    fn skip(&mut self, stop: u64) -> io::Result<()> {
        // Keeps the buffer for short jumps, of which a graph has thousands.
        self.file.seek_relative(i64::try_from(stop - self.at).map_err(|_| damaged())?)?;
        self.at = stop;
        Ok(())
    }
}

fn damaged() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
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

    fn names(model: &[u8]) -> io::Result<Vec<String>> {
        let walk = Walk { file: BufReader::new(io::Cursor::new(model)), at: 0 };
        Ok(walk.names(model.len() as u64)?.into_iter().collect())
    }

    #[test]
    fn names_are_found_wherever_a_tensor_is() {
        let weight = field(5, &tensor("model.onnx_data"));
        let sparse = field(15, &field(1, &tensor("sparse")));
        let branch = field(6, &field(5, &tensor("branch")));
        let node = field(5, &[field(5, &tensor("constant")), field(10, &tensor("list")), branch].concat());
        let graph = field(7, &[weight.clone(), weight, sparse, field(1, &node)].concat());
        let function = field(25, &field(7, &field(5, &field(5, &tensor("function")))));
        let model = [vec![8, 8], graph, function].concat();
        let all = ["branch", "constant", "function", "list", "model.onnx_data", "sparse"];
        assert_eq!(names(&model).unwrap(), all);
        assert!(names(&model[..model.len() - 1]).unwrap().is_empty(), "cut off");
    }

    #[test]
    fn zeros_are_left_at_once() {
        let mut zeros = Walk { file: BufReader::new(io::Cursor::new(vec![0; 1 << 20])), at: 0 };
        assert!(zeros.collect(1 << 20, &mut BTreeSet::new()).is_err());
        assert!(zeros.at < 10, "read {} bytes", zeros.at);
    }

    #[test]
    fn nested_graphs_take_no_stack() {
        let mut node = tensor("deep");
        node = field(5, &node);
        for _ in 0..2000 {
            node = field(1, &field(5, &field(6, &node)));
        }
        assert_eq!(names(&field(7, &node)).unwrap(), ["deep"]);
    }

    #[test]
    fn names_stay_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        for (name, good) in [("w", true), ("a/w", true), ("../w", false), ("/etc/passwd", false), ("", false)]
        {
            std::fs::write(&path, field(7, &field(5, &tensor(name)))).unwrap();
            assert_eq!(external_data(&path).is_ok(), good, "{name}");
        }
    }
}

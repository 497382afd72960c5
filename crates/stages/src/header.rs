//! The head of an ONNX file: metadata, inputs and outputs, read without its weights and without ONNX Runtime.
//!
//! A model is checked when a graph is, long before it is loaded, so this must cost next to nothing: the reader
//! jumps over whatever it does not want, whatever the size of the file. Field numbers are those of `onnx.proto`.

mod about;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use wuerst_core::regular::{self, Links};
use wuerst_core::{DType, Dim, external_data};

/// What an ONNX file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Pairs of strings that the file's author put there.
    pub metadata: Vec<(String, String)>,
    /// What the model takes.
    pub inputs: Vec<Outlet>,
    /// What it gives.
    pub outputs: Vec<Outlet>,
    /// The size of the file and of those with external data, in bytes.
    pub bytes: u64,
    /// Floating-point numbers in its tensors: weights, and the few constants of the operators.
    pub numbers: u64,
    /// Sets of operators that it needs beside the standard one, as `com.microsoft`.
    pub domains: Vec<String>,
}

/// An input or output of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// Its element type; `None` for one that no stage uses.
    pub dtype: Option<DType>,
    /// Its dimensions, slowest first.
    pub dims: Vec<Dim>,
}

/// Writes the type in the notation of signatures.
impl fmt::Display for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(Dim::to_string).collect();
        write!(f, "{}[{}]", self.dtype.map_or("of another type ", DType::name), dims.join(","))
    }
}

/// Why the head of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file system says no.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not a protobuf, or cut off.
    #[error("not an ONNX file, or damaged at byte {0}")]
    Damaged(u64),
    /// A protobuf, perhaps, but without a graph.
    #[error("not an ONNX file: it holds no graph")]
    NoGraph,
}

type Read<T> = Result<T, HeaderError>;

/// Longer names and metadata are taken for damage.
const LONGEST_TEXT: u64 = 16 << 20;

impl Header {
    /// Reads the head of the ONNX file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no ONNX file.
    pub fn read(path: &Path) -> Read<Header> {
        let file = regular::open(path, Links::Followed)?;
        let length = file.metadata()?.len();
        let mut fields = Fields { file: BufReader::new(file), at: 0 };
        let mut header = Header { bytes: length.saturating_add(data_length(path)?), ..Header::default() };
        let mut found = false;
        while fields.at < length {
            match fields.next(length)? {
                (7, Wire::Bytes(end)) => {
                    found = true;
                    fields.graph(end, &mut header)?;
                }
                (8, Wire::Bytes(end)) => header.domains.extend(fields.domain(end)?),
                (14, Wire::Bytes(end)) => header.metadata.push(fields.pair(end)?),
                (_, other) => fields.skip(other)?,
            }
        }
        if found { Ok(header) } else { Err(HeaderError::NoGraph) }
    }
}

/// The size of the files with external data, as far as they are there.
fn data_length(path: &Path) -> std::io::Result<u64> {
    let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |about| about.len());
    Ok(external_data(path)?.into_iter().map(length).fold(0, u64::saturating_add))
}

/// What follows the number of a field.
enum Wire {
    Number(u64),
    /// A message or string that ends at this byte of the file.
    Bytes(u64),
    /// A number of 4 or 8 bytes.
    Fixed(u64),
}

/// A protobuf file, read field by field.
struct Fields {
    file: BufReader<File>,
    at: u64,
}

impl Fields {
    /// The number of the next field of a message that ends at `end`, and what follows.
    fn next(&mut self, end: u64) -> Read<(u64, Wire)> {
        let start = self.at;
        let key = self.number()?;
        let wire = match key & 7 {
            0 => Wire::Number(self.number()?),
            1 => Wire::Fixed(8),
            2 => {
                let length = self.number()?;
                let stop = self.at.checked_add(length).filter(|stop| *stop <= end);
                Wire::Bytes(stop.ok_or(HeaderError::Damaged(start))?)
            }
            5 => Wire::Fixed(4),
            _ => return Err(HeaderError::Damaged(start)),
        };
        // No field has the number 0: a file of zeros is left at once.
        if key < 8 {
            return Err(HeaderError::Damaged(start));
        }
        Ok((key >> 3, wire))
    }

    fn skip(&mut self, wire: Wire) -> Read<()> {
        let length = match wire {
            Wire::Number(_) => 0,
            Wire::Bytes(end) => end - self.at,
            Wire::Fixed(length) => length,
        };
        let length = i64::try_from(length).map_err(|_| HeaderError::Damaged(self.at))?;
        // Keeps the buffer for short jumps, of which a graph has thousands.
        self.file.seek_relative(length)?;
        self.at += length.unsigned_abs();
        Ok(())
    }

    fn number(&mut self) -> Read<u64> {
        let start = self.at;
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.file.fill_buf()?.first().ok_or(HeaderError::Damaged(start))?;
            self.file.consume(1);
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(HeaderError::Damaged(start))
    }

    fn text(&mut self, end: u64) -> Read<String> {
        let start = self.at;
        let length = end - start;
        if length > LONGEST_TEXT {
            return Err(HeaderError::Damaged(start));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length as usize).map_err(std::io::Error::from)?;
        bytes.resize(length as usize, 0);
        std::io::Read::read_exact(&mut self.file, &mut bytes)?;
        self.at = end;
        String::from_utf8(bytes).map_err(|_| HeaderError::Damaged(start))
    }

    /// StringStringEntryProto.
    fn pair(&mut self, end: u64) -> Read<(String, String)> {
        let mut pair = (String::new(), String::new());
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Bytes(stop)) => pair.0 = self.text(stop)?,
                (2, Wire::Bytes(stop)) => pair.1 = self.text(stop)?,
                (_, other) => self.skip(other)?,
            }
        }
        Ok(pair)
    }

    /// OperatorSetIdProto; none for the standard set.
    fn domain(&mut self, end: u64) -> Read<Option<String>> {
        let mut domain = None;
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Bytes(stop)) => domain = Some(self.text(stop)?).filter(|name| !name.is_empty()),
                (_, other) => self.skip(other)?,
            }
        }
        Ok(domain)
    }

    /// How many floating-point numbers a TensorProto holds.
    fn numbers(&mut self, end: u64) -> Read<u64> {
        let (mut count, mut floating) = (1u64, false);
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Number(length)) => count = count.saturating_mul(length),
                (1, Wire::Bytes(stop)) => {
                    while self.at < stop {
                        count = count.saturating_mul(self.number()?);
                    }
                }
                // f32, f16, f64 and bf16.
                (2, Wire::Number(code)) => floating = [1, 10, 11, 16].contains(&code),
                (_, other) => self.skip(other)?,
            }
        }
        Ok(if floating { count } else { 0 })
    }

    /// GraphProto.
    fn graph(&mut self, end: u64, header: &mut Header) -> Read<()> {
        while self.at < end {
            match self.next(end)? {
                (5, Wire::Bytes(stop)) => {
                    header.numbers = header.numbers.saturating_add(self.numbers(stop)?);
                }
                (11, Wire::Bytes(stop)) => header.inputs.push(self.outlet(stop)?),
                (12, Wire::Bytes(stop)) => header.outputs.push(self.outlet(stop)?),
                (_, other) => self.skip(other)?,
            }
        }
        Ok(())
    }

    /// ValueInfoProto.
    fn outlet(&mut self, end: u64) -> Read<Outlet> {
        let mut outlet = Outlet::default();
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Bytes(stop)) => outlet.name = self.text(stop)?,
                (2, Wire::Bytes(stop)) => self.value_type(stop, &mut outlet)?,
                (_, other) => self.skip(other)?,
            }
        }
        Ok(outlet)
    }

    /// TypeProto, and in it (field 1) TypeProto.Tensor, and in that (field 2) TensorShapeProto.
    fn value_type(&mut self, end: u64, outlet: &mut Outlet) -> Read<()> {
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Bytes(stop)) => self.tensor_type(stop, outlet)?,
                (_, other) => self.skip(other)?,
            }
        }
        Ok(())
    }

    fn tensor_type(&mut self, end: u64, outlet: &mut Outlet) -> Read<()> {
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Number(code)) => outlet.dtype = dtype(code),
                (2, Wire::Bytes(stop)) => {
                    while self.at < stop {
                        match self.next(stop)? {
                            (1, Wire::Bytes(stop)) => outlet.dims.push(self.dim(stop)?),
                            (_, other) => self.skip(other)?,
                        }
                    }
                }
                (_, other) => self.skip(other)?,
            }
        }
        Ok(())
    }

    /// TensorShapeProto.Dimension; one that says nothing is free.
    fn dim(&mut self, end: u64) -> Read<Dim> {
        let mut dim = Dim::Named("?".into());
        while self.at < end {
            match self.next(end)? {
                // A negative number, as some exporters write, is free too.
                (1, Wire::Number(length)) if length <= u64::from(u32::MAX) => {
                    dim = Dim::Fixed(length as usize)
                }
                (2, Wire::Bytes(stop)) => dim = Dim::Named(self.text(stop)?),
                (_, other) => self.skip(other)?,
            }
        }
        Ok(dim)
    }
}

/// TensorProto.DataType.
fn dtype(code: u64) -> Option<DType> {
    match code {
        1 => Some(DType::F32),
        2 => Some(DType::U8),
        7 => Some(DType::I64),
        10 => Some(DType::F16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes.
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, payload.len() as u8], payload].concat()
    }

    /// A model with one input, `x: f16[b,16]`, and one pair of metadata.
    fn model() -> Vec<u8> {
        let dims = [field(1, &field(2, b"b")), field(1, &[1 << 3, 16])].concat();
        let tensor = [vec![1 << 3, 10], field(2, &dims)].concat();
        let outlet = [field(1, b"x"), field(2, &field(1, &tensor))].concat();
        // A tensor of 3 × 5 numbers f32.
        let weight = [field(1, &[3, 5]), vec![2 << 3, 1], field(9, &[7; 60])].concat();
        let graph = [field(5, &weight), field(11, &outlet)].concat();
        let pair = [field(1, b"wuerst.contract"), field(2, b"prior")].concat();
        let sets = [field(8, &[2 << 3, 20]), field(8, &field(1, b"acme"))].concat();
        [vec![1 << 3, 8], field(7, &graph), sets, field(14, &pair)].concat()
    }

    fn read(bytes: &[u8]) -> Read<Header> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Header::read(file.path())
    }

    #[test]
    fn the_head_is_read_and_the_weights_are_not() {
        let header = read(&model()).unwrap();
        assert_eq!(header.metadata, [("wuerst.contract".to_owned(), "prior".to_owned())]);
        let dims = vec![Dim::Named("b".into()), Dim::Fixed(16)];
        assert_eq!(header.inputs, [Outlet { name: "x".into(), dtype: Some(DType::F16), dims }]);
        assert_eq!((header.bytes, header.numbers), (model().len() as u64, 15));
        assert_eq!(header.memory(), header.bytes, "stored as f32");
        assert_eq!(Header { bytes: 35, ..header.clone() }.memory(), 60, "stored as f16");
        assert_eq!(header.domains, ["acme"]);
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let whole = model();
        for length in 0..whole.len() {
            // Cut between two fields of the model, a file is short but whole.
            if let Ok(header) = read(&whole[..length]) {
                assert!(header.metadata.is_empty() && header.inputs.len() == 1, "cut at {length}");
            }
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            let _ = read(&flipped);
        }
        assert!(matches!(read(b"<html>"), Err(HeaderError::Damaged(_))));
        assert!(matches!(read(b""), Err(HeaderError::NoGraph)));
    }
}

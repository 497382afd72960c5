//! Headers of ONNX files: metadata, inputs and outputs, read without weights and without ONNX Runtime.
//!
//! A graph's check reads them, long before models are loaded, so reading must be cheap: the reader seeks over the
//! weights, whatever the size of the file.

mod about;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wuerst_core::regular::{self, Links};
use wuerst_core::{DType, Dim, Model};
use wuerst_model::onnx::{self, Extent, Head, HeadError, Place, Tensor};
use wuerst_model::stand_in;

/// TensorProto.DataType of f16.
const HALF: i32 = 10;

/// Metadata, inputs and outputs of an ONNX file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelHeader {
    /// Metadata properties of the file.
    pub properties: Vec<(String, String)>,
    /// The model's inputs.
    pub inputs: Vec<Outlet>,
    /// The model's outputs.
    pub outputs: Vec<Outlet>,
    /// Size of the file and its external data, in bytes.
    pub bytes: u64,
    /// Floating-point parameters: weights, and the few constants of the operators.
    pub parameters: u64,
    /// Bytes of constants that ONNX Runtime computes while loading.
    pub unfolded: u64,
    /// Operator sets that it needs in addition to the standard one, such as `com.microsoft`.
    pub domains: Vec<String>,
    /// Whether any of its inputs, outputs or weights are f16.
    pub half: bool,
    /// Whether some of its weights lie in a data file.
    pub mapped: bool,
}

/// An input or output of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// Element type; `None` for types that no stage uses.
    pub dtype: Option<DType>,
    /// Dimensions, slowest first.
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
#[non_exhaustive]
pub enum HeaderError {
    /// Error of the file system.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not an ONNX file, or beyond the limits of the reader.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// An external data file is missing or too short.
    #[error("its data file {}: {why}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// Description of the problem.
        why: String,
    },
}

impl ModelHeader {
    /// Reads the head of the ONNX file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is not an ONNX file, or exceeds the limits of the reader: see [`wuerst_model::onnx::Head`].
    pub fn read(path: &Path) -> Result<ModelHeader, HeaderError> {
        let file = regular::open(path, Links::Followed)?;
        let head = Head::of_file(&file)?;
        let bytes = file.metadata()?.len().saturating_add(data_length(path, &head.tensors)?);
        Ok(ModelHeader::of_head(head, bytes))
    }

    /// Reads the head of a model, which may be in memory.
    ///
    /// # Errors
    /// As [`ModelHeader::read`].
    pub(crate) fn of(model: &Model) -> Result<ModelHeader, HeaderError> {
        let Some(memory) = model.memory() else { return ModelHeader::read(model.path()) };
        let head = Head::of_bytes(&memory.bytes)?;
        let data = |location: &str| memory.data.iter().find(|(name, _)| name == location);
        for (location, end) in ends(&head.tensors) {
            let length = data(location).map_or(0, |(_, bytes)| bytes.len() as u64);
            if length < end {
                return Err(HeaderError::Data { path: location.into(), why: too_short(length, end) });
            }
        }
        let data = memory.data.iter().map(|(_, bytes)| bytes.len() as u64);
        let bytes = data.fold(memory.bytes.len() as u64, u64::saturating_add);
        Ok(ModelHeader::of_head(head, bytes))
    }

    fn of_head(head: Head, bytes: u64) -> ModelHeader {
        let floats = |tensor: &&Tensor| [1, 10, 11, 16].contains(&tensor.element);
        let parameters =
            head.tensors.iter().filter(floats).map(Tensor::elements).fold(0, u64::saturating_add);
        let own = head.inputs.iter().chain(&head.outputs).map(|outlet| outlet.element);
        let half = own.chain(head.tensors.iter().map(|tensor| tensor.element)).any(|element| element == HALF);
        let outlets = |all: Vec<onnx::Outlet>| all.into_iter().map(Outlet::from).collect();
        ModelHeader {
            properties: head.metadata,
            inputs: outlets(head.inputs),
            outputs: outlets(head.outputs),
            bytes,
            parameters,
            unfolded: head.unfolded,
            domains: head.domains,
            half,
            mapped: head.tensors.iter().any(|tensor| matches!(tensor.place, Place::Outside { .. })),
        }
    }
}

impl From<onnx::Outlet> for Outlet {
    fn from(outlet: onnx::Outlet) -> Outlet {
        let dim = |extent| match extent {
            Extent::Fixed(length) => {
                usize::try_from(length).map_or_else(|_| Dim::Named("?".into()), Dim::Fixed)
            }
            Extent::Named(name) => Dim::Named(name),
            Extent::Free => Dim::Named("?".into()),
        };
        let dims = outlet.dims.into_iter().map(dim).collect();
        Outlet { name: outlet.name, dtype: dtype(outlet.element), dims }
    }
}

/// Total size of the external data files. Checks that they are regular and long enough: reading a pipe could block for ever.
fn data_length(path: &Path, tensors: &[Tensor]) -> Result<u64, HeaderError> {
    let mut sum = 0u64;
    for (location, end) in ends(tensors) {
        let path = path.with_file_name("").join(location);
        let file = regular::open(&path, Links::Followed).and_then(|file| Ok((file.metadata()?.len(), file)));
        let why = match file {
            Ok((length, _)) if length >= end => {
                sum = sum.saturating_add(length);
                continue;
            }
            Ok((length, file)) => stand_in::of_file(file)
                .map_or_else(|| too_short(length, end), |what| format!("holds no weights but is {what}")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                "is missing: put it next to the model".to_owned()
            }
            Err(error) => error.to_string(),
        };
        return Err(HeaderError::Data { path, why });
    }
    Ok(sum)
}

/// End of the last tensor in each external data file, in bytes.
fn ends(tensors: &[Tensor]) -> BTreeMap<&str, u64> {
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in tensors {
        if let Place::Outside { location, offset, length } = &tensor.place {
            let end = ends.entry(location).or_default();
            *end = offset.saturating_add(*length).max(*end);
        }
    }
    ends
}

fn too_short(length: u64, end: u64) -> String {
    format!("has {length} bytes, and {end} are expected: it is cut off, or another model's")
}

/// TensorProto.DataType.
fn dtype(code: i32) -> Option<DType> {
    match code {
        1 => Some(DType::F32),
        2 => Some(DType::U8),
        7 => Some(DType::I64),
        HALF => Some(DType::F16),
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

    fn read(bytes: &[u8]) -> Result<ModelHeader, HeaderError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        ModelHeader::read(file.path())
    }

    #[test]
    fn header_is_read_without_weights() {
        let header = read(&model()).unwrap();
        assert_eq!(header.properties, [("wuerst.contract".to_owned(), "prior".to_owned())]);
        let dims = vec![Dim::Named("b".into()), Dim::Fixed(16)];
        assert_eq!(header.inputs, [Outlet { name: "x".into(), dtype: Some(DType::F16), dims }]);
        assert_eq!((header.bytes, header.parameters), (model().len() as u64, 15));
        assert_eq!(header.memory(), header.bytes, "stored as f32");
        assert_eq!(ModelHeader { bytes: 35, ..header.clone() }.memory(), 60, "stored as f16");
        assert_eq!(header.domains, ["acme"]);
    }

    #[test]
    fn damage_is_error_wherever_it_is() {
        let whole = model();
        for length in 0..whole.len() {
            // Cut between two fields of the model, a file is short but whole.
            if let Ok(header) = read(&whole[..length]) {
                assert!(header.properties.is_empty() && header.inputs.len() == 1, "cut at {length}");
            }
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            let _ = read(&flipped);
        }
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(said(b"<html>").contains("a web page"), "{}", said(b"<html>"));
        assert!(said(&[0; 100]).contains("damaged at byte 0"));
        assert!(said(b"").contains("contains no graph"));
    }
}

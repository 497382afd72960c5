//! Reads the weights back out of a model that this module wrote, so that training can go on from it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::f16;
use prost::Message;

use super::builder::TRANSPOSED;
use super::proto::{ModelProto, TensorProto, elem};
use super::store::transpose;
use super::weights::Weight;

/// Why weights could not be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Not a model, a damaged one, or one whose weights lie in another file.
    #[error("{}: {message}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// The floating-point initialisers of a model with all its weights inside, by the names of the recorded parameters.
/// What is stored as f16 comes widened, what is stored transposed the right way round. Constants of the graph are
/// among them, under names that no parameter has.
///
/// # Errors
/// If the file cannot be read, or was not written by this module with its weights inside.
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, Weight>, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Io { path: path.into(), source })?;
    let wrong = |message: String| ReadError::Format { path: path.into(), message };
    let model = ModelProto::decode(&bytes[..]).map_err(|e| wrong(format!("is not an ONNX model: {e}")))?;
    let graph = model.graph.ok_or_else(|| wrong("has no graph".into()))?;
    let floats = |t: &&TensorProto| [elem::FLOAT, elem::FLOAT16].contains(&t.data_type);
    graph.initializer.iter().filter(floats).map(|t| weight(t).map_err(wrong)).collect()
}

fn weight(tensor: &TensorProto) -> Result<(String, Weight), String> {
    let name = &tensor.name;
    let raw = tensor.raw_data.as_ref().ok_or_else(|| format!("`{name}` lies in another file"))?;
    let mut data: Vec<f32> = match tensor.data_type {
        elem::FLOAT16 => raw.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|n| usize::try_from(*n).ok()).collect();
    let elements = shape.as_ref().and_then(|s| s.iter().try_fold(1usize, |all, n| all.checked_mul(*n)));
    let (Some(mut shape), true) = (shape, elements == Some(data.len())) else {
        return Err(format!("`{name}` has {} elements, not those of {:?}", data.len(), tensor.dims));
    };
    let mut plain = name.as_str();
    if let (Some(stem), [rows, columns]) = (name.strip_suffix(TRANSPOSED), &shape[..]) {
        data = transpose(&data, *rows, *columns);
        shape.reverse();
        plain = stem;
    }
    Ok((plain.to_owned(), Weight { shape, data }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{BoxError, Options, Precision, write};
    use crate::record::{Axis, DType, Graph, Init, Op};

    #[test]
    fn what_was_written_is_read() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3)]);
        let w = g.param("layer.weight", &[400, 3], Init::Constant(0.));
        let b = g.param("layer.bias", &[400], Init::Constant(0.));
        let y = g.push(Op::Linear, &[x, w, b]);
        g.output("y", y);
        let g = g.finish().unwrap();
        let weights = |name: &str| -> Result<Weight, BoxError> {
            let shape = if name == "layer.bias" { vec![400] } else { vec![400, 3] };
            let n: usize = shape.iter().product();
            Ok(Weight { shape, data: (0..n).map(|i| i as f32 / 8.).collect() })
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.onnx");
        let options = Options { precision: Precision::F16, inline_bytes: u64::MAX, ..Options::default() };
        write(&path, &g, &weights, &options).unwrap();
        let read = read_weights(&path).unwrap();
        for name in ["layer.weight", "layer.bias"] {
            assert_eq!(read[name], weights(name).unwrap(), "{name}");
        }
        std::fs::write(&path, "PNG").unwrap();
        assert!(read_weights(&path).unwrap_err().to_string().contains("is not an ONNX model"));
    }
}

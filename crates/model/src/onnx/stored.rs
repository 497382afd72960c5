//! A model written by this module, as a source of weights for further training or another export.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use wuerst_read::regular::{self, Links};
use wuerst_read::wire::WireError;

use super::builder::TRANSPOSED;
use super::head::{Head, HeadError};
use super::proto::elem;
use super::store::transpose;
use super::tensor::{Place, Tensor};
use super::weights::{BoxError, Precision, Weight, Weights};
use crate::record::{NetworkGraph, Param};

/// Reason why a model cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// Damaged, or not a model.
    #[error("{}: {message}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Description of the problem.
        message: String,
    },
}

/// A model file with its external data, of which one tensor at a time is read.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    metadata: Vec<(String, String)>,
    /// Floating-point tensors by the names of the recorded parameters, including constants of the graph, under names that
    /// no parameter has.
    tensors: BTreeMap<String, Tensor>,
}

impl Stored {
    /// Reads the model without its external data.
    ///
    /// # Errors
    /// If the file cannot be read, or is not an ONNX model.
    pub fn open(path: &Path) -> Result<Stored, ReadError> {
        let io = |source| ReadError::Io { path: path.into(), source };
        let file = regular::open(path, Links::Followed).map_err(io)?;
        let head = Head::of_file(&file).map_err(|error| match error {
            HeadError::Wire(WireError::Io(source)) => io(source),
            error => ReadError::Format { path: path.into(), message: error.to_string() },
        })?;
        let floats = |t: &Tensor| [elem::FLOAT, elem::FLOAT16].contains(&t.element);
        let tensors = head.tensors.into_iter().filter(floats);
        let tensors = tensors.map(|t| (plain_name(&t).to_owned(), t)).collect();
        Ok(Stored { path: path.into(), metadata: head.metadata, tensors })
    }

    /// The model's pairs of metadata.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// Number of floating-point tensors.
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    /// Names and extents of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Vec<usize>)> {
        self.tensors.iter().map(|(name, tensor)| {
            let extents = tensor.dims.iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX));
            let stored: Vec<usize> = extents.collect();
            let turned = plain_name(tensor) != tensor.name;
            (name.as_str(), if turned { stored.into_iter().rev().collect() } else { stored })
        })
    }

    /// Precision of stored matrices and kernels.
    pub fn precision(&self) -> Precision {
        match self.tensors.values().any(|tensor| tensor.element == elem::FLOAT16) {
            true => Precision::F16,
            false => Precision::F32,
        }
    }

    /// Its tensors with names; f16 is widened, and transposed matrices are restored.
    ///
    /// # Errors
    /// The data file cannot be read, or a tensor is damaged.
    pub fn weights(&self) -> impl Iterator<Item = Result<(String, Weight), ReadError>> {
        self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), self.read(tensor)?)))
    }

    /// Compares extents with those of a network, without reading weights.
    ///
    /// # Errors
    /// The first parameter that is missing, or has other extents.
    pub fn fits(&self, network: &NetworkGraph) -> Result<(), ReadError> {
        let wrong = |message: String| ReadError::Format { path: self.path.clone(), message };
        for Param { name, shape, .. } in &network.params {
            let tensor = self.tensors.get(name).ok_or_else(|| wrong(format!("has no weight `{name}`")))?;
            let mut want: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
            if plain_name(tensor) != tensor.name {
                want.reverse();
            }
            if tensor.dims != want {
                let message =
                    format!("has `{}` of {:?}, and its network wants {want:?}", tensor.name, tensor.dims);
                return Err(wrong(message));
            }
        }
        Ok(())
    }

    /// Checks that a data file is next to the model, links resolved: otherwise a link could pass any file of the user off
    /// as weights. Caches of model hubs contain links to both files, which are next to each other.
    fn lies_beside(&self, data: &Path) -> io::Result<()> {
        let (data, model) = (data.canonicalize()?, self.path.canonicalize()?);
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let folders = [folder.canonicalize()?, model.parent().unwrap_or(&model).to_owned()];
        match folders.iter().any(|folder| data.starts_with(folder)) {
            true => Ok(()),
            false => Err(io::Error::other("is a link out of the model's folder: put a copy in its place")),
        }
    }

    fn read(&self, tensor: &Tensor) -> Result<Weight, ReadError> {
        let wrong = |message: String| ReadError::Format { path: self.path.clone(), message };
        let (path, offset, length) = match &tensor.place {
            Place::Inside { offset, length } => (self.path.clone(), *offset, *length),
            Place::Outside { location, offset, length } => {
                (self.path.with_file_name(location), *offset, *length)
            }
            Place::Listed => return Err(wrong(format!("does not say where to find `{}`", tensor.name))),
        };
        let failed = |source| ReadError::Io { path: path.clone(), source };
        self.lies_beside(&path).map_err(failed)?;
        let mut file = regular::open(&path, Links::Followed).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = vec![];
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != length {
            return Err(wrong(format!("has a data file that ends before `{}`", tensor.name)));
        }
        weight(tensor, &bytes).map_err(wrong)
    }
}

impl Weights for Stored {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        let missing = || format!("{} has no such weight", self.path.display());
        Ok(self.read(self.tensors.get(name).ok_or_else(missing)?)?)
    }
}

/// The parameter stored in a tensor.
fn plain_name(tensor: &Tensor) -> &str {
    match (tensor.name.strip_suffix(TRANSPOSED), tensor.dims.len()) {
        (Some(plain), 2) => plain,
        _ => &tensor.name,
    }
}

fn weight(tensor: &Tensor, raw: &[u8]) -> Result<Weight, String> {
    let name = &tensor.name;
    let mut data: Vec<f32> = match tensor.element {
        elem::FLOAT16 => raw.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|n| usize::try_from(*n).ok()).collect();
    let elements = shape.as_ref().and_then(|s| s.iter().try_fold(1usize, |all, n| all.checked_mul(*n)));
    let (Some(mut shape), true) = (shape, elements == Some(data.len())) else {
        return Err(format!("`{name}` has {} elements, not those of {:?}", data.len(), tensor.dims));
    };
    if let ([rows, columns], true) = (&shape[..], plain_name(tensor) != name) {
        data = transpose(&data, *rows, *columns);
        shape.reverse();
    }
    Ok(Weight { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{ExportOptions, write};
    use crate::record::{Axis, DType, Init, Op};

    /// A layer of 20,000 by 3, and its weights.
    fn layer() -> (NetworkGraph, impl Fn(&str) -> Result<Weight, BoxError>) {
        let mut g = NetworkGraph::new();
        let x = g.input("x", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3)]);
        let w = g.param("layer.weight", &[20_000, 3], Init::Constant(0.));
        let b = g.param("layer.bias", &[20_000], Init::Constant(0.));
        let y = g.push(Op::Linear, &[x, w, b]);
        g.output("y", y);
        let g = g.finish().unwrap();
        let weights = |name: &str| -> Result<Weight, BoxError> {
            let shape = if name == "layer.bias" { vec![20_000] } else { vec![20_000, 3] };
            let n: usize = shape.iter().product();
            Ok(Weight { shape, data: (0..n).map(|i| (i % 1000) as f32 / 8.).collect() })
        };
        (g, weights)
    }

    #[test]
    fn written_models_are_read() {
        let (g, weights) = layer();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.onnx");
        for (precision, inline_bytes) in [(Precision::F16, u64::MAX), (Precision::F32, 0)] {
            let metadata = vec![("author".to_owned(), "somebody".to_owned())];
            let options = ExportOptions { precision, inline_bytes, metadata, ..ExportOptions::default() };
            write(&path, &g, &weights, &options).unwrap();
            let stored = Stored::open(&path).unwrap();
            assert_eq!((stored.precision(), stored.metadata()), (precision, &options.metadata[..]));
            let read: BTreeMap<String, Weight> = stored.weights().collect::<Result<_, _>>().unwrap();
            for name in ["layer.weight", "layer.bias"] {
                assert_eq!(read[name], weights(name).unwrap(), "{name}");
                assert_eq!(stored.weight(name).unwrap(), read[name]);
            }
            assert!(stored.weight("other").unwrap_err().to_string().contains("no such weight"));
            stored.fits(&g).unwrap();
        }
        let said = |path: &Path| {
            let read = Stored::open(path).and_then(|stored| stored.weights().collect::<Result<Vec<_>, _>>());
            read.unwrap_err().to_string()
        };
        let data = path.with_extension("onnx.data");
        std::fs::File::options().write(true).open(&data).unwrap().set_len(100).unwrap();
        assert!(said(&path).contains("ends before"), "{}", said(&path));
        std::fs::remove_file(&data).unwrap();
        assert!(said(&path).contains("layer.onnx.data"), "{}", said(&path));
        std::fs::write(&path, "PNG").unwrap();
        assert!(said(&path).contains("not an ONNX file"));
    }
    #[test]
    fn other_networks_do_not_fit() {
        let (g, weights) = layer();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.onnx");
        write(&path, &g, &weights, &ExportOptions::default()).unwrap();
        let stored = Stored::open(&path).unwrap();
        let mut wide = g.clone();
        wide.params[0].shape = vec![3, 20_000];
        let said = stored.fits(&wide).unwrap_err().to_string();
        assert!(said.contains("its network wants"), "{said}");
        let mut other = g;
        other.params[1].name = "other".into();
        assert!(stored.fits(&other).unwrap_err().to_string().contains("no weight `other`"));
    }

    #[test]
    #[cfg(unix)]
    fn data_is_regular_and_next_to_model() {
        use std::os::unix::fs::symlink;
        let (g, weights) = layer();
        let [folder, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let path = folder.path().join("layer.onnx");
        let data = folder.path().join("layer.onnx.data");
        write(&path, &g, &weights, &ExportOptions { inline_bytes: 0, ..ExportOptions::default() }).unwrap();
        let said = |path: &Path| {
            let read = Stored::open(path).and_then(|stored| stored.weights().collect::<Result<Vec<_>, _>>());
            read.map(|all| all.len()).map_err(|e| e.to_string())
        };
        let there = elsewhere.path().join("secret");
        std::fs::rename(&data, &there).unwrap();
        symlink(&there, &data).unwrap();
        assert!(said(&path).unwrap_err().contains("a link out of the model's folder"));
        // As in the cache of a model hub.
        std::fs::rename(&path, elsewhere.path().join("model")).unwrap();
        symlink(elsewhere.path().join("model"), &path).unwrap();
        assert_eq!(said(&path).unwrap(), 2);
        for file in [&data, &path] {
            std::fs::remove_file(file).unwrap();
            let made = std::process::Command::new("mkfifo").arg(file).status().unwrap();
            assert!(made.success());
            assert!(said(&path).unwrap_err().contains("is a pipe"), "{}", said(&path).unwrap_err());
        }
    }
}

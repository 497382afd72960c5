//! Copies of the reference bundles, to be spoilt by tests.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ImportSource, Published};
use crate::record::NetworkGraph;

/// A path below the folder `tests`.
pub fn reference(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(path)
}

/// Copies the folders of a prior and of a decoder into `to`.
pub fn copy([prior, decoder]: [&str; 2], to: &Path) -> ImportSource {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                all(&from, &to);
            } else {
                fs::write(&to, fs::read(&from).unwrap()).unwrap();
            }
        }
    }
    let source = ImportSource { prior: to.join("p"), decoder: to.join("d"), ..ImportSource::default() };
    all(&reference(prior), &source.prior);
    all(&reference(decoder), &source.decoder);
    source
}

/// Replaces a part of a text file, which must contain it.
pub fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// The error of opening a source.
pub fn said(source: &ImportSource) -> String {
    Published::open(source).unwrap_err().to_string()
}

/// Writes a safetensors file of f32 zeros, which takes no space on the disk.
pub fn zeros<'a>(path: &Path, shapes: impl IntoIterator<Item = (&'a str, &'a [usize])>) {
    let mut end = 0;
    let tensors = shapes.into_iter().map(|(name, shape)| {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        (name.to_owned(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }))
    });
    let header = serde_json::Value::Object(tensors.collect()).to_string();
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
}

/// Names and shapes of a network's parameters.
pub fn shapes(graph: &NetworkGraph) -> impl Iterator<Item = (&str, &[usize])> {
    graph.params.iter().map(|param| (&param.name[..], &param.shape[..]))
}

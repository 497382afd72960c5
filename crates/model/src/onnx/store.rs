//! Initialisers: inside the model if they are few, otherwise in an external data file, written one at a time.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;

use super::proto::{StringStringEntryProto, TensorProto, elem};
use super::quantize::Matrix;
use super::weights::{ExportError, Precision, Weight, Weights};
use crate::record::Param;

/// Tensors in the data file start at multiples of this, the coarsest granularity of memory maps (Windows). Smaller
/// tensors stay in the model, since the gaps would outweigh them.
pub const ALIGNMENT: u64 = 64 * 1024;

/// Tensors smaller than this are never stored as f16.
const SMALL: usize = 1024;

/// Collects the tensors of a model.
pub struct Store<'a> {
    weights: &'a dyn Weights,
    precision: Precision,
    data: Option<DataFile<'a>>,
    /// Finished tensors; those in the data file contain only their location.
    pub tensors: Vec<TensorProto>,
}

/// The external data file.
pub struct DataFile<'a> {
    /// Destination of the bytes.
    pub file: &'a mut std::fs::File,
    /// For messages.
    pub path: PathBuf,
    /// Its path relative to the model.
    pub location: String,
}

impl<'a> Store<'a> {
    pub fn new(weights: &'a dyn Weights, precision: Precision, data: Option<DataFile<'a>>) -> Store<'a> {
        Store { weights, precision, data, tensors: vec![] }
    }

    /// Adds a parameter; returns whether it was narrowed to f16. `transposed` swaps the axes of a matrix.
    pub fn param(&mut self, param: &Param, name: &str, transposed: bool) -> Result<bool, ExportError> {
        let weight = self.read(param)?;
        let narrow =
            narrows(param, self.precision) && weight.data.iter().all(|v| f16::from_f32(*v).is_finite());
        let Weight { mut shape, mut data } = weight;
        if let ([rows, columns], true) = (&shape[..], transposed) {
            data = transpose(&data, *rows, *columns);
            shape.reverse();
        }
        let bytes = encode(&data, narrow);
        drop(data);
        let dtype = if narrow { elem::FLOAT16 } else { elem::FLOAT };
        self.add(name, dtype, &shape, bytes)?;
        Ok(narrow)
    }

    /// Adds a matrix as int8, and its scales.
    pub fn matrix(&mut self, param: &Param, values: &str, scales: &str) -> Result<(), ExportError> {
        let matrix = Matrix::of(&self.read(param)?);
        let outputs = matrix.scales.len();
        let bytes = matrix.values.iter().map(|value| value.cast_unsigned()).collect();
        self.add(values, elem::INT8, &[matrix.values.len() / outputs, outputs], bytes)?;
        self.add(scales, elem::FLOAT, &[outputs], encode(&matrix.scales, false))
    }

    /// The numbers of a parameter, checked to be finite and to have its extents.
    pub fn read(&self, param: &Param) -> Result<Weight, ExportError> {
        let name = &param.name;
        let weight =
            self.weights.weight(name).map_err(|source| ExportError::Weight { name: name.clone(), source })?;
        if weight.shape != param.shape || weight.data.len() != param.shape.iter().product::<usize>() {
            let (got, want) = (weight.shape, param.shape.clone());
            return Err(ExportError::Shape { name: name.clone(), got, want });
        }
        if let Some(number) = weight.data.iter().find(|number| !number.is_finite()) {
            let source = format!("holds {number}, which cannot give a picture").into();
            return Err(ExportError::Weight { name: name.clone(), source });
        }
        Ok(weight)
    }

    /// Adds a tensor of any element type, little-endian.
    pub fn add(
        &mut self,
        name: &str,
        dtype: i32,
        shape: &[usize],
        bytes: Vec<u8>,
    ) -> Result<(), ExportError> {
        let dims = shape.iter().map(|n| *n as i64).collect();
        let mut tensor = TensorProto { name: name.into(), dims, data_type: dtype, ..Default::default() };
        match &mut self.data {
            Some(data) if bytes.len() as u64 >= ALIGNMENT => {
                let offset = data.append(&bytes)?;
                tensor.data_location = Some(1);
                tensor.external_data = vec![
                    StringStringEntryProto::new("location", &data.location),
                    StringStringEntryProto::new("offset", offset),
                    StringStringEntryProto::new("length", bytes.len()),
                ];
            }
            _ => tensor.raw_data = Some(bytes),
        }
        self.tensors.push(tensor);
        Ok(())
    }
}

impl DataFile<'_> {
    /// Writes at the next aligned offset, and returns it.
    fn append(&mut self, bytes: &[u8]) -> Result<u64, ExportError> {
        let mut write = || -> io::Result<u64> {
            let end = self.file.seek(SeekFrom::End(0))?;
            let offset = end.next_multiple_of(ALIGNMENT);
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.write_all(bytes)?;
            Ok(offset)
        };
        write().map_err(|source| io_error(&self.path, source))
    }
}

pub fn io_error(path: &Path, source: io::Error) -> ExportError {
    ExportError::Io { path: path.into(), source }
}

/// Whether a parameter is stored as f16, if its values allow.
fn narrows(param: &Param, precision: Precision) -> bool {
    let vector = param.shape.iter().filter(|n| **n != 1).count() < 2;
    let bytes = 4 * param.shape.iter().product::<usize>();
    precision == Precision::F16 && !vector && bytes >= SMALL
}

/// Maximum number of bytes of a parameter in the file.
pub fn stored_bytes(param: &Param, precision: Precision) -> u64 {
    let width = if narrows(param, precision) { 2 } else { 4 };
    width * param.shape.iter().product::<usize>() as u64
}

/// Bytes of a parameter in an f16 model.
pub fn half_bytes(param: &Param) -> u64 {
    2 * param.shape.iter().product::<usize>() as u64
}

/// Numbers as bytes, little-endian, in f16 or f32.
pub fn encode(data: &[f32], narrow: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() * if narrow { 2 } else { 4 });
    for value in data {
        if narrow {
            bytes.extend_from_slice(&f16::from_f32(*value).to_le_bytes());
        } else {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    bytes
}

/// Transposes a matrix tile by tile, so that both sides stay in the processor's cache.
pub fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut out = vec![0.; data.len()];
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..columns.min(left + TILE) {
                    out[column * rows + row] = data[row * columns + column];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_changes_nothing() {
        let data: Vec<f32> = (0..70 * 33).map(|v| v as f32).collect();
        let turned = transpose(&data, 70, 33);
        assert_eq!(turned[70 + 2], data[2 * 33 + 1]);
        assert_eq!(transpose(&turned, 33, 70), data);
    }
}

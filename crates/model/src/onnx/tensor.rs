//! A tensor of an ONNX file: its description, and the location of its bytes.

use std::io::{BufRead, Seek};
use std::path::{Component, Path};

use wuerst_read::wire::{Reader, Wire, WireError};

use super::head::NAME;
use super::survey::METADATA;

/// Tensors up to this number of elements are read with the header.
const FEW: u64 = 64;

/// A TensorProto without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Code of the element type (`TensorProto.DataType`).
    pub element: i32,
    /// Extents, slowest first.
    pub dims: Vec<u64>,
    /// Location of its bytes.
    pub place: Place,
}

/// Location of a tensor's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In the file, little-endian.
    Inside {
        /// Offset in the file.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// In an external data file.
    Outside {
        /// Path relative to the model's folder.
        location: String,
        /// Offset in the file.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// As a list of numbers or texts, in one field each or packed.
    #[default]
    Listed,
}

/// Reason why a tensor is refused.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// It cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Its extents contradict its bytes.
    #[error("the tensor `{name}` of {dims:?} has {bytes} bytes, which is another size")]
    Size {
        /// Name of the tensor.
        name: String,
        /// Its extents.
        dims: Vec<u64>,
        /// Its bytes.
        bytes: u64,
    },
    /// It names a file outside the model's folder.
    #[error("the tensor `{name}` is in `{location}`; a data file lies next to its model, without `..`")]
    Location {
        /// Name of the tensor.
        name: String,
        /// The named file.
        location: String,
    },
}

/// Bits of an element; `None` for texts and unknown types.
pub(super) fn bits(element: i32) -> Option<u64> {
    Some(match element {
        2 | 3 | 9 | 17..=20 | 24 => 8,
        4 | 5 | 10 | 16 => 16,
        1 | 6 | 12 => 32,
        7 | 11 | 13 | 14 => 64,
        15 => 128,
        21..=23 => 4,
        25 | 26 => 2,
        _ => return None,
    })
}

impl Tensor {
    /// Parses a TensorProto that ends at `end`.
    pub(super) fn read<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Result<Tensor, TensorError> {
        let start = reader.at();
        let mut tensor = Tensor::default();
        let (mut outside, mut location, mut part) = (false, None, [0, 0]);
        while reader.at() < end {
            match reader.next(end)? {
                (1, Wire::Number(extent)) => tensor.dims.push(extent),
                (1, Wire::Bytes(stop)) => {
                    while reader.at() < stop {
                        tensor.dims.push(reader.number()?);
                    }
                }
                (2, Wire::Number(code)) => tensor.element = i32::try_from(code).unwrap_or(0),
                (8, Wire::Bytes(stop)) => tensor.name = reader.text(stop, NAME)?,
                (9, Wire::Bytes(stop)) => {
                    tensor.place = Place::Inside { offset: reader.at(), length: stop - reader.at() };
                    reader.go(stop)?;
                }
                (13, Wire::Bytes(stop)) => match reader.pair(stop, METADATA)? {
                    (key, value) if key == "location" => location = Some(value),
                    (key, value) if key == "offset" => part[0] = value.parse().unwrap_or(u64::MAX),
                    (key, value) if key == "length" => part[1] = value.parse().unwrap_or(u64::MAX),
                    _ => {}
                },
                (14, Wire::Number(place)) => outside = place == 1,
                (_, other) => reader.skip(other)?,
            }
        }
        if outside {
            let location = location.unwrap_or_default();
            let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
            if location.is_empty() || !Path::new(&location).components().all(plain) {
                return Err(TensorError::Location { name: tensor.name, location });
            }
            tensor.place = Place::Outside { location, offset: part[0], length: part[1] };
        }
        tensor.fits(end - start)?;
        Ok(tensor)
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        // One extent of 0 means no elements, however large the others are.
        if self.dims.contains(&0) { 0 } else { self.dims.iter().fold(1, |all, n| all.saturating_mul(*n)) }
    }

    /// Checks that the number of bytes matches its extents; `message` is the length of its message.
    fn fits(&self, message: u64) -> Result<(), TensorError> {
        let elements = self.elements();
        let wanted = |bits: u64| elements.checked_mul(bits).map(|bits| bits.div_ceil(8));
        let fits = |length: u64| bits(self.element).is_none_or(|bits| wanted(bits) == Some(length));
        let (good, bytes) = match &self.place {
            Place::Inside { length, .. } => (fits(*length), *length),
            // Without a length, all of the file is meant.
            Place::Outside { length: 0, .. } => (bits(self.element).is_some_and(|b| wanted(b).is_some()), 0),
            Place::Outside { length, .. } => (fits(*length), *length),
            // Each element takes at least a byte, except for types with 2 and 4 bits.
            Place::Listed => (elements <= message.saturating_mul(4), message),
        };
        match good {
            true => Ok(()),
            false => Err(TensorError::Size { name: self.name.clone(), dims: self.dims.clone(), bytes }),
        }
    }

    /// Its numbers, if they are few, and integers or floating-point numbers in the file at `start..end`.
    pub(super) fn few<R: BufRead + Seek>(
        &self,
        reader: &mut Reader<R>,
        start: u64,
        end: u64,
    ) -> Result<Option<Vec<f64>>, WireError> {
        if self.elements() > FEW {
            return Ok(None);
        }
        if let Place::Inside { offset, length } = self.place {
            reader.go(offset)?;
            let bytes = reader.bytes(offset + length, FEW * 16)?;
            reader.go(end)?;
            return Ok(numbers(self.element, &bytes));
        }
        let mut listed = vec![];
        reader.go(start)?;
        while reader.at() < end {
            match reader.next(end)? {
                (5 | 7, Wire::Number(value)) => listed.push(value.cast_signed() as f64),
                (5 | 7, Wire::Bytes(stop)) => {
                    while reader.at() < stop {
                        listed.push(reader.number()?.cast_signed() as f64);
                    }
                }
                (4, Wire::Bytes(stop)) => {
                    listed.extend(numbers(1, &reader.bytes(stop, FEW * 16)?).unwrap_or_default());
                }
                (10, Wire::Bytes(stop)) => {
                    listed.extend(numbers(11, &reader.bytes(stop, FEW * 16)?).unwrap_or_default());
                }
                (_, other) => reader.skip(other)?,
            }
        }
        Ok((listed.len() as u64 == self.elements()).then_some(listed))
    }
}

/// Decodes little-endian numbers; `None` for types that are never used for sizes.
fn numbers(element: i32, bytes: &[u8]) -> Option<Vec<f64>> {
    let four = |read: fn([u8; 4]) -> f64| bytes.as_chunks().0.iter().map(|b| read(*b)).collect();
    let eight = |read: fn([u8; 8]) -> f64| bytes.as_chunks().0.iter().map(|b| read(*b)).collect();
    Some(match element {
        1 => four(|b| f32::from_le_bytes(b).into()),
        6 => four(|b| i32::from_le_bytes(b).into()),
        7 => eight(|b| i64::from_le_bytes(b) as f64),
        9 => bytes.iter().map(|b| f64::from(*b)).collect(),
        11 => eight(f64::from_le_bytes),
        _ => return None,
    })
}

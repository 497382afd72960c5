//! The header of an ONNX file: metadata, inputs, outputs, and locations of tensors, without weights.
//!
//! Refuses a file that exceeds the limits of [`survey`](super::survey), that states tensor sizes contradicted by their
//! bytes, or whose constants would take much more memory than the file ([`unfold`](super::unfold)).

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};

use wuerst_read::wire::{Reader, Wire, WireError};

use crate::stand_in;

use super::survey::{LimitError, METADATA, survey};
use super::tensor::{Tensor, TensorError};
use super::unfold::{self, UnfoldError};

/// The longest name, in bytes.
pub(super) const NAME: u64 = 64 << 10;

/// Header of an ONNX file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Metadata properties of the file.
    pub metadata: Vec<(String, String)>,
    /// The model's inputs.
    pub inputs: Vec<Outlet>,
    /// The model's outputs.
    pub outputs: Vec<Outlet>,
    /// Operator sets that it needs in addition to the standard one.
    pub domains: Vec<String>,
    /// Its initialisers.
    pub tensors: Vec<Tensor>,
    /// Bytes of constants that ONNX Runtime computes while loading the model.
    pub unfolded: u64,
}

/// An input or output of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// Element type (`TensorProto.DataType`); 0 if it is not a tensor.
    pub element: i32,
    /// Dimensions, slowest first.
    pub dims: Vec<Extent>,
}

/// A dimension of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// Always this length.
    Fixed(u64),
    /// Free, with a name.
    Named(String),
    /// Free.
    Free,
}

/// Why the head of a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// It cannot be read, or is damaged.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It exceeds a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Another kind of file in its place.
    #[error("not an ONNX file; it is {0}")]
    StandIn(&'static str),
    /// A protobuf, perhaps, but without a graph.
    #[error("not an ONNX file, since it contains no graph")]
    NoGraph,
    /// A tensor's description is wrong.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Its constants take too much memory.
    #[error(transparent)]
    Unfold(#[from] UnfoldError),
}

type Read<T> = Result<T, HeadError>;

impl Head {
    /// Reads the header of an open ONNX file.
    ///
    /// # Errors
    /// If it cannot be read, is not an ONNX file, or exceeds a limit.
    pub fn of_file(file: &File) -> Read<Head> {
        let length = file.metadata().map_err(WireError::from)?.len();
        let read = Head::read(BufReader::with_capacity(64 << 10, file), length);
        read.map_err(|error| stand_in::of_file(file).map_or(error, HeadError::StandIn))
    }

    /// Reads the header of an ONNX file in memory.
    ///
    /// # Errors
    /// As [`Head::of_file`].
    pub fn of_bytes(bytes: &[u8]) -> Read<Head> {
        let read = Head::read(Cursor::new(bytes), bytes.len() as u64);
        read.map_err(|error| stand_in::of_bytes(bytes).map_or(error, HeadError::StandIn))
    }

    /// Reads the header of a source of `length` bytes, positioned at its beginning.
    ///
    /// # Errors
    /// As [`Head::of_file`].
    pub fn read<R: BufRead + Seek>(from: R, length: u64) -> Read<Head> {
        let mut reader = Reader::new(from);
        survey(&mut reader, length)?;
        reader.go(0)?;
        let mut head = Head::default();
        let mut graphs = vec![];
        while reader.at() < length {
            match reader.next(length)? {
                (7, Wire::Bytes(end)) => {
                    graphs.push((reader.at(), end));
                    head.graph(&mut reader, end)?;
                }
                (8, Wire::Bytes(end)) => head.domains.extend(domain(&mut reader, end)?),
                (14, Wire::Bytes(end)) => head.metadata.push(reader.pair(end, METADATA)?),
                (_, other) => reader.skip(other)?,
            }
        }
        match graphs.as_slice() {
            [] => return Err(HeadError::NoGraph),
            [_] => {}
            // Protobuf would merge duplicate fields, while other readers use the last one.
            [_, (second, _), ..] => return Err(WireError::Damaged(*second).into()),
        }
        head.unfolded = unfold::bytes(&mut reader, length, &head)?;
        Ok(head)
    }

    /// GraphProto.
    fn graph<R: BufRead + Seek>(&mut self, reader: &mut Reader<R>, end: u64) -> Read<()> {
        while reader.at() < end {
            match reader.next(end)? {
                (5, Wire::Bytes(stop)) => self.tensors.push(Tensor::read(reader, stop)?),
                (11, Wire::Bytes(stop)) => self.inputs.push(outlet(reader, stop)?),
                (12, Wire::Bytes(stop)) => self.outputs.push(outlet(reader, stop)?),
                (_, other) => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

/// OperatorSetIdProto; `None` for the standard set.
fn domain<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<Option<String>> {
    let mut domain = None;
    while reader.at() < end {
        match reader.next(end)? {
            (1, Wire::Bytes(stop)) => {
                domain = Some(reader.text(stop, NAME)?).filter(|name| !name.is_empty());
            }
            (_, other) => reader.skip(other)?,
        }
    }
    Ok(domain)
}

/// ValueInfoProto, with TypeProto (field 2), in it TypeProto.Tensor (field 1), and in that TensorShapeProto (field 2).
pub(super) fn outlet<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Result<Outlet, WireError> {
    let mut outlet = Outlet::default();
    value_info(reader, end, 0, &mut outlet)?;
    Ok(outlet)
}

/// One of these nested messages: 0 for the outermost.
fn value_info<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    end: u64,
    level: u8,
    outlet: &mut Outlet,
) -> Result<(), WireError> {
    while reader.at() < end {
        match (level, reader.next(end)?) {
            (0, (1, Wire::Bytes(stop))) => outlet.name = reader.text(stop, NAME)?,
            (0 | 2, (2, Wire::Bytes(stop))) | (1, (1, Wire::Bytes(stop))) => {
                value_info(reader, stop, level + 1, outlet)?;
            }
            (2, (1, Wire::Number(code))) => outlet.element = i32::try_from(code).unwrap_or(0),
            (3, (1, Wire::Bytes(stop))) => outlet.dims.push(extent(reader, stop)?),
            (_, (_, other)) => reader.skip(other)?,
        }
    }
    Ok(())
}

/// TensorShapeProto.Dimension.
fn extent<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Result<Extent, WireError> {
    let mut extent = Extent::Free;
    while reader.at() < end {
        match reader.next(end)? {
            // Some exporters write a negative number for a free extent.
            (1, Wire::Number(length)) if length <= u64::from(u32::MAX) => extent = Extent::Fixed(length),
            (2, Wire::Bytes(stop)) => extent = Extent::Named(reader.text(stop, NAME)?),
            (_, other) => reader.skip(other)?,
        }
    }
    Ok(extent)
}

#[cfg(test)]
mod tests;

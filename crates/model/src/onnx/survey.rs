//! Limits of ONNX files. All readers, above all ONNX Runtime's, only get files within them.
//!
//! Two bytes of a file become a message of hundreds of bytes in memory, and each subgraph takes stack space. So all
//! messages that a reader of `onnx.proto` would create are counted first.

use std::io::{BufRead, Seek};

use wuerst_read::message::Message;
use wuerst_read::wire::{Reader, Wire, WireError};

/// Maximum nesting of subgraphs.
pub const SUBGRAPHS: usize = 16;
/// Maximum number of nodes, including those of subgraphs and functions.
pub const NODES: u64 = 100_000;
/// Maximum number of tensors in the file, including those in attributes.
pub const TENSORS: u64 = 100_000;
/// Messages of any kind.
pub const MESSAGES: u64 = 1_000_000;
/// Fields of any kind.
pub const FIELDS: u64 = 4_000_000;
/// Maximum nesting of messages; below protobuf's own 100.
const DEPTH: usize = 80;
/// Pairs of metadata.
pub const PAIRS: u64 = 1000;
/// Bytes of all metadata.
pub const METADATA: u64 = 16 << 20;
/// Maximum number of inputs and outputs, including those of subgraphs.
pub const OUTLETS: u64 = 20_000;
/// Functions of the model's own.
pub const FUNCTIONS: u64 = 1000;
/// Maximum rank of a value: NumPy's.
pub const DIMENSIONS: u64 = 64;
/// Memory for lists of numbers, in addition to four times the file's length.
pub const LISTS: u64 = 64 << 20;

/// Reason why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// It cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It exceeds a limit.
    #[error("holds more than {most} {what}, the maximum that is read")]
    TooMany {
        /// The counted things.
        what: &'static str,
        /// Maximum number.
        most: u64,
    },
    /// Graphs for training.
    #[error("holds graphs for training, which no stage uses: export it for inference")]
    Training,
}

type Result<T> = std::result::Result<T, LimitError>;

/// Whether a field is a dimension of a value, or a packed list of them.
fn has_dimension(message: Message, number: u64) -> bool {
    use Message::*;
    matches!((message, number), (Tensor | Shape, 1) | (SparseTensor, 3))
}

/// Memory for each byte of a packed list.
fn growth(message: Message, number: u64) -> u64 {
    match (message, number) {
        (Message::Tensor, 1 | 5 | 7 | 11) | (Message::Attribute, 8) => 8,
        (Message::Tensor, 4 | 10) | (Message::Attribute, 7) => 1,
        _ => 0,
    }
}

/// Counts so far.
#[derive(Debug, Default)]
struct Survey {
    length: u64,
    nodes: u64,
    tensors: u64,
    messages: u64,
    fields: u64,
    pairs: u64,
    metadata: u64,
    outlets: u64,
    functions: u64,
    lists: u64,
}

/// Counts the contents of an ONNX file of this length, and leaves the reader at its end.
///
/// # Errors
/// If it is damaged or exceeds the limits of this module.
pub fn survey<R: BufRead + Seek>(reader: &mut Reader<R>, length: u64) -> Result<()> {
    Survey { length, ..Survey::default() }.message(reader, Message::Model, length, 0, 0)
}

fn most(count: &mut u64, most: u64, what: &'static str) -> Result<()> {
    *count += 1;
    if *count > most { Err(LimitError::TooMany { what, most }) } else { Ok(()) }
}

impl Survey {
    fn message<R: BufRead + Seek>(
        &mut self,
        reader: &mut Reader<R>,
        message: Message,
        end: u64,
        depth: usize,
        graphs: usize,
    ) -> Result<()> {
        let mut dimensions = 0;
        while reader.at() < end {
            most(&mut self.fields, FIELDS, "fields")?;
            let (number, wire) = reader.next(end)?;
            if has_dimension(message, number) {
                // A number takes at most ten bytes.
                dimensions += match wire {
                    Wire::Bytes(stop) if message != Message::Shape => (stop - reader.at()).div_ceil(10),
                    _ => 1,
                };
                if dimensions > DIMENSIONS {
                    return Err(LimitError::TooMany { what: "dimensions of a value", most: DIMENSIONS });
                }
            }
            let Wire::Bytes(stop) = wire else {
                reader.skip(wire)?;
                continue;
            };
            let length = stop - reader.at();
            let list = length.saturating_mul(growth(message, number));
            self.lists = self.lists.saturating_add(list);
            let room = LISTS.saturating_add(self.length.saturating_mul(4));
            if self.lists > room {
                return Err(LimitError::TooMany { what: "bytes of numbers once they are read", most: room });
            }
            let Some(inner) = message.field(number) else {
                reader.go(stop)?;
                continue;
            };
            if (message, inner) == (Message::Training, Message::Graph) {
                return Err(LimitError::Training);
            }
            self.count(message, number, inner, length)?;
            let graphs = graphs + usize::from(inner == Message::Graph);
            if graphs > SUBGRAPHS + 1 {
                let most = SUBGRAPHS as u64;
                return Err(LimitError::TooMany { what: "subgraphs within each other", most });
            }
            if depth == DEPTH {
                return Err(LimitError::TooMany { what: "messages within each other", most: DEPTH as u64 });
            }
            self.message(reader, inner, stop, depth + 1, graphs)?;
        }
        Ok(())
    }

    fn count(&mut self, message: Message, number: u64, inner: Message, length: u64) -> Result<()> {
        most(&mut self.messages, MESSAGES, "messages")?;
        match (message, number, inner) {
            (_, _, Message::Node) => most(&mut self.nodes, NODES, "nodes"),
            (_, _, Message::Tensor) => most(&mut self.tensors, TENSORS, "tensors"),
            (_, _, Message::Function) => most(&mut self.functions, FUNCTIONS, "functions"),
            (Message::Graph, 11 | 12, _) => most(&mut self.outlets, OUTLETS, "inputs and outputs"),
            (Message::Model, 14, _) => {
                most(&mut self.pairs, PAIRS, "pairs of metadata")?;
                self.metadata = self.metadata.saturating_add(length);
                let (what, most) = ("bytes of metadata", METADATA);
                if self.metadata > most { Err(LimitError::TooMany { what, most }) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

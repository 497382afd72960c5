//! Changes only the metadata of an existing model.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prost::Message;
use wuerst_read::regular::{self, Links};
use wuerst_read::wire::{Reader, Wire, WireError};

use super::ExportError;
use super::proto::{ModelProto, StringStringEntryProto};
use super::store::io_error;
use super::survey;
use crate::whole_file::unfinished;

/// Number of the model's metadata field.
const METADATA: u64 = 14;

/// Sets these pairs in the model at `path`, replacing those with equal keys; the rest of the file and its external data
/// stay byte for byte.
///
/// # Errors
/// A file that cannot be read or written, or is not an ONNX model; it is then unchanged.
pub fn set_metadata(path: &Path, pairs: &[(String, String)]) -> Result<(), ExportError> {
    let failed = |e| io_error(path, e);
    let damaged = |e: WireError| match e {
        WireError::Io(e) => failed(e),
        WireError::Damaged(_) => failed(io::Error::other("is not an ONNX model, or damaged")),
    };
    let source = regular::open(path, Links::Followed).map_err(failed)?;
    let length = source.metadata().map_err(failed)?.len();
    let mut reader = Reader::new(BufReader::new(&source));
    // Ranges of the fields that stay.
    let mut kept = vec![];
    while reader.at() < length {
        let start = reader.at();
        let (number, wire) = reader.next(length).map_err(damaged)?;
        let replaced = match wire {
            Wire::Bytes(end) if number == METADATA => {
                let (key, _) = reader.pair(end, survey::METADATA).map_err(damaged)?;
                pairs.iter().any(|(new, _)| *new == key)
            }
            other => reader.skip(other).map(|()| false).map_err(damaged)?,
        };
        match kept.last_mut() {
            _ if replaced => {}
            Some((_, end)) if *end == start => *end = reader.at(),
            _ => kept.push((start, reader.at())),
        }
    }
    let mut file = unfinished(path).map_err(failed)?;
    for (start, end) in kept {
        (&source).seek(SeekFrom::Start(start)).map_err(failed)?;
        io::copy(&mut (&source).take(end - start), &mut file).map_err(failed)?;
    }
    // The fields of a message may have any order, so new ones can be appended.
    let new = pairs.iter().map(|(key, value)| StringStringEntryProto::new(key, value)).collect();
    let new = ModelProto { metadata_props: new, ..ModelProto::default() };
    file.write_all(&new.encode_to_vec()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|e| failed(e.error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::proto::GraphProto;
    use super::*;

    #[test]
    fn pairs_are_replaced_and_rest_stays() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let entry = |(key, value): &(String, String)| StringStringEntryProto::new(key, value);
        let old = [pair("a", "1"), pair("b", "2")];
        let model = ModelProto {
            ir_version: 10,
            graph: Some(GraphProto { name: "g".into(), ..GraphProto::default() }),
            metadata_props: old.iter().map(entry).collect(),
            ..ModelProto::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        fs::write(&path, model.encode_to_vec()).unwrap();
        set_metadata(&path, &[pair("b", "3"), pair("c", "4")]).unwrap();
        let back = ModelProto::decode(&*fs::read(&path).unwrap()).unwrap();
        let new = [pair("a", "1"), pair("b", "3"), pair("c", "4")];
        assert_eq!(back, ModelProto { metadata_props: new.iter().map(entry).collect(), ..model });
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], b"\x0bno model"] {
            fs::write(&path, damaged).unwrap();
            assert!(set_metadata(&path, &[pair("a", "")]).is_err());
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }
}

//! Changes the metadata of a model that is written already, and nothing else of it.

use std::fs;
use std::io::Write;
use std::path::Path;

use prost::Message;
use tempfile::NamedTempFile;

use super::ExportError;
use super::proto::{ModelProto, StringStringEntryProto};
use super::store::io_error;
use super::wire;

/// The field of a model that holds its metadata.
const METADATA: u32 = 14;

/// Gives the model at `path` these pairs, in the place of those of the same keys; the rest of the file stays byte for
/// byte, and so do the weights beside it.
///
/// # Errors
/// A file that cannot be read or written, or that is no ONNX model; it is then as it was.
pub fn set_metadata(path: &Path, pairs: &[(String, String)]) -> Result<(), ExportError> {
    let failed = |e| io_error(path, e);
    let damaged = || failed(std::io::Error::other("is no ONNX model, or damaged"));
    let bytes = fs::read(path).map_err(failed)?;
    let mut written = vec![];
    for field in wire::fields(&bytes).ok_or_else(damaged)? {
        let replaced = field.number == METADATA
            && StringStringEntryProto::decode(field.content)
                .is_ok_and(|old| pairs.iter().any(|(key, _)| *key == old.key));
        if !replaced {
            written.extend_from_slice(field.whole);
        }
    }
    // Fields of a message may stand in any order, so that new ones can be put at the end.
    let new = pairs.iter().map(|(key, value)| StringStringEntryProto::new(key, value)).collect();
    written.extend(ModelProto { metadata_props: new, ..ModelProto::default() }.encode_to_vec());
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(&written).map_err(failed)?;
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    file.as_file().set_permissions(permissions).map_err(failed)?;
    file.persist(path).map(drop).map_err(|e| failed(e.error))
}

#[cfg(test)]
mod tests {
    use super::super::proto::GraphProto;
    use super::*;

    #[test]
    fn pairs_are_replaced_and_the_rest_stays() {
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

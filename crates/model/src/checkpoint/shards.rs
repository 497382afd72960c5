//! safetensors files, and the index of a large checkpoint's shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use wuerst_read::{byte_order, regular};

use super::{CheckpointError, Element, Entry};
use crate::stand_in;

/// Maximum length of an index or header, in bytes: enough for over a hundred thousand tensors.
const LARGEST: u64 = 16 << 20;

/// The tensors of a safetensors file, by name; the file's number is left 0.
pub fn entries(bytes: &[u8]) -> Result<Vec<(String, Entry)>, String> {
    let damaged = |e| format!("is not a readable safetensors file ({e})");
    // A header takes several times its length in memory.
    let header = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
    if header.is_some_and(|header| header > LARGEST && header < bytes.len() as u64) {
        return Err("has a header of more than 16 MiB, the maximum that is read".into());
    }
    // Checks that every tensor is inside the file.
    SafeTensors::deserialize(bytes).map_err(damaged)?;
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let entry = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let element = match info.dtype {
            Dtype::F64 => Element::F64,
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            Dtype::BOOL | Dtype::U8 | Dtype::I8 => Element::Whole(1),
            Dtype::U16 | Dtype::I16 => Element::Whole(2),
            Dtype::U32 | Dtype::I32 => Element::Whole(4),
            Dtype::U64 | Dtype::I64 => Element::Whole(8),
            other => return Err(format!("stores `{name}` as {other:?}; F32, F16 or BF16 is expected")),
        };
        let start = 8 + header + info.data_offsets.0;
        Ok((name, Entry { file: 0, start, element, shape: info.shape.clone(), strides: None }))
    };
    metadata.tensors().into_iter().map(entry).collect()
}

/// The properties of a safetensors file whose tensors were read; none of other files.
pub fn properties(bytes: &[u8]) -> BTreeMap<String, String> {
    let metadata = SafeTensors::read_metadata(bytes).ok();
    let properties = metadata.and_then(|(_, metadata)| metadata.metadata().clone());
    properties.unwrap_or_default().into_iter().collect()
}

/// The part of `…safetensors.index.json` that maps tensors to files.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Files named by an index, in the index's folder.
pub fn files(index: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let text =
        regular::read(index, LARGEST).map_err(|source| CheckpointError::Io { path: index.into(), source })?;
    let failed = |message| CheckpointError::Format { path: index.into(), message };
    let parsed: Index = serde_json::from_slice(byte_order::unmarked_bytes(&text)).map_err(|e| {
        failed(match stand_in::of_bytes(&text) {
            Some(what) => format!("is not an index of a checkpoint but {what}"),
            None => format!("is not the index of a sharded checkpoint ({e})"),
        })
    })?;
    let names: BTreeSet<&String> = parsed.weight_map.values().collect();
    let beside = |name: &String| {
        let plain = Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        if plain {
            Ok(index.with_file_name(name))
        } else {
            Err(failed(format!("names the file `{name}`, which is not in its folder")))
        }
    };
    names.into_iter().map(beside).collect()
}

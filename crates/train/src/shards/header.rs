//! Location of a tensor in a safetensors file.

use anyhow::{Context, Result, bail, ensure};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use tch::Kind;

/// Type, extents and first byte of a tensor in its file.
pub struct Place {
    pub kind: Kind,
    pub size: Vec<i64>,
    pub start: u64,
}

/// Maximum length of a header. Ours are far shorter; a longer one belongs to another file.
const LONGEST: u64 = 1 << 20;

/// The location of a tensor; checks that the file contains all of its bytes.
pub fn find(file: &File, name: &str) -> Result<Place> {
    let mut length = [0; 8];
    file.read_exact_at(&mut length, 0).context("no safetensors file")?;
    let length = u64::from_le_bytes(length);
    ensure!(length < LONGEST, "no safetensors file: its header would have {length} bytes");
    let mut head = vec![0; length as usize];
    file.read_exact_at(&mut head, 8).context("no safetensors file: it ends in its header")?;
    let metadata: Metadata = serde_json::from_slice(&head).context("no safetensors file")?;
    let tensor = metadata.info(name).with_context(|| format!("no tensor `{name}`"))?;
    let (first, end) = (tensor.data_offsets.0 as u64, tensor.data_offsets.1 as u64);
    let body = 8 + length;
    ensure!(file.metadata()?.len() >= body + end, "it ends before the last row of `{name}`");
    Ok(Place {
        kind: kind(tensor.dtype)?,
        size: tensor.shape.iter().map(|n| *n as i64).collect(),
        start: body + first,
    })
}

fn kind(dtype: Dtype) -> Result<Kind> {
    Ok(match dtype {
        Dtype::U8 => Kind::Uint8,
        Dtype::F16 => Kind::Half,
        Dtype::F32 => Kind::Float,
        Dtype::I64 => Kind::Int64,
        other => bail!("a tensor of {other:?}, which no shard has"),
    })
}

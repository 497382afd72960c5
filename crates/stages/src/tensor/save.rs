//! `tensor.save`: writes a tensor to a `.npy` file.

use std::sync::Arc;

use ndarray_npy::WriteNpyExt;
use wuerst_core::{Args, Registry, Result};

use crate::files::Outputs;
use crate::plain::Plan;
use crate::saving::{Format, SAVED, unwritable};

const NPY: Format = Format { ends: &["npy"], check: |_, _| Ok(()), encode: npy };

pub(super) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    let plan = Plan {
        kind: "tensor.save",
        signature: "tensor: f32[b,c,h,w], name: text -> saved: text",
        about: "Writes a NumPy file (`.npy`) into the folder that the host gave for it, whole or not at all.",
        ports: &[("tensor", "An embedding or latents."), ("name", &NPY.about_name()), ("saved", SAVED)],
    };
    NPY.add(&plan, registry, outputs)
}

fn npy(args: &Args<'_>, _: Option<&str>) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let written = args.tensor_f32("tensor")?.write_npy(&mut bytes);
    written.map_err(|error| unwritable("tensor", args, error))?;
    Ok(bytes)
}

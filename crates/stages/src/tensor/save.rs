//! `tensor.save`: writes a tensor to a `.npy` file.

use std::sync::Arc;

use ndarray_npy::WriteNpyExt;
use wuerst_core::{Args, Ctx, Error, NodeKind, NodeSpec, Refusal, Result, Value};

use crate::files::Outputs;
use crate::plain::Plan;

/// Allowed suffixes of file names.
const ENDS: [&str; 1] = ["npy"];

/// `tensor.save`.
pub(crate) struct Save {
    spec: NodeSpec,
    outputs: Arc<Outputs>,
}

impl Save {
    pub(crate) fn new(outputs: Arc<Outputs>) -> Result<Save> {
        let plan = Plan {
            kind: "tensor.save",
            signature: "tensor: f32[b,c,h,w], name: text -> saved: text",
            about: "Writes a NumPy file (`.npy`) into the folder that the host gave for it, whole or not at all.",
            ports: &[
                ("tensor", "An embedding or latents."),
                (
                    "name",
                    "The file's name, which ends in .npy; it may lie in a folder that is there, without `..`. It has no colon \
                     and no signs that cannot be seen, and is not a name of a device.",
                ),
                ("saved", "The name again, so that a graph can have the file as its output."),
            ],
        };
        Ok(Save { spec: plan.spec()?.volatile(), outputs })
    }
}

impl NodeKind for Save {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("name") {
            self.outputs.path(known.text("name")?, &ENDS)?;
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let name = args.text("name")?;
        let mut bytes = vec![];
        let written = args.tensor_f32("tensor")?.write_npy(&mut bytes);
        written.map_err(|e| Error::invalid("tensor", format!("cannot be written as .npy: {e}")))?;
        self.outputs.write(ctx.saved(), name, &ENDS, &bytes)?;
        Ok(vec![name.into()])
    }
}

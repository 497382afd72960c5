//! `image.save`: a picture into a file.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, NodeKind, NodeSpec, Refusal, Result, Value};

use super::encode;
use super::pixels::picture;
use crate::files::Outputs;
use crate::plain::Plan;

/// What the names of its files end in.
const ENDS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// `image.save`.
pub(crate) struct Save {
    spec: NodeSpec,
    outputs: Arc<Outputs>,
}

impl Save {
    pub(crate) fn new(outputs: Arc<Outputs>) -> Result<Save> {
        let plan = Plan {
            kind: "image.save",
            signature: "image: u8[h,w,3], name: text, quality: int = 90 {1..100} -> saved: text",
            about: "Writes a picture into the folder that the host gave for it, whole or not at all, as PNG, JPEG or \
                    WebP (without loss), which the name says, in sRGB. XMP data state where a model made its \
                    pixels.",
            ports: &[
                ("image", "The picture."),
                (
                    "name",
                    "The file's name, which ends in .png, .jpg, .jpeg or .webp; it may lie in a folder that is there, \
                     without `..`. It has no colon and no signs that cannot be seen, and is no name of a device.",
                ),
                ("quality", "Of JPEG alone: 100 is the best and the largest."),
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
        // Before the work of encoding.
        self.outputs.path(name, &ENDS)?;
        self.outputs.room(ctx.saved(), 0)?;
        let index = self.spec.signature.input("image").map_or(0, |(index, _)| index);
        let mark = self.outputs.mark(ctx.origin(index));
        let bytes = encode::by_name(&picture(args, "image")?, name, args.count("quality")?, mark.as_deref())
            .map_err(|e| Error::invalid("image", format!("cannot be written as `{name}`: {e}")))?;
        self.outputs.write(ctx.saved(), name, &ENDS, &bytes)?;
        Ok(vec![name.into()])
    }
}

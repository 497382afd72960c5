//! `image.save`: writes a picture to a file.

use std::sync::Arc;

use ndarray::Ix2;
use wuerst_core::{Args, Ctx, Error, NodeKind, NodeSpec, Refusal, Result, Value};

use super::encode;
use super::pixels::{picture, unit};
use crate::files::Outputs;
use crate::plain::Plan;

/// Allowed suffixes of file names.
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
            signature: "image: u8[h,w,3], name: text, quality: int = 90 {1..100}, alpha: f32[h,w]? -> saved: text",
            about: "Writes a picture into the folder that the host gave for it, whole or not at all, as PNG, JPEG or \
                    WebP (without loss), which the name says, in sRGB. XMP data state where a model made its \
                    pixels.",
            ports: &[
                ("image", "The picture."),
                (
                    "name",
                    "The file's name, which ends in .png, .jpg, .jpeg or .webp; it may lie in a folder that is there, \
                     without `..`. It has no colon and no signs that cannot be seen, and is not a name of a device.",
                ),
                ("quality", "Of JPEG alone: 100 is the best and the largest."),
                (
                    "alpha",
                    "Opaqueness of each pixel, from 0 to 1, for .png and .webp; the colours are written as they are (not \
                     premultiplied).",
                ),
                ("saved", "The name again, so that a graph can have the file as its output."),
            ],
        };
        Ok(Save { spec: plan.spec()?.volatile(), outputs })
    }
}

/// Refuses a name whose format has no alpha.
fn opaque(name: &str) -> Result<()> {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    match ["jpg", "jpeg"].iter().any(|jpeg| end.eq_ignore_ascii_case(jpeg)) {
        true => {
            Err(Error::invalid("alpha", "no JPEG file holds opaqueness: let the name end in .png or .webp"))
        }
        false => Ok(()),
    }
}

impl NodeKind for Save {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("name") {
            let name = known.text("name")?;
            self.outputs.path(name, &ENDS)?;
            if known.given("alpha") == Some(true) {
                opaque(name)?;
            }
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let name = args.text("name")?;
        // Before the work of encoding.
        self.outputs.path(name, &ENDS)?;
        let alpha = match args.has("alpha") {
            true => {
                opaque(name)?;
                let alpha = args.tensor_f32("alpha")?.into_dimensionality::<Ix2>();
                Some(
                    alpha
                        .map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?
                        .mapv(unit),
                )
            }
            false => None,
        };
        self.outputs.room(ctx.saved(), 0)?;
        let index = self.spec.signature.input("image").map_or(0, |(index, _)| index);
        let mark = self.outputs.mark(ctx.origin(index));
        let bytes = encode::by_name(
            (&picture(args, "image")?, alpha.as_ref()),
            name,
            args.count("quality")?,
            mark.as_deref(),
        )
        .map_err(|e| Error::invalid("image", format!("cannot be written as `{name}`: {e}")))?;
        self.outputs.write(ctx.saved(), name, &ENDS, &bytes)?;
        Ok(vec![name.into()])
    }
}

//! `image.save`: writes a picture to a file.

use std::sync::Arc;

use ndarray::Ix2;
use wuerst_core::{Args, Error, Registry, Result};

use super::encode::by_name;
use super::pixels::{picture, unit};
use crate::files::Outputs;
use crate::plain::Plan;
use crate::saving::{Format, SAVED, unwritable};

const PICTURE: Format = Format { ends: &["png", "jpg", "jpeg", "webp"], check: has_alpha, encode };

pub(super) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    let plan = Plan {
        kind: "image.save",
        signature: "image: u8[h,w,3], name: text, quality: int = 90 {1..100}, alpha: f32[h,w] as mask? -> saved: text",
        about: "Writes a picture into the folder that the host gave for it, whole or not at all, as PNG, JPEG or \
                WebP (without loss), which the name says, in sRGB. XMP data state where a model made its \
                pixels.",
        ports: &[
            ("image", "The picture."),
            ("name", &PICTURE.about_name()),
            ("quality", "Of JPEG alone: 100 is the best and the largest."),
            (
                "alpha",
                "Opaqueness of each pixel, from 0 to 1, for .png and .webp; the colours are written as they are (not \
                 premultiplied).",
            ),
            ("saved", SAVED),
        ],
    };
    PICTURE.add(&plan, registry, outputs)
}

/// Refuses alpha for a name whose format has none.
fn has_alpha(name: &str, known: &Args<'_>) -> Result<()> {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let jpeg = ["jpg", "jpeg"].iter().any(|jpeg| end.eq_ignore_ascii_case(jpeg));
    match jpeg && known.given("alpha") == Some(true) {
        true => {
            Err(Error::invalid("alpha", "no JPEG file holds opaqueness: let the name end in .png or .webp"))
        }
        false => Ok(()),
    }
}

fn encode(args: &Args<'_>, mark: Option<&str>) -> Result<Vec<u8>> {
    let alpha = match args.has("alpha") {
        true => {
            let alpha = args.tensor_f32("alpha")?.into_dimensionality::<Ix2>();
            let alpha = alpha.map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?;
            Some(alpha.mapv(unit))
        }
        false => None,
    };
    let picture = picture(args, "image")?;
    let bytes = by_name((&picture, alpha.as_ref()), args.text("name")?, args.count("quality")?, mark);
    bytes.map_err(|error| unwritable("image", args, error))
}

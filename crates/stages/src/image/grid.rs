//! `image.stack`, `image.pick` and `image.grid`: several pictures of one size.

use image::{Rgb, RgbImage, imageops};
use ndarray::{ArrayView, Axis, IxDyn, concatenate};
use wuerst_core::{ArcArrayD, Args, Ctx, Error, Registry, Result, Tensor, Value};

use super::pixels::{allowed, check_colour, colour, rgb, tensor};
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.stack",
        signature: "a: u8[h,w,3], b: u8[h,w,3], c: u8[h,w,3]?, d: u8[h,w,3]? -> images: u8[n,h,w,3]",
        about: "Makes a list of two to four pictures of one size.",
        ports: &[
            ("a", "The first picture."),
            ("b", "The second."),
            ("c", "The third, if there is one."),
            ("d", "The fourth, if there is one."),
            ("images", "All of them."),
        ],
    };
    plan.add(registry, stack)?;
    let plan = Plan {
        kind: "image.pick",
        signature: "images: u8[n,h,w,3], index: int = 0 {0..} -> image: u8[h,w,3]",
        about: "Picks one picture of a list.",
        ports: &[("images", "The list."), ("index", "Which one, counted from 0."), ("image", "That one.")],
    };
    plan.add(registry, pick)?;
    let plan = Plan {
        kind: "image.grid",
        signature: "images: u8[n,h,w,3], columns: int? {1..1024}, gap: int = 0 {0..1024}, \
                    colour: text = \"#ffffff\" -> image: u8[H,W,3]",
        about: "Lays a list of pictures out in rows, from the left to the right and from the top to the bottom.",
        ports: &[
            ("images", "The list."),
            ("columns", "Pictures in a row; as many as make the grid nearly square when left out."),
            ("gap", "Pixels between two pictures."),
            ("colour", "What shows in the gaps and in empty places, as #ff8000."),
            ("image", "The grid."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_colour, ..Hooks::default() }, grid)
}

fn stack(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let given = ["a", "b", "c", "d"].into_iter().filter(|port| args.has(port));
    let pictures: Vec<ArcArrayD<u8>> = given.map(|port| args.tensor_u8(port)).collect::<Result<_>>()?;
    let views: Vec<ArrayView<'_, u8, IxDyn>> =
        pictures.iter().map(|picture| picture.view().insert_axis(Axis(0))).collect();
    let stacked = concatenate(Axis(0), &views);
    Ok(vec![stacked.map_err(|e| Error::Internal(format!("pictures of two sizes: {e}")))?.into()])
}

/// The picture at `index` of a list.
fn at(images: &ArcArrayD<u8>, index: usize) -> Tensor {
    images.index_axis(Axis(0), index).to_owned().into()
}

fn pick(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (images, index) = (args.tensor_u8("images")?, args.count("index")?);
    let count = images.shape()[0];
    if index >= count {
        return Err(Error::invalid("index", format!("{index} is behind the last of {count}")));
    }
    Ok(vec![at(&images, index).into()])
}

fn grid(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let images = args.tensor_u8("images")?;
    let &[count, height, width, _] = images.shape() else {
        return Err(Error::Internal("a list of pictures without sides".into()));
    };
    if count == 0 {
        return Err(Error::invalid("images", "is a list without pictures"));
    }
    let columns = if args.has("columns") {
        args.count("columns")?.min(count)
    } else {
        (count as f64).sqrt().ceil() as usize
    };
    let (rows, gap) = (count.div_ceil(columns), args.count("gap")?);
    let side =
        |cells: usize, length: usize| cells.checked_mul(length)?.checked_add((cells - 1).checked_mul(gap)?);
    let sides = [side(columns, width), side(rows, height)].map(|side| side.unwrap_or(usize::MAX));
    let [across, down] = allowed("images", sides)?;
    let mut sheet = RgbImage::from_pixel(across, down, Rgb(colour(args, "colour")?));
    for index in 0..count {
        let picture = rgb(&at(&images, index));
        let picture = picture.ok_or_else(|| Error::invalid("images", "are pictures without pixels"))?;
        let (column, row) = (index % columns, index / columns);
        imageops::replace(
            &mut sheet,
            &picture,
            (column * (width + gap)) as i64,
            (row * (height + gap)) as i64,
        );
    }
    Ok(vec![tensor(sheet)?.into()])
}

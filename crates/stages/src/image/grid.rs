//! `image.stack`, `image.pick` and `image.grid`: several pictures of one size.

use image::{Rgb, RgbImage, imageops};
use ndarray::{ArrayView, Axis, IxDyn, concatenate};
use wuerst_core::{ArcArrayD, Args, Ctx, Error, KnownLength, Registry, Result, Tensor, Value};

use super::pixels::{allowed, bounded, check_colour, colour, rgb, tensor};
use crate::plain::{Hooks, Plan, check_index};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.stack",
        signature: "a: u8[h,w,3], b: u8[h,w,3]?, c: u8[h,w,3]?, d: u8[h,w,3]? -> images: u8[n,h,w,3]",
        about: "Makes a list of one to four pictures of one size; `image.concat` joins lists.",
        ports: &[
            ("a", "The first picture."),
            ("b", "The second, if there is one."),
            ("c", "The third, if there is one."),
            ("d", "The fourth, if there is one."),
            ("images", "All of them."),
        ],
    };
    plan.add_checked(registry, Hooks { lengths: stacked, ..Hooks::default() }, stack)?;
    let plan = Plan {
        kind: "image.pick",
        signature: "images: u8[n,h,w,3], index: int = 0 {0..} -> image: u8[h,w,3]",
        about: "Picks one picture of a list.",
        ports: &[
            ("images", "The list."),
            ("index", "Position of the picture, counted from 0."),
            ("image", "The picture at that position."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_pick, ..Hooks::default() }, pick)?;
    let plan = Plan {
        kind: "image.grid",
        signature: "images: u8[n,h,w,3], columns: int? {1..1024}, gap: int = 0 {0..1024}, \
                    colour: text = \"#ffffff\" -> image: u8[H,W,3]",
        about: "Lays a list of pictures out in rows, from the left to the right and from the top to the bottom.",
        ports: &[
            ("images", "The list."),
            ("columns", "Pictures in a row; as many as make the grid nearly square when left out."),
            ("gap", "Pixels between two pictures."),
            ("colour", "Colour of the gaps and of empty places, as #ff8000."),
            ("image", "The grid."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_grid, lengths: laid_out, ..Hooks::default() }, grid)
}

/// Number of pictures, unless it depends on the caller of the graph.
fn stacked(known: &Args<'_>) -> Vec<KnownLength> {
    let given: Option<Vec<bool>> = ["a", "b", "c", "d"].into_iter().map(|port| known.given(port)).collect();
    let count = given.map(|given| given.into_iter().filter(|given| *given).count());
    count.map(|count| KnownLength::new("n", count, "a")).into_iter().collect()
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

fn check_pick(known: &Args<'_>) -> Result<()> {
    check_index(known, "images")
}

fn pick(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    check_pick(args)?;
    Ok(vec![at(&args.tensor_u8("images")?, args.count("index")?).into()])
}

/// Refuses an invalid colour and a grid that would be too large, as far as they are known.
fn check_grid(known: &Args<'_>) -> Result<()> {
    check_colour(known)?;
    match grid_sides(known, known.given("columns")) {
        Some([width, height]) => bounded("images", [width, height]).map(drop),
        None => Ok(()),
    }
}

fn laid_out(known: &Args<'_>) -> Vec<KnownLength> {
    let sides = grid_sides(known, known.given("columns"));
    sides.map_or_else(Vec::new, |[width, height]| {
        vec![KnownLength::new("H", height, "images"), KnownLength::new("W", width, "images")]
    })
}

/// Number of pictures in a row.
fn columns(args: &Args<'_>, given: Option<bool>, count: usize) -> Option<usize> {
    match given? {
        true => Some(args.count("columns").ok()?.min(count)),
        false => Some((count as f64).sqrt().ceil() as usize),
    }
}

/// Width and height of a grid with pictures, as far as they are known.
fn grid_sides(args: &Args<'_>, given: Option<bool>) -> Option<[usize; 2]> {
    let [count, height, width] = [0, 1, 2].map(|axis| args.length("images", axis));
    let (count, gap) = (count.filter(|count| *count > 0)?, args.count("gap").ok()?);
    let columns = columns(args, given, count)?;
    let side =
        |cells: usize, length: usize| cells.checked_mul(length)?.checked_add((cells - 1).checked_mul(gap)?);
    let sides = [side(columns, width?), side(count.div_ceil(columns), height?)];
    Some(sides.map(|side| side.unwrap_or(usize::MAX)))
}

fn grid(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let images = args.tensor_u8("images")?;
    let &[count, height, width, _] = images.shape() else {
        return Err(Error::Internal("a list of pictures without sides".into()));
    };
    if count == 0 {
        return Err(Error::invalid("images", "is a list without pictures"));
    }
    let (given, gap) = (Some(args.has("columns")), args.count("gap")?);
    let known = columns(args, given, count).zip(grid_sides(args, given));
    let (columns, sides) = known.ok_or_else(|| Error::Internal("a list of pictures without sides".into()))?;
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

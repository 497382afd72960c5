//! `image.size`: returns the size of a picture.

use wuerst_core::{Args, Ctx, Error, Registry, Result, Value};

use super::pixels::known_size;
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.size",
        signature: "image: u8[h,w,3] -> width: int, height: int",
        about: "Tells a picture's width and height.",
        ports: &[
            ("image", "The picture; of a file, its size is known before the graph runs."),
            ("width", "Pixels across."),
            ("height", "Pixels down."),
        ],
    };
    plan.add_checked(registry, Hooks { results: sides, ..Hooks::default() }, run)
}

fn sides(known: &Args<'_>) -> Vec<Option<Value>> {
    let [height, width] = known_size(known, "image");
    [width, height].map(|side| Some(Value::Int(i128::try_from(side?).ok()?))).into()
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let sides: Option<Vec<Value>> = sides(args).into_iter().collect();
    sides.ok_or_else(|| Error::Internal("a picture without sides".into()))
}

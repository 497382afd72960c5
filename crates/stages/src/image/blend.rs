//! `image.blend` and `image.composite`: combine two pictures.

use ndarray::{ArrayD, Axis};
use wuerst_core::{Args, Ctx, Registry, Result, Value};

use super::pixels::clamped;
use crate::plain::Plan;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.blend",
        signature: "a: u8[h,w,3], b: u8[h,w,3], amount: float = 0.5 {-16.0..16.0} -> image: u8[h,w,3]",
        about: "Mixes two pictures: (1 - amount) · a + amount · b, rounded. Below 0 and above 1 it goes on in the same direction, \
                and the sum is limited to what a picture holds.",
        ports: &[
            ("a", "A picture."),
            ("b", "Another picture of the same size."),
            ("amount", "Share of b: 0 gives a, 1 gives b; 1.5 goes beyond b, as an unsharp mask does."),
            ("image", "The mixed picture."),
        ],
    };
    plan.add(registry, blend)?;
    let plan = Plan {
        kind: "image.composite",
        signature: "below: u8[h,w,3], above: u8[h,w,3], mask: f32[h,w] as mask -> image: u8[h,w,3]",
        about: "Lays one picture over another where a mask says so. Where the mask is 0, every byte is that of the \
                picture below.",
        ports: &[
            ("below", "The picture shown where the mask is 0."),
            ("above", "The picture shown where the mask is 1."),
            ("mask", "From 0 to 1, as `image.mask` makes it; the pictures are mixed in between."),
            ("image", "The two in one."),
        ],
    };
    plan.add(registry, composite)
}

fn blend(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b) = (args.tensor_u8("a")?, args.tensor_u8("b")?);
    let amount = ArrayD::from_elem(a.raw_dim(), args.float("amount")? as f32);
    Ok(vec![mixed(&a.to_owned(), &b.to_owned(), &amount).into()])
}

fn composite(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (below, above) = (args.tensor_u8("below")?, args.tensor_u8("above")?);
    let mask = clamped(&args.tensor_f32("mask")?.to_owned()).insert_axis(Axis(2));
    Ok(vec![mixed(&below.to_owned(), &above.to_owned(), &mask).into()])
}

/// (1 - amount) · a + amount · b, rounded and clamped; an `amount` without a colour dimension applies to all colours.
fn mixed(a: &ArrayD<u8>, b: &ArrayD<u8>, amount: &ArrayD<f32>) -> ArrayD<u8> {
    let mix = |a: u8, b: u8, share: f32| {
        let (a, b, share) = (f64::from(a), f64::from(b), f64::from(share));
        (a + (b - a) * share).round_ties_even() as u8
    };
    let mut out = a.clone();
    ndarray::Zip::from(&mut out)
        .and(b)
        .and_broadcast(amount)
        .for_each(|a, b, share| *a = mix(*a, *b, *share));
    out
}

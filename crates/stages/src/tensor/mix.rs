//! `tensor.blend` and `tensor.interpolate`: mix two tensors, linearly or spherically.

use ndarray::Zip;
use wuerst_core::{ArcArrayD, Args, Ctx, Registry, Result, Value};

use crate::plain::Plan;

/// Above this cosine, directions are mixed linearly: the spherical formula would divide by nearly zero.
const PARALLEL: f64 = 0.9995;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let signature =
        "a: f32[b,c,h,w], b: f32[b,c,h,w], amount: float = 0.5 {0.0..1.0} -> tensor: f32[b,c,h,w]";
    let ports = [
        ("a", "An embedding or latents."),
        ("b", "Another tensor of the same shape."),
        ("amount", "Share of b: 0 gives exactly a, 1 exactly b."),
        ("tensor", "The mixed tensor."),
    ];
    let about =
        "Mixes two tensors straight: (1 - amount) · a + amount · b. For embeddings of pictures and text.";
    Plan { kind: "tensor.blend", signature, about, ports: &ports }.add(registry, blend)?;
    let about = "Goes from one tensor to another along a sphere, at an even rate, and keeps the length. For noise, \
                 which straight mixing would weaken.";
    Plan { kind: "tensor.interpolate", signature, about, ports: &ports }.add(registry, interpolate)
}

/// (1 - amount) · a + amount · b; the ends are exactly a and b.
pub(crate) fn lerp(a: &ArcArrayD<f32>, b: &ArcArrayD<f32>, amount: f64) -> ArcArrayD<f32> {
    weighted(a, b, 1. - amount, amount)
}

fn weighted(a: &ArcArrayD<f32>, b: &ArcArrayD<f32>, of_a: f64, of_b: f64) -> ArcArrayD<f32> {
    // At an end, an infinity in the other tensor must not spread.
    match (of_a, of_b) {
        (_, 0.) => a.clone(),
        (0., _) => b.clone(),
        _ => Zip::from(a)
            .and(b)
            .map_collect(|a, b| (f64::from(*a) * of_a + f64::from(*b) * of_b) as f32)
            .into_shared(),
    }
}

fn blend(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b) = (args.tensor_f32("a")?, args.tensor_f32("b")?);
    Ok(vec![lerp(&a, &b, args.float("amount")?).into()])
}

fn interpolate(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b, amount) = (args.tensor_f32("a")?, args.tensor_f32("b")?, args.float("amount")?);
    let dot = |x: &ArcArrayD<f32>, y: &ArcArrayD<f32>| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let (length_a, length_b) = (dot(&a, &a).sqrt(), dot(&b, &b).sqrt());
    let cosine = dot(&a, &b) / (length_a * length_b);
    // Also for a zero vector, which has no direction.
    let straight = cosine.is_nan() || cosine.abs() > PARALLEL || amount == 0. || amount == 1.;
    if straight {
        return Ok(vec![lerp(&a, &b, amount).into()]);
    }
    let angle = cosine.acos();
    let (part_a, part_b) =
        (((1. - amount) * angle).sin() / angle.sin(), (amount * angle).sin() / angle.sin());
    // The norm is interpolated linearly.
    let length = length_a * (1. - amount) + length_b * amount;
    Ok(vec![weighted(&a, &b, part_a * length / length_a, part_b * length / length_b).into()])
}

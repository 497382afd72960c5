//! `tensor.noise`: normal random numbers from a seed.

use wuerst_core::{Args, Ctx, Error, KnownLength, Registry, Result, Tensor, Value};
use wuerst_model::noise::Noise;

use crate::plain::{Hooks, Plan};

/// Maximum number of values: four times the latents of a picture of 4096 x 4096 pixels.
const MOST: usize = 1 << 24;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "tensor.noise",
        signature: "batch: int = 1 {1..4096}, channels: int {1..4096}, height: int {1..4096}, \
                    width: int {1..4096}, seed: int = 0 {0..} -> tensor: f32[b,c,h,w]",
        about: "Draws normal numbers (mean 0, variance 1), the same for the same seed: at most 16,777,216 of them.",
        ports: &[
            ("batch", "Number of tensors; each continues the random numbers of the previous one."),
            ("channels", "Channels, as 16 of an embedding or 4 of latents."),
            ("height", "Cells down."),
            ("width", "Cells across."),
            ("seed", "Starts the random numbers; its low 32 bits count, as in `wuerst.prior`."),
            ("tensor", "The numbers."),
        ],
    };
    plan.add_checked(registry, Hooks { check, lengths, ..Hooks::default() }, run)
}

const SHAPE: [&str; 4] = ["batch", "channels", "height", "width"];

/// Refuses shapes beyond the maximum, as far as they are known.
fn check(known: &Args<'_>) -> Result<()> {
    shape(known).map_or(Ok(()), |shape| allowed(&shape).map(drop))
}

fn lengths(known: &Args<'_>) -> Vec<KnownLength> {
    let dims = ["b", "c", "h", "w"].into_iter().zip(SHAPE);
    dims.filter_map(|(dim, port)| Some(KnownLength::new(dim, known.count(port).ok()?, port))).collect()
}

fn shape(known: &Args<'_>) -> Option<Vec<usize>> {
    SHAPE.into_iter().map(|port| known.count(port).ok()).collect()
}

/// Number of values in a shape, checked against the maximum.
fn allowed(shape: &[usize]) -> Result<usize> {
    // At most 2^48, by the ranges of the ports, so it cannot overflow.
    let count: usize = shape.iter().product();
    if count > MOST {
        return Err(Error::invalid("batch", format!("{shape:?} are {count} numbers; the maximum is {MOST}")));
    }
    Ok(count)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let shape = SHAPE.map(|port| args.count(port)).into_iter().collect::<Result<Vec<_>>>()?;
    let count = allowed(&shape)?;
    let numbers = Noise::new(args.seed("seed")?.into()).normal(count);
    Ok(vec![Tensor::from_vec(&shape, numbers)?.into()])
}

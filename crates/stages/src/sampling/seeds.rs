//! Seeds of a batch: one for each picture, or one for all.

use wuerst_core::{Args, Error, Result, effective_seed};

/// Description of the port.
pub(crate) const ABOUT: &str =
    "A seed for each picture of a batch, in place of `seed`, which counts up; one alone serves all.";

/// Refuses negative seeds, and a number of seeds other than one or one per picture, as far as they are known; `over` is
/// the port that decides the number of pictures.
pub(crate) fn check(known: &Args<'_>, over: &str) -> Result<()> {
    if let (Some(seeds), Some(count)) = (known.length("seeds", 0), known.length(over, 0))
        && seeds != 1
        && seeds != count
    {
        let message =
            format!("are {seeds}, and there are {count} pictures: give one for each, or one for all");
        return Err(Error::invalid("seeds", message));
    }
    if known.has("seeds") {
        known.tensor_i64("seeds")?.iter().try_for_each(|seed| positive(*seed).map(drop))?;
    }
    Ok(())
}

/// The seed of one picture, if there are seeds.
pub(crate) fn one(args: &Args<'_>) -> Result<Option<u32>> {
    if !args.has("seeds") {
        return Ok(None);
    }
    let seeds = args.tensor_i64("seeds")?;
    match (seeds.len(), seeds.first()) {
        (1, Some(seed)) => positive(*seed).map(Some),
        (count, _) => {
            Err(Error::invalid("seeds", format!("are {count}, and there is one picture: give one")))
        }
    }
}

fn positive(seed: i64) -> Result<u32> {
    match seed {
        0.. => Ok(effective_seed(seed.into())),
        _ => Err(Error::invalid("seeds", format!("{seed} is negative, and seeds begin with 0"))),
    }
}

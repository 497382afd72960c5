//! Several pictures in one run of a stage: made one after the other, so that each is what it would be alone.

use wuerst_core::{Args, Error, Result, Tensor};

/// Where a picture stands among those of a run.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub index: usize,
    pub of: usize,
}

impl Part {
    /// All parts of a batch.
    pub(crate) fn all(of: usize) -> impl Iterator<Item = Part> {
        (0..of).map(move |index| Part { index, of })
    }

    /// This picture's f32 argument `port`, as `[1,…]`: its own of a batch, or the one that serves all.
    ///
    /// # Errors
    /// When the batch is of another length.
    pub(crate) fn of(self, args: &Args<'_>, port: &str) -> Result<Tensor> {
        let tensor = Tensor::from(args.tensor_f32(port)?);
        let count = tensor.shape().first().copied().unwrap_or(0);
        let index = match count {
            1 => return Ok(tensor),
            _ if count == self.of => self.index,
            _ => {
                let message = format!("has a batch of {count}, where 1 or {} is wanted", self.of);
                return Err(Error::invalid(port, message));
            }
        };
        let values = tensor.values::<f32>().unwrap_or_default();
        let length = values.len() / count;
        let shape = [&[1], &tensor.shape()[1..]].concat();
        Tensor::from_vec(&shape, values[index * length..(index + 1) * length].to_vec())
    }

    /// The seed of this picture: the batch's own, and one more for each that follows.
    pub(crate) fn seed(self, seed: i64) -> u64 {
        seed.cast_unsigned().wrapping_add(self.index as u64)
    }
}

/// How many pictures an argument `[b,…]` asks for; none is an error.
pub(crate) fn count(args: &Args<'_>, port: &str) -> Result<usize> {
    match args.tensor(port)?.shape().first() {
        None | Some(0) => Err(Error::invalid(port, "is a batch of nothing")),
        Some(count) => Ok(*count),
    }
}

#[cfg(test)]
mod tests {
    use wuerst_core::{Signature, Value};

    use super::*;

    #[test]
    fn each_gets_its_own_or_what_serves_all() {
        let signature: Signature = "a: f32[b,n], b: f32[n,m] ->".parse().unwrap();
        let values = [vec![1f32, 2., 3., 4., 5., 6.], vec![7., 8.]];
        let values = [([3, 2], &values[0]), ([1, 2], &values[1])]
            .map(|(shape, x)| Some(Value::from(Tensor::from_vec(&shape, x.clone()).unwrap())));
        let args = Args::new(&signature.inputs, &values);
        let part = Part { index: 1, of: 3 };
        assert_eq!(part.of(&args, "a").unwrap(), Tensor::from_vec(&[1, 2], vec![3f32, 4.]).unwrap());
        assert_eq!(part.of(&args, "b").unwrap(), Tensor::from_vec(&[1, 2], vec![7f32, 8.]).unwrap());
        let said = Part { index: 1, of: 2 }.of(&args, "a").unwrap_err().to_string();
        assert!(said.contains("a batch of 3, where 1 or 2"), "{said}");
        assert_eq!(part.seed(-1), 0);
    }
}

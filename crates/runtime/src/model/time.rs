//! The time of a sampling step, in the form that a model expects.

use wuerst_core::{Dim, Result, Tensor};
use wuerst_model::time;

use crate::model_header::ModelHeader;

/// Input for plain times, which nodes feed.
const TIMESTEP: &str = "timestep";
/// Input for [`time::embedding`] of times.
const EMBEDDING: &str = "time_embedding";

/// Form in which a model expects times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeInput {
    /// Length of a row of `time_embedding`, and number of embeddings in it; `None` without such an input.
    row: Option<(usize, usize)>,
}

impl TimeInput {
    /// Derives it from the header of a model whose contract was checked.
    pub fn of(header: &ModelHeader) -> TimeInput {
        let embeddings = header.metadata().map_or(1, |metadata| metadata.time_embeddings());
        let input = header.inputs.iter().find(|input| input.name == EMBEDDING);
        let row = input.and_then(|input| match input.dims.get(1) {
            Some(Dim::Fixed(length)) => Some((*length, embeddings)),
            _ => None,
        });
        TimeInput { row }
    }

    /// `time_embedding` f32 `[b,r]` of times `[b]` in 0..1, where 1 is pure noise; `None` if the model takes plain times
    /// or none.
    ///
    /// # Errors
    /// As [`Tensor::from_vec`].
    pub fn embedding(&self, times: &[f32]) -> Result<Option<Tensor>> {
        let Some((length, embeddings)) = self.row else { return Ok(None) };
        let rows = time::embedding(times, length / embeddings, embeddings);
        Tensor::from_vec(&[times.len(), length], rows).map(Some)
    }

    /// The embedding that replaces a node's feed `timestep`, if the model expects one.
    pub(crate) fn embedded(&self, feeds: &[(&str, &Tensor)]) -> Result<Option<Tensor>> {
        let times = feeds.iter().find(|(name, _)| *name == TIMESTEP);
        times.and_then(|(_, times)| times.values::<f32>()).map_or(Ok(None), |times| self.embedding(times))
    }
}

/// The problem of a model's input `time_embedding`, if any.
pub(crate) fn problem(header: &ModelHeader, embeddings: usize) -> Option<String> {
    let input = header.inputs.iter().find(|input| input.name == EMBEDDING)?;
    let good = |length: usize| length.is_multiple_of(embeddings) && length / embeddings >= 4;
    match input.dims.get(1) {
        Some(Dim::Fixed(length)) if good(*length) => None,
        _ => Some(format!(
            "its input `{EMBEDDING}` is {input}, but its rows must have a fixed length, for {embeddings} \
             embedding(s) of 4 features or more each"
        )),
    }
}

/// Feeds with the embedding in the place of the time.
pub(crate) fn with<'f>(
    feeds: &[(&'f str, &'f Tensor)],
    embedding: Option<&'f Tensor>,
) -> Vec<(&'f str, &'f Tensor)> {
    let put = |&(name, tensor)| match embedding {
        Some(embedding) if name == TIMESTEP => (EMBEDDING, embedding),
        _ => (name, tensor),
    };
    feeds.iter().map(put).collect()
}

#[cfg(test)]
mod tests {
    use wuerst_core::DType;

    use super::*;
    use crate::model_header::Outlet;

    fn header(name: &str, dims: Vec<Dim>) -> ModelHeader {
        let input = Outlet { name: name.into(), dtype: Some(DType::F32), dims };
        ModelHeader { inputs: vec![input], ..ModelHeader::default() }
    }

    fn rows(length: usize) -> ModelHeader {
        header(EMBEDDING, vec![Dim::Named("b".into()), Dim::Fixed(length)])
    }

    #[test]
    fn embedding_replaces_time() -> Result<()> {
        let times = Tensor::from_vec(&[2], vec![1f32, 0.25])?;
        let feeds = [("latents", &times), (TIMESTEP, &times)];
        let input = TimeInput { row: Some((128, 2)) };
        let embedded = input.embedded(&feeds)?.unwrap();
        assert_eq!(embedded.shape(), [2, 128]);
        assert_eq!(embedded.values::<f32>(), Some(&time::embedding(&[1., 0.25], 64, 2)[..]));
        let names: Vec<&str> = with(&feeds, Some(&embedded)).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["latents", EMBEDDING]);
        assert_eq!(TimeInput::of(&rows(64)), TimeInput { row: Some((64, 1)) });
        Ok(())
    }

    #[test]
    fn older_models_take_times() -> Result<()> {
        let times = Tensor::from_vec(&[1], vec![1f32])?;
        let input = TimeInput::of(&header(TIMESTEP, vec![Dim::Named("b".into())]));
        assert_eq!(input.embedded(&[(TIMESTEP, &times)])?, None);
        Ok(())
    }

    #[test]
    fn lengths_must_fit() {
        assert_eq!([rows(64), rows(192)].map(|header| problem(&header, 3).is_some()), [true, false]);
        assert!(problem(&rows(3), 1).is_some_and(|said| said.contains("f32[b,3]")));
        let free = header(EMBEDDING, vec![Dim::Named("b".into()), Dim::Named("r".into())]);
        assert!(problem(&free, 1).is_some_and(|said| said.contains("a fixed length")));
    }
}

//! LoRA files that change the weights of a node's model.

use std::ops::RangeInclusive;

use crate::{CancellationToken, Digest, File, Hasher, Result};

/// A LoRA with its strength.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// The file.
    pub file: File,
    /// Factor for the change: 0 for none, 1 for the trained one.
    pub strength: f32,
}

impl Lora {
    /// Strengths that are accepted; trainers and hosts use −2 to 2.
    pub const STRENGTHS: RangeInclusive<f32> = -100. ..=100.;

    /// Digest of the file's content and of the strength.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) if the file cannot be read, [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn identify(&self, cancel: &CancellationToken) -> Result<Digest> {
        let file = self.file.identify(cancel)?;
        Ok(Hasher::new("lora").digest(file).bytes(&self.strength.to_le_bytes()).finish())
    }

    /// Digest of several, in order; `None` for none.
    ///
    /// # Errors
    /// As [`Lora::identify`].
    pub fn identify_all(all: &[Lora], cancel: &CancellationToken) -> Result<Option<Digest>> {
        if all.is_empty() {
            return Ok(None);
        }
        let mut hasher = Hasher::new("loras");
        for lora in all {
            hasher = hasher.digest(lora.identify(cancel)?);
        }
        Ok(Some(hasher.finish()))
    }
}

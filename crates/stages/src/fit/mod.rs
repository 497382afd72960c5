//! `image.fit`, `image.unfit` and `wuerst.native_size`: convert a picture to a size that a model makes, and back; and
//! return the size that a model makes best.

mod back;
mod layout;
mod native;
mod node;
mod target;

use std::sync::Arc;

use wuerst_core::{Error, Model, Registry, Result};
use wuerst_model::metadata;
use wuerst_model::scale::Scale;
use wuerst_runtime::{Contract, ModelCache};

pub(crate) fn register(registry: &mut Registry, models: &Arc<ModelCache>) -> Result<()> {
    registry.add(node::Fit::new(Arc::clone(models))?)?;
    registry.add(native::NativeSize::new(Arc::clone(models))?)?;
    back::register(registry)
}

/// Sizes stated by a prior or decoder.
struct Sizes {
    scale: Scale,
    /// Side of the square pictures that it makes best; decoders do not state one.
    native: Option<usize>,
}

impl Sizes {
    /// Reads the metadata of a prior or decoder.
    fn of(models: &ModelCache, model: &Model) -> Result<Sizes> {
        let prior: Result<metadata::Prior> = models.metadata(model, Contract::Prior);
        let wrong = match prior {
            Ok(prior) => return Ok(Sizes { scale: prior.scale, native: Some(prior.native_size) }),
            Err(wrong) => wrong,
        };
        match models.metadata::<metadata::Decoder>(model, Contract::Decoder) {
            Ok(decoder) => Ok(Sizes { scale: decoder.scale, native: None }),
            // For a model of another stage, the error of reading it as a prior is reported.
            Err(Error::Model { .. }) => Err(wrong),
            Err(other) => Err(other),
        }
    }
}

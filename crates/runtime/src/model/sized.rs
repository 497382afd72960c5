//! Sessions for one set of sizes: with fixed dimensions ONNX Runtime computes shapes while loading, and leaves no operator of
//! them to the CPU.

use ort::session::Session;
use ort::session::builder::SessionBuilder;
use wuerst_core::{CancellationToken, Dim, Model};

use crate::device::{Device, Extents, Operators, Request, assigned};
use crate::model::invariant::Feed;
use crate::model::load::LoadRequest;
use crate::model_header::ModelHeader;
use crate::options::Log;

/// Lengths of the model's free dimensions, by name and in their order.
pub(crate) type Lengths = Vec<(String, usize)>;

/// Makes sessions of a model for given sizes.
pub(crate) struct Resizer {
    pub(crate) model: Model,
    pub(crate) request: Request,
    pub(crate) device: Device,
    pub(crate) log: Option<Log>,
}

/// The session of a model, and the lengths that it is for. Another one takes its place for other lengths: a device holds the
/// weights once.
pub(crate) struct SizedSession {
    /// `None` after a session for new lengths could not be made.
    session: Option<Session>,
    /// Empty for any lengths.
    lengths: Lengths,
}

impl Resizer {
    /// Whether sessions on this device are made for one set of sizes each.
    pub(crate) fn is_for(device: &Device) -> bool {
        matches!(device, Device::Cuda(gpu) if gpu.extents == Extents::Fixed)
    }

    fn session(&self, lengths: &Lengths, cancel: &CancellationToken) -> Result<(Session, Operators), String> {
        let load = LoadRequest {
            path: self.model.path(),
            memory: None,
            request: self.request,
            devices: &[],
            domains: &[],
            strict: true,
            prepared: None,
            warn: &|_| (),
            stepwise: &[],
            log: self.log.clone(),
            merged: None,
            plain: None,
        };
        let fixed = |builder: SessionBuilder| -> ort::Result<SessionBuilder> {
            lengths.iter().try_fold(builder, |builder, (name, length)| {
                // Longer than any tensor, and refused as such.
                let length = i64::try_from(*length).unwrap_or(i64::MAX);
                Ok(builder.with_dimension_override(name, length)?)
            })
        };
        let session = load.of_file(&self.device, cancel, fixed)?;
        if !self.model.is_unchanged() {
            return Err("changed after it was first loaded: run the graph again".to_owned());
        }
        let operators = assigned(&session).map_err(|error| error.message().to_owned())?;
        Ok((session, operators))
    }
}

impl SizedSession {
    /// A session for any lengths.
    pub(crate) fn free(session: Session) -> SizedSession {
        SizedSession { session: Some(session), lengths: vec![] }
    }

    /// The session, made anew if it is for other lengths than these; then also its operators by provider.
    ///
    /// # Errors
    /// The reason why it cannot be made.
    pub(crate) fn of(
        &mut self,
        resizer: Option<&Resizer>,
        lengths: impl FnOnce() -> Lengths,
        cancel: &CancellationToken,
    ) -> Result<(&mut Session, Option<Operators>), String> {
        let Some(resizer) = resizer else { return Ok((self.session.as_mut().ok_or("no session")?, None)) };
        let lengths = lengths();
        let mut operators = None;
        if self.session.is_none() || (self.lengths != lengths && !lengths.is_empty()) {
            // Released first: the device may have no room for both.
            self.session = None;
            let (session, own) = resizer.session(&lengths, cancel)?;
            self.session = Some(session);
            self.lengths = lengths;
            operators = Some(own);
        }
        Ok((self.session.as_mut().ok_or("no session")?, operators))
    }
}

/// Lengths of the free dimensions of a model's inputs, as these feeds have them.
pub(crate) fn lengths(header: &ModelHeader, feeds: &[Feed<'_>]) -> Lengths {
    let mut lengths = Lengths::new();
    for (name, tensor) in feeds {
        let Some(outlet) = header.inputs.iter().find(|outlet| outlet.name == *name) else { continue };
        for (dim, length) in outlet.dims.iter().zip(tensor.shape()) {
            if let Dim::Named(name) = dim
                && !lengths.iter().any(|(known, _)| known == name)
            {
                lengths.push((name.clone(), *length));
            }
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use wuerst_core::Tensor;

    use super::*;
    use crate::model_header::Outlet;

    #[test]
    fn lengths_are_those_of_the_feeds() {
        let outlet = |name: &str, dims: &[&str]| Outlet {
            name: name.into(),
            dims: dims
                .iter()
                .map(|dim| dim.parse().map_or_else(|_| Dim::Named((*dim).into()), Dim::Fixed))
                .collect(),
            ..Outlet::default()
        };
        let inputs = vec![
            outlet("latents", &["batch", "4", "height", "width"]),
            outlet("text", &["batch", "length", "8"]),
        ];
        let header = ModelHeader { inputs, ..ModelHeader::default() };
        let zeros = |shape: &[usize]| {
            Cow::Owned(Tensor::from_vec(shape, vec![0f32; shape.iter().product()]).unwrap())
        };
        let feeds = [("latents", zeros(&[2, 4, 6, 5])), ("text", zeros(&[2, 7, 8])), ("other", zeros(&[3]))];
        let want = [("batch", 2), ("height", 6), ("width", 5), ("length", 7)];
        assert_eq!(lengths(&header, &feeds), want.map(|(name, length)| (name.to_owned(), length)));
    }
}

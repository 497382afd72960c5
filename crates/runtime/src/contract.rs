//! Checks that a model's inputs and outputs fit its stage.

use std::collections::BTreeMap;
use std::path::Path;

use wuerst_core::{DType, Dim, Error, Port, Result, Signature, Ty};
use wuerst_model::contract::Contract;
use wuerst_model::metadata::{Metadata, MetadataError};

use crate::model::time;
use crate::model_header::{ModelHeader, Outlet};

impl ModelHeader {
    /// Whether the model has an input or output of this name.
    pub fn has(&self, name: &str) -> bool {
        self.inputs.iter().chain(&self.outputs).any(|outlet| outlet.name == name)
    }

    /// The signature that the model must have to fit a contract.
    fn signature(&self, contract: Contract) -> Result<Signature> {
        Ok(contract.signature_of(|name| self.has(name)).parse()?)
    }

    /// Lengths of the contract's named dimensions that the model fixes: channels, tokens and features. Excludes batch and
    /// size, which nodes handle.
    pub(crate) fn lengths(&self, contract: Contract) -> Result<Vec<(String, usize)>> {
        let signature = self.signature(contract)?;
        let mut lengths = BTreeMap::new();
        let pairs = [(&signature.inputs, &self.inputs), (&signature.outputs, &self.outputs)];
        for (ports, outlets) in pairs {
            for (port, outlet) in
                ports.iter().filter_map(|p| Some((p, outlets.iter().find(|o| o.name == p.name)?)))
            {
                let Ty::Tensor { dims, .. } = &port.ty else { continue };
                for pair in dims.iter().zip(&outlet.dims) {
                    if let (Dim::Named(name), Dim::Fixed(length)) = pair
                        && ["c", "z", "l", "d", "p"].contains(&name.as_str())
                    {
                        lengths.insert(name.clone(), *length);
                    }
                }
            }
        }
        Ok(lengths.into_iter().collect())
    }

    /// Checks the header of the model at `path` against a contract, and returns its metadata.
    ///
    /// # Errors
    /// [`Error::Model`] that lists all mismatches, with the expected form.
    pub fn check(&self, contract: Contract, path: &Path) -> Result<Metadata> {
        let failed = |message: String| Error::Model { path: path.to_owned(), source: message.into() };
        let metadata = self.metadata().map_err(|e| match e {
            MetadataError::NoContract => {
                failed(format!("{e}; a {contract} is expected, written by `wuerst import` or the trainer"))
            }
            wrong => failed(wrong.to_string()),
        })?;
        if metadata.contract() != contract {
            return Err(failed(format!("is a {}, where a {contract} is expected", metadata.contract())));
        }
        let signature = self.signature(contract)?;
        let mut problems = misfits("input", &signature.inputs, &self.inputs, true);
        problems.extend(misfits("output", &signature.outputs, &self.outputs, false));
        problems.extend(time::problem(self, metadata.time_embeddings()));
        if problems.is_empty() {
            return Ok(metadata);
        }
        Err(failed(format!(
            "breaks the contract of a {contract}: {}; wanted: {signature}",
            problems.join("; ")
        )))
    }
}

/// The mismatches that keep `have` from serving as `want`. With `exact`, a surplus name is one too: a surplus input would
/// never be fed, while a surplus output is only unused.
fn misfits(what: &str, want: &[Port], have: &[Outlet], exact: bool) -> Vec<String> {
    let missing = want.iter().filter_map(|port| match have.iter().find(|o| o.name == port.name) {
        None => Some(format!("it has no {what} `{}`", port.name)),
        Some(outlet) if !serves(&port.ty, outlet) => {
            Some(format!("its {what} `{}` is {}", port.name, outlet))
        }
        Some(_) => None,
    });
    let surplus = have
        .iter()
        .filter(|outlet| exact && !want.iter().any(|port| port.name == outlet.name))
        .map(|outlet| format!("no stage feeds its {what} `{}`", outlet.name));
    missing.chain(surplus).collect()
}

/// Whether a model's input or output fits the port: f16 for f32 is converted by the node, and free lengths are checked
/// when the model runs.
fn serves(ty: &Ty, outlet: &Outlet) -> bool {
    let Some(dtype) = outlet.dtype else { return false };
    let widened = if dtype == DType::F16 { DType::F32 } else { dtype };
    ty.accepts(&Ty::Tensor { dtype: widened, dims: outlet.dims.clone() })
}

#[cfg(test)]
mod tests {
    use wuerst_model::metadata::Vqgan;

    use super::*;

    fn header(signature: &str, metadata: &Metadata) -> ModelHeader {
        let signature: Signature = signature.parse().unwrap();
        let outlet = |port: &Port| match &port.ty {
            Ty::Tensor { dtype, dims } => {
                Outlet { name: port.name.clone(), dtype: Some(*dtype), dims: dims.clone() }
            }
            other => panic!("{other} in a contract"),
        };
        ModelHeader {
            properties: metadata.pairs(),
            inputs: signature.inputs.iter().map(outlet).collect(),
            outputs: signature.outputs.iter().map(outlet).collect(),
            ..ModelHeader::default()
        }
    }

    fn message(contract: Contract, header: &ModelHeader) -> String {
        header.check(contract, Path::new("a.onnx")).unwrap_err().to_string()
    }

    #[test]
    fn every_contract_is_in_signature_notation() {
        for contract in Contract::ALL {
            let signature: Signature = contract.signature().parse().unwrap();
            assert_eq!(signature.outputs.len(), 1, "{contract}");
        }
    }

    #[test]
    fn half_precision_and_fixed_lengths_serve() {
        let metadata = Metadata::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 });
        let half = header("latents: f16[1,4,64,64] -> image: f16[1,3,256,256], extra: f32[1]", &metadata);
        assert_eq!(half.check(Contract::VqganDecoder, Path::new("a.onnx")).unwrap(), metadata);
    }

    #[test]
    fn cascade_reads_pooled_text() {
        let scale = wuerst_model::scale::Scale::default();
        let sampling = wuerst_model::metadata::SamplingDefaults::new(10, 0.);
        let decoder = Metadata::Decoder(wuerst_model::metadata::Decoder { scale, sampling });
        let taken = "latents: f32[b,4,H,W], time_embedding: f32[b,64], embedding: f32[b,16,h,w]";
        let of = |text: &str| header(&format!("{taken}, {text} -> noise: f32[b,4,H,W]"), &decoder);
        assert!(of("pooled: f32[b,1,8]").check(Contract::Decoder, Path::new("a.onnx")).is_ok());
        let both = message(Contract::Decoder, &of("pooled: f32[b,1,8], text: f32[b,l,8]"));
        assert!(both.contains("no stage feeds its input `text`"), "{both}");
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let metadata = Metadata::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 });
        let wrong = header("latents: i64[b,4,h,w], mask: f32[b] -> picture: f32[b,3,h,w]", &metadata);
        let said = message(Contract::VqganDecoder, &wrong);
        for part in ["a.onnx", "`latents` is i64[b,4,h,w]", "feeds its input `mask`", "no output `image`"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(message(Contract::Prior, &wrong).contains("is a vqgan-decoder, where a prior is expected"));
        let bare = ModelHeader { properties: vec![], ..wrong };
        assert!(message(Contract::Prior, &bare).contains("wuerst.contract"));
    }
}

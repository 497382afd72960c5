//! What a model must take and give to stand in for a stage.

use std::fmt;
use std::path::Path;

use wuerst_core::{DType, Error, Port, Result, Signature, Ty};
use wuerst_model::contract::STEPWISE;
use wuerst_model::facts::{Facts, FactsError};

use crate::model_header::{Header, Outlet};

/// A stage that a model can stand in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// Token ids to states.
    TextEncoder,
    /// Noise to the semantic embedding (stage C).
    Prior,
    /// Noise to the VQGAN's latents (stage B).
    Decoder,
    /// Latents to a picture (stage A).
    VqganDecoder,
    /// A picture to latents (stage A).
    VqganEncoder,
    /// A picture to its semantic embedding.
    Compressor,
}

impl Contract {
    /// All of them, in the order in which a picture is made.
    pub const ALL: [Contract; 6] = [
        Contract::TextEncoder,
        Contract::Prior,
        Contract::Decoder,
        Contract::VqganDecoder,
        Contract::VqganEncoder,
        Contract::Compressor,
    ];

    /// The contract of this name.
    pub fn named(name: &str) -> Option<Contract> {
        Contract::ALL.into_iter().find(|contract| contract.name() == name)
    }

    /// The name, as in a model's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Contract::TextEncoder => "text-encoder",
            Contract::Prior => "prior",
            Contract::Decoder => "decoder",
            Contract::VqganDecoder => "vqgan-decoder",
            Contract::VqganEncoder => "vqgan-encoder",
            Contract::Compressor => "compressor",
        }
    }

    /// Inputs and outputs, in the notation of signatures. The embedding has c channels and the latents z, 16 and 4 in the
    /// published models.    /// Where f32 stands, f16 will do; `timestep` is from 0 to 1, where 1 is noise; pictures are RGB in 0..1, and what
    /// a VQGAN makes beyond that is cut off by the node.
    pub fn signature(self) -> &'static str {
        match self {
            Contract::TextEncoder => "input_ids: i64[b,l], attention_mask: i64[b,l] -> states: f32[b,l,d]",
            Contract::Prior => {
                "latents: f32[b,c,h,w], timestep: f32[b], text: f32[b,l,d] -> noise: f32[b,c,h,w]"
            }
            Contract::Decoder => {
                "latents: f32[b,z,H,W], timestep: f32[b], embedding: f32[b,c,h,w], text: f32[b,l,d] \
                 -> noise: f32[b,z,H,W]"
            }
            Contract::VqganDecoder => "latents: f32[b,z,H,W] -> image: f32[b,3,y,x]",
            Contract::VqganEncoder => "image: f32[b,3,y,x] -> latents: f32[b,z,H,W]",
            Contract::Compressor => "image: f32[b,3,y,x] -> embedding: f32[b,c,h,w]",
        }
    }

    /// The inputs that are new in each step of sampling, where there are others whose part can be computed once for all.
    pub(crate) fn stepwise(self) -> &'static [&'static str] {
        match self {
            Contract::Prior | Contract::Decoder => &STEPWISE,
            _ => &[],
        }
    }

    /// Checks a model's head against the contract, and gives its facts.
    ///
    /// # Errors
    /// [`Error::Model`] that lists everything that is wrong, and says what would be right.
    pub fn check(self, path: &Path, header: &Header) -> Result<Facts> {
        let failed = |message: String| Error::Model { path: path.to_owned(), source: message.into() };
        let facts = header.facts().map_err(|e| match e {
            FactsError::NoContract => {
                failed(format!("{e}; a {self} is wanted, written by `wuerst import` or the trainer"))
            }
            wrong => failed(wrong.to_string()),
        })?;
        if facts.contract() != self.name() {
            return Err(failed(format!("is a {}, where a {self} is wanted", facts.contract())));
        }
        let signature: Signature = self.signature().parse()?;
        let mut problems = misfits("input", &signature.inputs, &header.inputs, true);
        problems.extend(misfits("output", &signature.outputs, &header.outputs, false));
        if problems.is_empty() {
            return Ok(facts);
        }
        Err(failed(format!("breaks the contract of a {self}: {}; wanted: {signature}", problems.join("; "))))
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What keeps `have` from serving `want`. A surplus input would never be fed; a surplus output is only unused.
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

/// Whether a model's outlet does what the port says: f16 for f32 is the node's work, free lengths are checked
/// when the model runs.
fn serves(ty: &Ty, outlet: &Outlet) -> bool {
    let Some(dtype) = outlet.dtype else { return false };
    let widened = if dtype == DType::F16 { DType::F32 } else { dtype };
    ty.accepts(&Ty::Tensor { dtype: widened, dims: outlet.dims.clone() })
}

#[cfg(test)]
mod tests {
    use wuerst_model::facts::Vqgan;

    use super::*;

    fn header(signature: &str, facts: &Facts) -> Header {
        let signature: Signature = signature.parse().unwrap();
        let outlet = |port: &Port| match &port.ty {
            Ty::Tensor { dtype, dims } => {
                Outlet { name: port.name.clone(), dtype: Some(*dtype), dims: dims.clone() }
            }
            other => panic!("{other} in a contract"),
        };
        Header {
            metadata: facts.pairs(),
            inputs: signature.inputs.iter().map(outlet).collect(),
            outputs: signature.outputs.iter().map(outlet).collect(),
            ..Header::default()
        }
    }

    fn message(contract: Contract, header: &Header) -> String {
        contract.check(Path::new("a.onnx"), header).unwrap_err().to_string()
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
        let facts = Facts::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 });
        let half = header("latents: f16[1,4,64,64] -> image: f16[1,3,256,256], extra: f32[1]", &facts);
        assert_eq!(Contract::VqganDecoder.check(Path::new("a.onnx"), &half).unwrap(), facts);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let facts = Facts::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 });
        let wrong = header("latents: i64[b,4,h,w], mask: f32[b] -> picture: f32[b,3,h,w]", &facts);
        let said = message(Contract::VqganDecoder, &wrong);
        for part in ["a.onnx", "`latents` is i64[b,4,h,w]", "feeds its input `mask`", "no output `image`"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(message(Contract::Prior, &wrong).contains("is a vqgan-decoder, where a prior is wanted"));
        let bare = Header { metadata: vec![], ..wrong };
        assert!(message(Contract::Prior, &bare).contains("wuerst.contract"));
    }
}

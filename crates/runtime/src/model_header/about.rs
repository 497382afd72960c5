//! What follows from a model's head: its metadata, its network, and the memory that it takes.

use wuerst_model::metadata::{Metadata, MetadataError};
use wuerst_model::network::Network;
use wuerst_model::onnx::{Operators, QUANTIZED};

use super::ModelHeader;

impl ModelHeader {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What it says of itself as a stage model.
    ///
    /// # Errors
    /// When it names no stage, or a fact is missing or does not read.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        Metadata::read(self.pairs())
    }

    /// The network that it holds, if it says so.
    pub fn network(&self) -> Option<Network> {
        Network::read(self.pairs())
    }

    /// About the bytes that it takes itself.
    pub(crate) fn held(&self) -> usize {
        let metadata = self.properties.iter().map(|(key, value)| key.len() + value.len() + 48);
        let outlets = self
            .inputs
            .iter()
            .chain(&self.outputs)
            .map(|outlet| outlet.name.len() + 32 * outlet.dims.len() + 64);
        metadata.chain(outlets).sum::<usize>() + 256
    }

    /// About the memory that the loaded model takes, in bytes: its files, its parameters as f32 (most devices widen f16), or
    /// the constants that ONNX Runtime computes of them, whichever is most. Computed constants mostly replace the stored
    /// ones, as a widened tensor does, so a sum would count weights twice.
    pub fn memory(&self) -> u64 {
        self.bytes.max(self.parameters.saturating_mul(4)).max(self.unfolded)
    }

    /// About the most memory that loading it takes, in bytes: the model beside what it is made of, and next to it what small
    /// ones need too. (Measured: 1.1 to 2 times the weights as f32, and 3 to 20 MB for those of less than 15.)
    pub fn loading(&self) -> u64 {
        self.memory().saturating_mul(2).saturating_add(32 << 20)
    }

    /// Which operators it was written with, by its metadata and the sets that it needs.
    pub fn operators(&self) -> Operators {
        if self.pairs().any(|pair| pair == QUANTIZED) {
            return Operators::Int8;
        }
        match self.domains.iter().any(|domain| domain == "com.microsoft") {
            true => Operators::OnnxRuntime,
            false => Operators::Standard,
        }
    }
}

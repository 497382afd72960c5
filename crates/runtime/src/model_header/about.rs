//! Facts derived from a model's header: its metadata, its network, and its memory use.

use wuerst_model::count::WrittenAs;
use wuerst_model::metadata::{Metadata, MetadataError};
use wuerst_model::network::Network;
use wuerst_model::onnx::{HALF, Operators, QUANTIZED};

use super::ModelHeader;
use crate::device::Device;

impl ModelHeader {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Its metadata as a stage model.
    ///
    /// # Errors
    /// If it names no stage, or a fact is missing or cannot be parsed.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        Metadata::read(self.pairs())
    }

    /// The network that it holds, if stated.
    pub fn network(&self) -> Option<Network> {
        Network::read(self.pairs())
    }

    /// Approximate size of the header in bytes.
    pub(crate) fn held(&self) -> usize {
        let metadata = self.properties.iter().map(|(key, value)| key.len() + value.len() + 48);
        let outlets = self
            .inputs
            .iter()
            .chain(&self.outputs)
            .map(|outlet| outlet.name.len() + 32 * outlet.dims.len() + 64);
        metadata.chain(outlets).sum::<usize>() + 256
    }

    /// Approximate memory of the loaded model, in bytes: the largest of its files, its parameters as f32 (most devices
    /// widen f16), and the constants that ONNX Runtime computes from them. Computed constants mostly replace the stored
    /// ones, like a widened tensor, so a sum would count weights twice.
    pub fn memory(&self) -> u64 {
        self.bytes.max(self.parameters.saturating_mul(4)).max(self.unfolded)
    }

    /// [`memory`](Self::memory) on a device. Only the CPU widens the weights of a model that computes in f16.
    pub fn memory_on(&self, device: &Device) -> u64 {
        let wide = !self.computes_in_f16() || matches!(device, Device::Cpu);
        if wide { self.memory() } else { self.bytes.max(self.unfolded) }
    }

    /// Whether its metadata state that it computes in f16.
    pub fn computes_in_f16(&self) -> bool {
        self.pairs().any(|pair| pair == HALF)
    }

    /// Possible reason for results that are not finite.
    pub(crate) fn why_not_finite(&self) -> &'static str {
        if self.computes_in_f16() {
            return "it computes in f16, which overflows above 65504: take this stage of the model that it was made of";
        }
        // Models written here with f16 weights compute in f32.
        match self.half && self.network().is_none() {
            true => "it has numbers in f16, which overflow above 65504: use the model in f32 or bf16",
            false => "its weights are damaged, or too large for what it is fed with",
        }
    }

    /// Approximate peak memory of loading it, in bytes: the model, its sources, and a constant for small models.
    /// (Measured: 1.1 to 2 times the weights as f32, and 3 to 20 MB for weights below 15 MB.)
    pub fn loading(&self) -> u64 {
        self.memory().saturating_mul(2).saturating_add(32 << 20)
    }

    /// The properties of the file that its memory use depends on.
    pub fn written_as(&self) -> WrittenAs {
        WrittenAs { operators: self.operators(), mapped: self.mapped }
    }

    /// The operator variant that it was written for, by its metadata and operator sets.
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

#[cfg(test)]
mod tests {
    use wuerst_model::network::Network;
    use wuerst_model::prior::PriorConfig;

    use super::*;

    fn with(pairs: &[(String, String)]) -> ModelHeader {
        let properties = pairs.to_vec();
        ModelHeader { properties, bytes: 200, parameters: 100, half: true, ..ModelHeader::default() }
    }

    #[test]
    fn weights_in_f16_stay_so_where_they_are_computed_with() {
        let mark = (HALF.0.to_owned(), HALF.1.to_owned());
        let devices = ["cpu", "cuda:0"].map(|name| name.parse().unwrap());
        let memory = |header: &ModelHeader| [0, 1].map(|i: usize| header.memory_on(&devices[i]));
        assert_eq!(memory(&with(&[mark])), [400, 200]);
        assert_eq!(memory(&with(&[])), [400, 400]);
    }

    #[test]
    fn the_reason_of_an_overflow_follows_from_what_computes() {
        let mark = (HALF.0.to_owned(), HALF.1.to_owned());
        let network = Network::Prior(PriorConfig::default()).pair();
        let why = |pairs: &[(String, String)]| with(pairs).why_not_finite();
        assert!(why(&[network.clone(), mark]).contains("the model that it was made of"));
        assert!(why(&[network]).contains("weights are damaged"));
        assert!(why(&[]).contains("use the model in f32"));
    }
}

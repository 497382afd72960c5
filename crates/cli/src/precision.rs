//! `--precision`: the fastest device of each stage whose rounding a picture may have.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;
use wuerst::Device;
use wuerst::stages::StageOptions;
use wuerst_model::contract::Contract;

/// Precision of pictures, as PERFORMANCE.md measures it against f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// f32 in every stage
    #[default]
    Exact,
    /// bf16 in the decoder and the VQGAN: pictures at 40 dB of f32
    #[value(name = "40dB")]
    Near,
    /// bf16 in every stage: pictures at 33 dB of f32 or better
    Fastest,
}

/// The device that computes in bf16, where the processor and the libraries have it.
const BF16: &str = "openvino:CPU{precision=bf16},cpu";

impl Precision {
    /// Sets the devices of the stages that may round.
    pub(crate) fn apply(self, each: &mut BTreeMap<Contract, StageOptions>) -> Result<()> {
        let stages: &[Contract] = match self {
            Precision::Exact => &[],
            Precision::Near => &[Contract::Decoder, Contract::VqganDecoder],
            Precision::Fastest => &Contract::ALL,
        };
        for stage in stages {
            each.entry(*stage).or_default().devices = Device::list(BF16)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_round_as_far_as_allowed() {
        let stages = |precision: Precision| {
            let mut each = BTreeMap::new();
            precision.apply(&mut each).unwrap();
            each.into_iter().map(|(stage, options)| (stage, options.devices.len())).collect::<Vec<_>>()
        };
        assert_eq!(stages(Precision::Exact), []);
        assert_eq!(stages(Precision::Near), [(Contract::Decoder, 2), (Contract::VqganDecoder, 2)]);
        assert_eq!(stages(Precision::Fastest).len(), Contract::ALL.len());
    }
}

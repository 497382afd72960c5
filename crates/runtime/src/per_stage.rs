//! Options of single stages: devices and threads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wuerst_core::{Error, Result};
use wuerst_model::contract::Contract;
use wuerst_model::lora::LoraOption;

use crate::device::{Device, split};

/// Maximum number of threads of a model: each needs a stack, and threads beyond the number of cores do not help.
pub const MOST_THREADS: usize = 1024;

/// Refuses more than [`MOST_THREADS`].
///
/// # Errors
/// [`Error::Invalid`] with `what`, the number and the limit.
pub fn check_threads(what: &str, threads: usize) -> Result<()> {
    if threads <= MOST_THREADS {
        return Ok(());
    }
    let message =
        format!("{threads} is more than {MOST_THREADS}: give the number of cores, or 0 for one each");
    Err(Error::invalid(what, message))
}

/// Options of one stage that differ from those of all stages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageOptions {
    /// Devices in order of preference. Empty: those of all stages.
    pub devices: Vec<Device>,
    /// Threads of each run. `None`: the number for all stages; 0: one per core.
    pub threads: Option<usize>,
    /// LoRAs that change the weights of the stage's model, in order. Empty: those of the graph's node.
    pub loras: Vec<StageLora>,
}

/// A LoRA of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageLora {
    /// The file.
    pub file: PathBuf,
    /// Factor for the change: 0 for none, 1 for the trained one.
    pub strength: f32,
}

impl StageOptions {
    /// Adds LoRAs of stages to `each`; stages have their names in model metadata. Those that a stage had before, such as by
    /// a settings file, are replaced.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown stage.
    pub fn set_loras(each: &mut BTreeMap<Contract, StageOptions>, loras: &[LoraOption]) -> Result<()> {
        let mut given: BTreeMap<Contract, Vec<StageLora>> = BTreeMap::new();
        for LoraOption { stage, file, strength } in loras {
            let lora = StageLora { file: file.clone(), strength: *strength };
            given.entry(named(stage)?).or_default().push(lora);
        }
        for (stage, loras) in given {
            each.entry(stage).or_default().loras = loras;
        }
        Ok(())
    }

    /// [`StageOptions::set_loras`] with LoRAs such as `prior=a.safetensors{strength=0.8}; text-encoder=b.safetensors`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown stage, and for text of another form.
    pub fn read_loras(each: &mut BTreeMap<Contract, StageOptions>, text: &str) -> Result<()> {
        let parse = |text: &str| LoraOption::parse(text).map_err(|message| Error::invalid("lora", message));
        let given = split(text, ';').map(str::trim).filter(|part| !part.is_empty()).map(parse);
        StageOptions::set_loras(each, &given.collect::<Result<Vec<_>>>()?)
    }

    /// Parses devices of stages into `each`, such as `prior=cuda:0{memory_limit=4GiB},cpu; vqgan-decoder=cpu`. Stages
    /// have their names in model metadata.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown stage or device.
    pub fn read_devices(each: &mut BTreeMap<Contract, StageOptions>, text: &str) -> Result<()> {
        for (stage, list) in entries(text)? {
            each.entry(stage).or_default().devices = Device::list(list)?;
        }
        Ok(())
    }

    /// Parses threads of stages into `each`, such as `prior=4; vqgan-decoder=2`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown stage, for text that is not a number, and for more than [`MOST_THREADS`].
    pub fn read_threads(each: &mut BTreeMap<Contract, StageOptions>, text: &str) -> Result<()> {
        for (stage, number) in entries(text)? {
            let threads = number.parse().map_err(|_| {
                Error::invalid("threads of a stage", format!("`{number}` of `{stage}` is not a number"))
            })?;
            check_threads(&format!("threads of `{stage}`"), threads)?;
            each.entry(stage).or_default().threads = Some(threads);
        }
        Ok(())
    }
}

/// The stages and their texts in `STAGE=TEXT; STAGE=TEXT`.
fn entries(text: &str) -> Result<Vec<(Contract, &str)>> {
    split(text, ';').map(str::trim).filter(|part| !part.is_empty()).map(entry).collect()
}

fn entry(entry: &str) -> Result<(Contract, &str)> {
    let wrong = |message: String| Error::invalid("options of a stage", message);
    let (name, rest) =
        entry.split_once('=').ok_or_else(|| wrong(format!("`{entry}` is not of the form STAGE=…")))?;
    Ok((named(name.trim())?, rest.trim()))
}

fn named(name: &str) -> Result<Contract> {
    Contract::named(name).ok_or_else(|| {
        let names: Vec<&str> = Contract::ALL.iter().map(|stage| stage.name()).collect();
        let message = format!("`{name}` is none of {}", names.join(", "));
        Error::invalid("options of a stage", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_own_devices_and_threads() {
        let mut each = BTreeMap::new();
        StageOptions::read_devices(&mut each, " prior=cuda:1{memory_limit=1G},cpu; vqgan-decoder = cpu;")
            .unwrap();
        StageOptions::read_threads(&mut each, "prior=3").unwrap();
        let prior = StageOptions {
            devices: Device::list("cuda:1{memory_limit=1G},cpu").unwrap(),
            threads: Some(3),
            ..StageOptions::default()
        };
        let vqgan = StageOptions { devices: vec![Device::Cpu], ..StageOptions::default() };
        assert_eq!(each, BTreeMap::from([(Contract::Prior, prior), (Contract::VqganDecoder, vqgan)]));
        for (text, part) in [("pryor=cpu", "`pryor` is none of text-encoder, prior"), ("prior", "STAGE=")] {
            let said = StageOptions::read_devices(&mut each, text).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
        let said = StageOptions::read_threads(&mut each, "prior=four").unwrap_err().to_string();
        assert!(said.contains("`four` of `prior`"), "{said}");
    }

    #[test]
    fn stages_have_loras() {
        let mut each = BTreeMap::new();
        let read = |each: &mut _, text: &str| StageOptions::read_loras(each, text).map_err(|e| e.to_string());
        read(&mut each, "prior=a{strength=0.5}; prior=b; text-encoder=a").unwrap();
        let lora = |file: &str, strength| StageLora { file: file.into(), strength };
        assert_eq!(each[&Contract::Prior].loras, [lora("a", 0.5), lora("b", 1.)]);
        assert_eq!(each[&Contract::TextEncoder].loras, [lora("a", 1.)]);
        read(&mut each, "prior=c").unwrap();
        assert_eq!((each[&Contract::Prior].loras.len(), each[&Contract::TextEncoder].loras.len()), (1, 1));
        assert!(read(&mut each, "pryor=c").unwrap_err().contains("`pryor` is none of"));
        assert!(read(&mut each, "prior=c{strength=x}").unwrap_err().contains("`x` is not a number"));
    }

    #[test]
    fn threads_have_limit() {
        let read = |text: &str| StageOptions::read_threads(&mut BTreeMap::new(), text);
        assert!(read("prior=1024").is_ok() && check_threads("threads", 0).is_ok());
        for number in ["1025", "4096", "2147483648", "4294967295"] {
            let said = read(&format!("prior={number}")).unwrap_err().to_string();
            assert_eq!(
                said,
                format!(
                    "threads of `prior`: {number} is more than 1024: give the number of cores, or 0 for one each"
                )
            );
        }
    }
}

//! Options of single stages: devices and threads.

use std::collections::BTreeMap;

use wuerst_core::{Error, Result};
use wuerst_model::contract::Contract;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageOptions {
    /// Devices in order of preference. Empty: those of all stages.
    pub devices: Vec<Device>,
    /// Threads of each run. `None`: the number for all stages; 0: one per core.
    pub threads: Option<usize>,
}

impl StageOptions {
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
    let stage = Contract::named(name.trim()).ok_or_else(|| {
        let names: Vec<&str> = Contract::ALL.iter().map(|stage| stage.name()).collect();
        wrong(format!("`{}` is none of {}", name.trim(), names.join(", ")))
    })?;
    Ok((stage, rest.trim()))
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
        let prior =
            StageOptions { devices: Device::list("cuda:1{memory_limit=1G},cpu").unwrap(), threads: Some(3) };
        let vqgan = StageOptions { devices: vec![Device::Cpu], threads: None };
        assert_eq!(each, BTreeMap::from([(Contract::Prior, prior), (Contract::VqganDecoder, vqgan)]));
        for (text, part) in [("pryor=cpu", "`pryor` is none of text-encoder, prior"), ("prior", "STAGE=")] {
            let said = StageOptions::read_devices(&mut each, text).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
        let said = StageOptions::read_threads(&mut each, "prior=four").unwrap_err().to_string();
        assert!(said.contains("`four` of `prior`"), "{said}");
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

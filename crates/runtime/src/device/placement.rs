//! Placement of a model: its device, and the reasons against preferred ones.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::name::Device;
use super::operators::Operators;

/// Placement of a model: its device, and the reasons against preferred ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The model's file.
    pub model: PathBuf,
    /// Device that runs the model.
    pub device: Device,
    /// Number of threads on the CPU.
    pub threads: usize,
    /// Memory use in bytes.
    pub bytes: u64,
    /// Number of operators of each type on each execution provider; operators that the device lacks run on the CPU.
    /// Providers have the names of devices without numbers. Counted before operators are fused, except for a model from
    /// the cache folder. The device's own are empty if ONNX Runtime would omit some of them.
    pub operators: Operators,
    /// Devices tried before, with the reason of each refusal.
    pub refused: Vec<(Device, String)>,
}

/// `prior.onnx: cuda:0, 412 operators; on cpu 3 operators (Gather, 2 Shape)`: lists the operators outside the main provider.
impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.device.provider();
        let name = self.model.file_name().unwrap_or(self.model.as_os_str());
        write!(f, "{}: {}", name.display(), self.device)?;
        let mut shares: Vec<(usize, &String)> =
            self.operators.iter().map(|(provider, operators)| (operators.values().sum(), provider)).collect();
        // None are listed if the report would omit some of them.
        let uncounted = self.operators.get(&own).is_some_and(BTreeMap::is_empty);
        if uncounted {
            shares.retain(|(_, provider)| *provider != &own);
            write!(f, ", all operators that are on no other device")?;
        }
        shares.sort_by(|a, b| b.cmp(a));
        for (index, (count, provider)) in shares.into_iter().enumerate() {
            match index {
                0 if uncounted => write!(f, "; on {provider} ")?,
                0 if *provider == own => write!(f, ", ")?,
                0 => write!(f, ", on {provider} ")?,
                _ => write!(f, "; on {provider} ")?,
            }
            write!(f, "{count} {}", if count == 1 { "operator" } else { "operators" })?;
            if index > 0 || uncounted {
                let types = self.operators[provider].iter();
                let types = types
                    .map(|(name, count)| if *count == 1 { name.clone() } else { format!("{count} {name}") });
                write!(f, " ({})", types.collect::<Vec<_>>().join(", "))?;
            }
        }
        for (device, why) in &self.refused {
            write!(f, "; {device} refused: {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_lists_other_providers() {
        let types = |pairs: &[(&str, usize)]| -> BTreeMap<String, usize> {
            pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let operators = BTreeMap::from([
            ("cpu".to_owned(), types(&[("Shape", 2), ("Gather", 1)])),
            ("cuda".to_owned(), types(&[("MatMul", 5)])),
        ]);
        let refused = vec![("openvino:CPU".parse().unwrap(), "is not there".to_owned())];
        let device = "cuda:0".parse().unwrap();
        let placement =
            Placement { model: "m/prior.onnx".into(), device, threads: 1, bytes: 0, operators, refused };
        let text = "prior.onnx: cuda:0, 5 operators; on cpu 3 operators (Gather, 2 Shape); \
                    openvino:CPU refused: is not there";
        assert_eq!(placement.to_string(), text);
        let operators =
            BTreeMap::from([("cpu".to_owned(), types(&[("Shape", 2)])), ("webgpu".to_owned(), types(&[]))]);
        let device = "ep:WebGPU".parse().unwrap();
        let placement = Placement { device, operators, refused: vec![], ..placement };
        let text =
            "prior.onnx: ep:WebGPU, all operators that are on no other device; on cpu 2 operators (2 Shape)";
        assert_eq!(placement.to_string(), text);
    }
}

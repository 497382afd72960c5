//! Reports of an engine's contents: ONNX Runtime, models with their devices, remembered results.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use wuerst_stages::Placement;

/// A snapshot of an engine's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineReport {
    /// Path of ONNX Runtime's library, once loaded.
    pub runtime: Option<PathBuf>,
    /// Loaded models with their devices, the longest unused first.
    pub models: Vec<Placement>,
    /// The size of the remembered results, in bytes.
    pub remembered_bytes: usize,
}

impl EngineReport {
    /// The report as JSON; all languages use this form:
    ///
    /// ```json
    /// { "runtime": "/usr/lib/libonnxruntime.so.1.28.0",
    ///   "remembered_bytes": 2360,
    ///   "models": [ { "model": "models/icons/prior.onnx", "device": "cpu", "threads": 2, "bytes": 20481222,
    ///                 "operators": { "cpu": { "Add": 40, "com.microsoft:Gelu": 12 } },
    ///                 "refused": [ { "device": "cuda:0", "why": "…" } ] } ] }
    /// ```
    ///
    /// `runtime` is null before ONNX Runtime is loaded. Later versions may add fields.
    pub fn to_json(&self) -> Json {
        let model = |placement: &Placement| {
            let refused: Vec<Json> = placement
                .refused
                .iter()
                .map(|(device, why)| json!({ "device": device.to_string(), "why": why }))
                .collect();
            json!({
                "model": placement.model,
                "device": placement.device.to_string(),
                "threads": placement.threads,
                "bytes": placement.bytes,
                "operators": placement.operators,
                "refused": refused,
            })
        };
        let models: Vec<Json> = self.models.iter().map(model).collect();
        json!({ "runtime": self.runtime, "remembered_bytes": self.remembered_bytes, "models": models })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wuerst_stages::Device;

    use super::*;

    #[test]
    fn json_has_documented_fields() {
        let refused = vec![("cuda:0".parse().unwrap(), "not there".to_owned())];
        let model = "prior.onnx".into();
        let operators = BTreeMap::from([("cpu".to_owned(), BTreeMap::from([("Add".to_owned(), 3)]))]);
        let placement = Placement { model, device: Device::Cpu, threads: 2, bytes: 7, operators, refused };
        let report = EngineReport { runtime: None, models: vec![placement], remembered_bytes: 5 };
        let expected = json!({ "runtime": null, "remembered_bytes": 5, "models": [{
            "model": "prior.onnx", "device": "cpu", "threads": 2, "bytes": 7, "operators": { "cpu": { "Add": 3 } },
            "refused": [{ "device": "cuda:0", "why": "not there" }] }] });
        assert_eq!(report.to_json(), expected);
    }
}

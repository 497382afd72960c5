//! Merges LoRAs into stages before they are written.

use super::ImportError;
use crate::lora::{Adapters, Lora, LoraOption};
use crate::record::NetworkGraph;

/// Key of a model's metadata that names the LoRAs in its weights.
const KEY: &str = "lora";

/// A stage that LoRAs may change.
pub struct MergeStage<'a> {
    pub name: &'a str,
    /// Name of its contract.
    pub contract: &'static str,
    pub graph: &'a NetworkGraph,
    pub adapters: &'a mut Adapters,
}

/// Adds LoRAs to the stages that they name: by name, or by contract if only one stage has it. Returns remarks, such as on
/// parts of a file for another stage.
pub fn merge(loras: &[LoraOption], stages: &mut [MergeStage<'_>]) -> Result<Vec<String>, ImportError> {
    let (mut remarks, mut problems) = (vec![], vec![]);
    for lora in loras {
        match one(lora, stages) {
            Ok(remark) => remarks.extend(remark),
            Err(message) => problems.push(message),
        }
    }
    if problems.is_empty() { Ok(remarks) } else { Err(ImportError::Problems(problems)) }
}

fn one(lora: &LoraOption, stages: &mut [MergeStage<'_>]) -> Result<Option<String>, String> {
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    let wanted = lora.stage.as_str();
    let by_contract: Vec<usize> = (0..stages.len()).filter(|at| stages[*at].contract == wanted).collect();
    let at = match (names.iter().position(|name| *name == wanted), &by_contract[..]) {
        (Some(at), _) => at,
        (None, [at]) => *at,
        _ => {
            return Err(format!(
                "there is no single stage `{wanted}` to merge a LoRA into: {}",
                names.join(", ")
            ));
        }
    };
    let stage = &mut stages[at];
    let file = Lora::open(&lora.file).map_err(|e| e.to_string())?;
    let params = stage.graph.params.iter().map(|param| (&param.name[..], &param.shape[..]));
    let placed = stage.adapters.add(&file, lora.strength, stage.name, params).map_err(|e| e.to_string())?;
    Ok(placed.remark(&lora.file, stage.name))
}

/// The metadata of a model with the LoRAs in its weights.
pub fn with_loras(mut metadata: Vec<(String, String)>, adapters: &Adapters) -> Vec<(String, String)> {
    if adapters.is_empty() {
        return metadata;
    }
    let labels = adapters.labels().join(", ");
    match metadata.iter_mut().find(|(key, _)| key == KEY) {
        Some((_, before)) => *before = format!("{before}, {labels}"),
        None => metadata.push((KEY.to_owned(), labels)),
    }
    metadata
}

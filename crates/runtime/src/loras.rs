//! LoRAs that are merged into a model's weights while it is loaded.

use std::io::Read;
use std::sync::Arc;

use half::f16;
use ort::value::DynValue;
use wuerst_core::regular::{self, Links};
use wuerst_core::{CancellationToken, Ctx, Digest, Error, File, Hasher, Lora, Model, Result, memory};
use wuerst_model::contract::Contract;
use wuerst_model::lora::{self, Adapters};
use wuerst_model::onnx::{self, MergedTensor, Operators, Patched, Stored};

use crate::model_header::ModelHeader;
use crate::per_stage::StageLora;

/// A model with merged weights.
pub(crate) struct Merged {
    pub(crate) model: Vec<u8>,
    /// Weights to take in place of external data, by name.
    pub(crate) outside: Vec<(String, Arc<DynValue>)>,
}

/// The file of an engine's option in its present state on disk.
pub(crate) fn opened(lora: &StageLora) -> Result<Lora> {
    let name = lora.file.file_name().unwrap_or_default().to_string_lossy();
    Ok(Lora { file: File::open(&name, &lora.file)?, strength: lora.strength })
}

/// Identity of a model with these LoRAs.
pub(crate) fn identity(model: Digest, loras: &[Lora], cancel: &CancellationToken) -> Result<Digest> {
    Ok(match Lora::identify_all(loras, cancel)? {
        Some(loras) => Hasher::new("merged").digest(model).digest(loras).finish(),
        None => model,
    })
}

/// The model with the changed weights merged; `None` if nothing changes, as at strength 0.
pub(crate) fn merged(
    ctx: &mut Ctx<'_>,
    (model, header): (&Model, &ModelHeader),
    contract: Contract,
    loras: &[Lora],
) -> Result<Option<Merged>> {
    if loras.is_empty() {
        return Ok(None);
    }
    let failed = |source: lora::BoxError| Error::Model { path: model.path().to_owned(), source };
    if header.operators() == Operators::Int8 {
        let file = loras[0].file.name();
        let message = format!(
            "multiplies in int8, which takes no LoRA: merge it into the model that this one was made of, with `wuerst convert \
             FOLDER --out NEW --quantize int8 --lora '{contract}={file}'`"
        );
        return Err(failed(message.into()));
    }
    if model.memory().is_some() {
        let message =
            "lies in memory, where it takes no LoRA: merge it into the file, with `wuerst convert --lora`";
        return Err(failed(message.into()));
    }
    let stored = Stored::open(model.path()).map_err(|e| failed(e.into()))?;
    let parameters: Vec<(&str, Vec<usize>)> = stored.parameters().collect();
    let mut adapters = Adapters::default();
    for lora in loras {
        // Factors are read as f32, twice the size of a file in f16, next to the file.
        memory::check(usize::try_from(lora.file.size()).unwrap_or(usize::MAX).saturating_mul(4))?;
        let file = lora::Lora::open(lora.file.path()).map_err(|e| failed(e.into()))?;
        let parameters = parameters.iter().map(|(name, shape)| (*name, &shape[..]));
        let name = model.path().file_name().unwrap_or_default().to_string_lossy();
        let placed = adapters.add(&file, lora.strength, &name, parameters).map_err(|error| {
            if !header.computes_in_f16() {
                return failed(error.into());
            }
            let message = format!(
                "{error} (a model that computes in f16 holds some weights as products only: merge with `wuerst import \
                 --compute f16 --lora`)"
            );
            failed(message.into())
        })?;
        if let Some(remark) = placed.remark(lora.file.path(), &name) {
            ctx.warn_once(&remark);
        }
    }
    if adapters.is_empty() {
        return Ok(None);
    }
    let mut bytes = vec![];
    let read = regular::open(model.path(), Links::Followed).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|e| failed(e.into()))?;
    let Patched { model, outside } = onnx::patched(&bytes, &stored, &adapters).map_err(failed)?;
    let outside = outside.into_iter().map(value).collect::<ort::Result<_>>();
    Ok(Some(Merged { model, outside: outside.map_err(|e| failed(e.message().to_owned().into()))? }))
}

/// A weight as ONNX Runtime takes it.
fn value(tensor: MergedTensor) -> ort::Result<(String, Arc<DynValue>)> {
    let MergedTensor { name, shape, data, half } = tensor;
    let value = if half {
        let data: Vec<f16> = data.into_iter().map(f16::from_f32).collect();
        ort::value::Tensor::from_array((shape, data))?.into_dyn()
    } else {
        ort::value::Tensor::from_array((shape, data))?.into_dyn()
    };
    Ok((name, Arc::new(value)))
}

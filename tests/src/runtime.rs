//! Models under test, in ONNX Runtime.

use std::env;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use half::f16;
use ndarray::ArrayD;
use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynTensor, Tensor, TensorElementType, ValueType};
use wuerst_model::time;

/// A tensor to feed or one that came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Floating point.
    F32(ArrayD<f32>),
    /// What crosses between the parts of a model that computes in f16.
    F16(ArrayD<f16>),
    /// Ids and masks.
    I64(ArrayD<i64>),
}

impl From<ArrayD<f32>> for Array {
    fn from(array: ArrayD<f32>) -> Array {
        Array::F32(array)
    }
}

impl From<ArrayD<i64>> for Array {
    fn from(array: ArrayD<i64>) -> Array {
        Array::I64(array)
    }
}

impl Array {
    /// The elements, which must be f32.
    pub fn f32(self) -> Result<ArrayD<f32>> {
        match self {
            Array::F32(array) => Ok(array),
            other => bail!("f32 wanted, {other:?} given"),
        }
    }

    /// The elements, which must be i64.
    pub fn i64(self) -> Result<ArrayD<i64>> {
        match self {
            Array::I64(array) => Ok(array),
            other => bail!("i64 wanted, {other:?} given"),
        }
    }

    fn tensor(&self) -> Result<DynTensor> {
        Ok(match self {
            Array::F32(array) => Tensor::from_array(array.clone())?.upcast(),
            Array::F16(array) => Tensor::from_array(array.clone())?.upcast(),
            Array::I64(array) => Tensor::from_array(array.clone())?.upcast(),
        })
    }
}

/// A loaded model.
pub struct Model(pub Session);

impl Model {
    /// Loads a model whose weights are inside.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        Ok(Model(builder()?.commit_from_memory(bytes)?))
    }

    /// Loads a model whose weights are inside, to run its operators one by one as they are.
    pub fn unoptimised(bytes: &[u8]) -> Result<Model> {
        let builder = builder()?.with_optimization_level(GraphOptimizationLevel::Disable);
        Ok(Model(builder.map_err(|e| anyhow!("{e}"))?.commit_from_memory(bytes)?))
    }

    /// Loads a model and the data file beside it.
    pub fn from_file(path: &Path) -> Result<Model> {
        Ok(Model(builder()?.commit_from_file(path)?))
    }

    /// The input `time_embedding` for times `[b]`.
    pub fn embedded(&self, times: &ArrayD<f32>) -> Result<Array> {
        let input = self.0.inputs().iter().find(|input| input.name() == "time_embedding");
        let ValueType::Tensor { shape, .. } = input.context("takes no `time_embedding`")?.dtype() else {
            bail!("`time_embedding` is not a tensor")
        };
        let features = usize::try_from(shape[1])?;
        let rows = time::embedding(&times.iter().copied().collect::<Vec<_>>(), features, 1);
        Ok(ArrayD::from_shape_vec(vec![times.len(), features], rows)?.into())
    }

    /// Runs it once; results in the model's order.
    pub fn run(&mut self, feeds: &[(&str, Array)]) -> Result<Vec<Array>> {
        let feeds = feeds
            .iter()
            .map(|(name, array)| Ok((*name, SessionInputValue::from(array.tensor()?))))
            .collect::<Result<Vec<_>>>()?;
        let outputs = self.0.run(feeds)?;
        let array = |value: &ort::value::DynValue| -> Result<Array> {
            match value.dtype() {
                ValueType::Tensor { ty: TensorElementType::Int64, .. } => {
                    Ok(value.try_extract_array::<i64>()?.into_owned().into())
                }
                ValueType::Tensor { ty: TensorElementType::Float16, .. } => {
                    Ok(Array::F16(value.try_extract_array::<f16>()?.into_owned()))
                }
                _ => Ok(value.try_extract_array::<f32>()?.into_owned().into()),
            }
        };
        outputs.values().map(|value| array(&value)).collect()
    }
}

/// One thread, so that tests that run side by side do not fight over cores.
fn builder() -> Result<SessionBuilder> {
    let builder = Session::builder(environment()?)?;
    builder.with_intra_threads(1).map_err(|e| anyhow!("{e}"))
}

fn environment() -> Result<&'static Environment> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    let load = || -> Result<Environment> {
        let path = env::var("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH names no ONNX Runtime library")?;
        Ok(ort::init_from(path)?.with_telemetry(false).build()?)
    };
    ENVIRONMENT.get_or_init(|| load().map_err(|e| format!("{e:#}"))).as_ref().map_err(|e| anyhow!("{e}"))
}

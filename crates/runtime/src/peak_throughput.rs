//! Peak speed of the machine for large matrix products, as a reference for models.

use std::sync::Arc;
use std::time::Duration;

use wuerst_core::{CancellationToken, Ctx, Error, Model, Result, Tensor};
use wuerst_model::onnx::{self, Weight};
use wuerst_model::record::{Axis, DType, Init, NetworkGraph, Op};

use crate::device::{Device, Request};
use crate::model::LoadedModel;
use crate::model::load::LoadRequest;
use crate::model_cache::ModelCache;
use crate::model_header::ModelHeader;
use crate::options::threads;

/// Rows, inner extent and columns: a square product, and the two of a residual block in the published prior.
const PRODUCTS: [[usize; 3]; 3] = [[1024, 1024, 1024], [1152, 1536, 6144], [1152, 6144, 1536]];

/// The fastest of the measured matrix products.
#[derive(Debug, Clone, PartialEq)]
pub struct PeakThroughput {
    /// Multiply-accumulate operations (MACs) per second.
    pub macs_per_second: f64,
    /// Rows, inner extent and columns.
    pub product: [usize; 3],
    /// Device that ran it.
    pub device: Device,
}

/// Measures f32 matrix products with a constant right-hand side in ONNX Runtime, on the engine's first device and with
/// its threads, `runs` times each.
///
/// # Errors
/// Errors of loading a model, and of writing a temporary file.
pub fn peak_throughput(models: &ModelCache, runs: usize) -> Result<PeakThroughput> {
    let mut best: Option<PeakThroughput> = None;
    for product in PRODUCTS {
        let (time, device) = fastest(models, product, runs)?;
        let macs = product.iter().product::<usize>() as f64;
        let macs_per_second = macs / time.as_secs_f64().max(1e-9);
        if best.as_ref().is_none_or(|best| best.macs_per_second < macs_per_second) {
            best = Some(PeakThroughput { macs_per_second, product, device });
        }
    }
    best.ok_or_else(|| Error::Internal("no matrix product was measured".into()))
}

/// The least time of several runs, and the device.
fn fastest(
    models: &ModelCache,
    [rows, inner, columns]: [usize; 3],
    runs: usize,
) -> Result<(Duration, Device)> {
    let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
    let path = folder.path().join("product.onnx");
    write(&path, [rows, inner, columns])?;
    let model = Model::open("product", &path)?;
    let header = ModelHeader::read(&path).map_err(|e| failed(&e))?;
    let options = models.options();
    let devices = if options.devices.is_empty() { &[Device::Cpu][..] } else { &options.devices };
    let request = Request {
        runtime: models.start()?,
        model: model.digest(),
        threads: threads(options.threads),
        merged: false,
    };
    let (strict, log) = (options.strict, options.log.clone());
    let load = LoadRequest {
        memory: None,
        path: &path,
        request,
        devices,
        domains: &[],
        strict,
        prepared: None,
        warn: &|_| {},
        stepwise: &[],
        log,
        merged: None,
        plain: None,
    };
    let cancel = CancellationToken::new();
    let loaded = LoadedModel::load(Arc::new(header), &load, &cancel)?;
    let left = Tensor::from_vec(&[rows, inner], values(rows * inner))?;
    let mut least = Duration::MAX;
    // The first run warms up.
    for _ in 0..=runs {
        let mut observer = ();
        let ctx = Ctx::new("product", &cancel, &mut observer);
        loaded.run(&ctx, &[("x", &left)], "y")?;
        least = least.min(ctx.usage().inference);
    }
    Ok((least, loaded.placement().device))
}

fn write(path: &std::path::Path, [rows, inner, columns]: [usize; 3]) -> Result<()> {
    let mut g = NetworkGraph::new();
    let x = g.input("x", DType::F32, &[Axis::fixed(rows), Axis::fixed(inner)]);
    let w = g.param("w", &[columns, inner], Init::Constant(0.));
    let y = g.push(Op::Linear, &[x, w]);
    g.output("y", y);
    let graph = g.finish().map_err(|e| failed(&e))?;
    let weights = |_: &str| Ok(Weight { shape: vec![columns, inner], data: values(columns * inner) });
    onnx::write(path, &graph, &weights, &onnx::ExportOptions::default()).map_err(|e| failed(&e))
}

/// Numbers between -1 and 1, all different and without denormals.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.).collect()
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::Internal(format!("the matrix product cannot be measured: {error}"))
}

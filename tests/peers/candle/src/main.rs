//! candle's networks as a process that waits for requests, for `wuerst bench --against candle`.
//!
//! `candle-peer PRIOR DECODER` reads the folders of diffusers. Requests come as a line of JSON each, and each gets one for an
//! answer: `{"network": "prior", "inputs": {"latents": FILE, "timestep": FILE, "text": FILE}, "output": FILE}` or
//! `{"network": "vqgan", "inputs": {"latents": FILE}, "output": FILE}`, with `.npy` files, gives `{"milliseconds": TIME}`
//! of the evaluation. candle's decoder has the published sizes only, so it is not here. `RAYON_NUM_THREADS` says how many
//! threads it takes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::wuerstchen::paella_vq::PaellaVQ;
use candle_transformers::models::wuerstchen::prior::WPrior;
use serde::Deserialize;

#[derive(Deserialize)]
struct Sizes {
    c_in: usize,
    c: usize,
    c_cond: usize,
    c_r: usize,
    depth: usize,
    nhead: usize,
}

#[derive(Deserialize)]
struct Request {
    network: String,
    inputs: BTreeMap<String, PathBuf>,
    output: PathBuf,
}

impl Request {
    fn input(&self, name: &str) -> Result<Tensor> {
        let path = self.inputs.get(name).with_context(|| format!("no input {name}"))?;
        Ok(Tensor::read_npy(path)?)
    }
}

fn weights(folder: &Path) -> Result<VarBuilder<'static>> {
    let file = folder.join("diffusion_pytorch_model.safetensors");
    let tensors = candle_core::safetensors::load(&file, &Device::Cpu).with_context(|| file.display().to_string())?;
    Ok(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}

fn answer(line: &serde_json::Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn main() -> Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [prior, decoder] = &folders[..] else { bail!("candle-peer PRIOR DECODER") };
    let prior = prior.join("prior");
    let sizes: Sizes = serde_json::from_reader(File::open(prior.join("config.json"))?)?;
    let Sizes { c_in, c, c_cond, c_r, depth, nhead } = sizes;
    let prior = WPrior::new(c_in, c, c_cond, c_r, depth, nhead, false, weights(&prior)?)?;
    let vqgan = PaellaVQ::new(weights(&decoder.join("vqgan"))?)?;
    let threads = std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "all".to_owned());
    answer(&serde_json::json!({ "ready": format!("candle 0.9.1, f32, {threads} threads, cpu") }))?;
    for line in stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let latents = request.input("latents")?;
        let begun;
        let result = match &*request.network {
            "prior" => {
                let (timestep, text) = (request.input("timestep")?, request.input("text")?);
                begun = Instant::now();
                prior.forward(&latents, &timestep, &text)?
            }
            "vqgan" => {
                begun = Instant::now();
                vqgan.decode(&latents)?
            }
            other => bail!("no network {other}"),
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        result.write_npy(&request.output)?;
        answer(&serde_json::json!({ "milliseconds": milliseconds }))?;
    }
    Ok(())
}

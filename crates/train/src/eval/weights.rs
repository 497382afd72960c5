//! The tensors that training changes, by name.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};
use wuerst_model::record::{Init, NetworkGraph, Param};

/// Master weights and running statistics, f32, by parameter name.
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
    trainable: Vec<String>,
    device: Device,
}

impl Weights {
    /// Initial weights for a network; equal seeds give equal numbers.
    pub fn init(graph: &NetworkGraph, seed: i64, device: Device) -> Weights {
        tch::manual_seed(seed);
        let mut tensors = BTreeMap::new();
        let mut trainable = vec![];
        for param in &graph.params {
            let t = start(param).to_device(device).set_requires_grad(param.trainable);
            if param.trainable {
                trainable.push(param.name.clone());
            }
            tensors.insert(param.name.clone(), t);
        }
        Weights { tensors, trainable, device }
    }

    /// Device of the tensors.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The tensor of this name, which the recording must have declared.
    pub fn at(&self, name: &str) -> Tensor {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("the network has no parameter `{name}`"))
            .shallow_clone()
    }

    /// Tensors that the optimiser updates, in a fixed order.
    pub fn trainable(&self) -> Vec<(&str, Tensor)> {
        self.trainable.iter().map(|n| (n.as_str(), self.at(n))).collect()
    }

    /// All tensors, trained and gathered, without gradients.
    pub fn all(&self) -> Vec<(String, Tensor)> {
        self.tensors.iter().map(|(n, t)| (n.clone(), t.detach())).collect()
    }

    /// Copies values from `(name, tensor)` pairs; each must match a tensor here in name and shape.
    pub fn assign<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, &'a Tensor)>) -> Result<()> {
        tch::no_grad(|| {
            for (name, value) in values {
                let Some(ours) = self.tensors.get_mut(name) else {
                    bail!("the network has no parameter `{name}`")
                };
                if ours.size() != value.size() {
                    bail!("`{name}` is {:?} in the file, {:?} in the network", value.size(), ours.size());
                }
                ours.copy_(value);
            }
            Ok(())
        })
    }

    /// Reads every tensor from a safetensors file.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let read = Tensor::read_safetensors(path).with_context(|| format!("reading {}", path.display()))?;
        let missing: Vec<_> = self.tensors.keys().filter(|n| !read.iter().any(|(m, _)| m == *n)).collect();
        if !missing.is_empty() {
            bail!("{} lacks {missing:?}", path.display());
        }
        self.assign(read.iter().map(|(n, t)| (n.as_str(), t)))
    }

    /// Loads the tensors that this network declares from a file that may contain others too.
    pub fn load_declared(&mut self, path: &Path) -> Result<()> {
        let read = Tensor::read_safetensors(path).with_context(|| format!("reading {}", path.display()))?;
        let ours: Vec<_> = read.iter().filter(|(n, _)| self.tensors.contains_key(n)).collect();
        if ours.len() < self.tensors.len() {
            bail!("{} holds {} of the network's {} tensors", path.display(), ours.len(), self.tensors.len());
        }
        self.assign(ours.into_iter().map(|(n, t)| (n.as_str(), t)))
    }

    /// A copy without gradients, the start of the exponential moving average.
    pub fn snapshot(&self) -> Weights {
        let tensors = self.tensors.iter().map(|(n, t)| (n.clone(), t.detach().copy())).collect();
        Weights { tensors, trainable: self.trainable.clone(), device: self.device }
    }

    /// A copy in another precision that trains the same tensors, such as f64 for checking gradients.
    pub fn to_kind(&self, kind: Kind) -> Weights {
        let learns = |n: &String| self.trainable.contains(n);
        let copy =
            |(n, t): (&String, &Tensor)| (n.clone(), t.detach().to_kind(kind).set_requires_grad(learns(n)));
        let tensors = self.tensors.iter().map(copy).collect();
        Weights { tensors, trainable: self.trainable.clone(), device: self.device }
    }

    /// A frozen copy on another device.
    pub fn to_device(&self, device: Device) -> Weights {
        let tensors = self.tensors.iter().map(|(n, t)| (n.clone(), t.detach().to_device(device))).collect();
        Weights { tensors, trainable: vec![], device }
    }

    /// Moves each tensor towards `other`'s by the fraction `share`.
    pub fn approach(&mut self, other: &Weights, share: f64) {
        tch::no_grad(|| {
            for (name, t) in &mut self.tensors {
                let _ = t.lerp_(&other.at(name), share);
            }
        });
    }
}

fn start(param: &Param) -> Tensor {
    let shape: Vec<i64> = param.shape.iter().map(|n| *n as i64).collect();
    let options = (Kind::Float, Device::Cpu);
    match param.init {
        Init::Constant(v) => Tensor::full(shape, f64::from(v), options),
        Init::Normal(std) => Tensor::randn(shape, options) * f64::from(std),
        Init::Uniform(bound) => (Tensor::rand(shape, options) * 2. - 1.) * f64::from(bound),
    }
}

//! Features of EfficientNet-Lite2, the basis of every measure here.
//!
//! The compressor uses EfficientNet-Lite0, so the metric and the model do not share a network.

use super::subjects::{Subject, planes};
use crate::{frozen, prepare, session::Session};
use anyhow::Result;
use std::path::Path;
use tch::Tensor;
use wuerst_model::compressor::{self, first_blocks, last_blocks};
use wuerst_model::noise::Noise;
use wuerst_model::record::{Axis, DType, Extent, NetworkGraph, Op, RecordError};

const NETWORK: compressor::Backbone = compressor::Backbone::EfficientnetLite2;

/// Side of the network's pictures; smaller ones are enlarged, both real and generated.
const SIDE: i64 = 128;

/// Batch size.
const BATCH: usize = 32;

/// Standard deviation of the noise of a grainy view, in steps of 8 bits.
pub const GRAIN: f64 = 8.;

/// How pictures are shown to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Unchanged.
    Plain,
    /// With added noise of a fixed strength, which hides fainter texture: the network classifies flat areas with a trace
    /// of noise as another picture, but not if every picture has noise. The number is the seed.
    Grainy(u64),
}

/// Features of a set of pictures.
pub struct Features {
    /// Means over the picture of the last block, `[n,352]`: for the Fréchet distance.
    pub blocks: Tensor,
    /// Means over the picture of the head, `[n,1280]`: for meaning and likeness.
    pub head: Tensor,
}

impl Features {
    /// The rows from `first` on.
    pub fn narrow(&self, first: usize, n: usize) -> Features {
        let cut = |t: &Tensor| t.narrow(0, first as i64, n as i64);
        Features { blocks: cut(&self.blocks), head: cut(&self.head) }
    }
}

/// EfficientNet-Lite2 in ONNX Runtime.
pub struct Backbone(Session);

impl Backbone {
    /// Loads the weights that `wuerst-train data` fetched into `cache`.
    ///
    /// # Errors
    /// If they are missing.
    pub fn open(cache: &Path, threads: usize) -> Result<Backbone> {
        let weights = frozen::published(&cache.join("weights/efficientnet-lite2.pth"))?;
        Ok(Backbone(Session::new(&record()?, &weights, threads)?))
    }

    /// Features of pictures, row by row.
    ///
    /// # Errors
    /// Errors of ONNX Runtime.
    pub fn features(&self, pictures: &[Subject], view: View, what: &str) -> Result<Features> {
        let bar = prepare::bar(pictures.len(), what)?;
        let (mut blocks, mut head) = (vec![], vec![]);
        let mut noise = match view {
            View::Plain => None,
            View::Grainy(seed) => Some(Noise::new(seed)),
        };
        for batch in pictures.chunks(BATCH) {
            let mut planes = planes(batch);
            if let Some(noise) = &mut noise {
                let grain = Tensor::from_slice(&noise.normal(planes.numel())).reshape(planes.size());
                planes += grain * (GRAIN / 255.);
            }
            let planes = planes.upsample_bilinear2d([SIDE, SIDE], false, None, None);
            let mut features = self.0.run(&[&planes])?.into_iter();
            blocks.extend(features.next());
            head.extend(features.next());
            bar.inc(batch.len() as u64);
        }
        prepare::finish(&bar);
        Ok(Features { blocks: Tensor::cat(&blocks, 0), head: Tensor::cat(&head, 0) })
    }
}

fn record() -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let side = Axis::fixed(SIDE as usize);
    let image = g.input("image", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3), side.clone(), side]);
    let blocks = first_blocks(&mut g, NETWORK, image, NETWORK.depth());
    let head = last_blocks(&mut g, NETWORK, blocks, NETWORK.depth());
    for (name, x) in [("blocks", blocks), ("head", head)] {
        let x = g.push(Op::ReduceMean(vec![2, 3]), &[x]);
        let x = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer]), &[x]);
        g.output(name, x);
    }
    g.finish()
}

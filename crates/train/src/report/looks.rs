//! What EfficientNet-Lite2 sees in pictures: the features that everything here is judged by.
//!
//! The compressor was made from EfficientNet-Lite0, so that judge and model differ.

use super::subjects::{Subject, planes};
use crate::{frozen, prepare, session::Session};
use anyhow::Result;
use std::path::Path;
use tch::Tensor;
use wuerst_model::compressor::{Backbone, first_blocks, last_blocks};
use wuerst_model::record::{Axis, DType, Graph, Op, RecordError};

const BACKBONE: Backbone = Backbone::EfficientnetLite2;

/// Side of the pictures that the network looks at; smaller ones are enlarged, real and drawn alike.
const SIDE: i64 = 128;

/// Pictures at once.
const BATCH: usize = 32;

/// Features of a set of pictures.
pub struct Looks {
    /// Means over the picture of the last block, `[n,352]`: for the Fréchet distance.
    pub blocks: Tensor,
    /// Means over the picture of the head, `[n,1280]`: for meaning and likeness.
    pub head: Tensor,
}

impl Looks {
    /// The rows from `first` on.
    pub fn narrow(&self, first: usize, n: usize) -> Looks {
        let cut = |t: &Tensor| t.narrow(0, first as i64, n as i64);
        Looks { blocks: cut(&self.blocks), head: cut(&self.head) }
    }
}

/// EfficientNet-Lite2 in ONNX Runtime.
pub struct Looker(Session);

impl Looker {
    /// Reads the weights that `wuerst-train data` fetched into `cache`.
    ///
    /// # Errors
    /// When they were not fetched.
    pub fn open(cache: &Path, threads: usize) -> Result<Looker> {
        let weights = frozen::published(&cache.join("weights/efficientnet-lite2.pth"))?;
        Ok(Looker(Session::new(&record()?, &weights, threads)?))
    }

    /// Features of pictures, row by row.
    ///
    /// # Errors
    /// Whatever ONNX Runtime says.
    pub fn look(&self, pictures: &[Subject], what: &str) -> Result<Looks> {
        let bar = prepare::bar(pictures.len(), what)?;
        let (mut blocks, mut head) = (vec![], vec![]);
        for batch in pictures.chunks(BATCH) {
            let planes = planes(batch).upsample_bilinear2d([SIDE, SIDE], false, None, None);
            let mut features = self.0.run(&[&planes])?.into_iter();
            blocks.extend(features.next());
            head.extend(features.next());
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        Ok(Looks { blocks: Tensor::cat(&blocks, 0), head: Tensor::cat(&head, 0) })
    }
}

fn record() -> Result<Graph, RecordError> {
    let mut g = Graph::new();
    let side = Axis::fixed(SIDE as usize);
    let image = g.input("image", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3), side.clone(), side]);
    let blocks = first_blocks(&mut g, BACKBONE, image, BACKBONE.depth());
    let head = last_blocks(&mut g, BACKBONE, blocks, BACKBONE.depth());
    for (name, x) in [("blocks", blocks), ("head", head)] {
        let x = g.push(Op::ReduceMean(vec![2, 3]), &[x]);
        let x = g.push(
            Op::Reshape(vec![wuerst_model::record::Extent::Keep, wuerst_model::record::Extent::Rest]),
            &[x],
        );
        g.output(name, x);
    }
    g.finish()
}

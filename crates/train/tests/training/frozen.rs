//! Networks that no training changes, in ONNX Runtime, against the evaluator.

use crate::tiny::{alone, close, noisy};
use anyhow::Result;
use tch::{Device, Kind, Tensor};
use wuerst_model::compressor::{self, Backbone};
use wuerst_model::contract::Sizes;
use wuerst_model::text::bert::{self, BertConfig};
use wuerst_train::eval::{Evaluator, Mode};
use wuerst_train::session::Session;

const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 64, embedding: [1, 1], length: 6 };

#[test]
fn features_and_states_are_evaluator_s() -> Result<()> {
    let _alone = alone();
    let backbone = compressor::frozen_graph(Backbone::EfficientnetLite0, 11, &SIZES)?;
    let pictures = Tensor::rand([2, 3, 64, 64], (Kind::Float, Device::Cpu));
    let small = BertConfig {
        vocab_size: 50,
        hidden_size: 16,
        intermediate_size: 32,
        num_attention_heads: 2,
        ..BertConfig::minilm()
    };
    let ids = Tensor::randint(50, [2, 6], (Kind::Int64, Device::Cpu));
    let mask = Tensor::from_slice(&[1i64, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1]).reshape([2, 6]);
    for (graph, feeds) in [(backbone, vec![pictures]), (bert::graph(&small, &SIZES)?, vec![ids, mask])] {
        let weights = noisy(&graph, 2);
        let session = Session::new(&graph, &weights.source(), 1)?;
        let got = session.run(&feeds.iter().collect::<Vec<_>>())?;
        let want = tch::no_grad(|| Evaluator::new(graph).run(&weights.0, &feeds, Mode::INFERENCE));
        close(&got[0], &want[0], 1e-4);
        assert!(session.run(&[]).is_err());
    }
    Ok(())
}

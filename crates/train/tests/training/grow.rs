//! A decoder that gets more blocks stays the function that it was.

use crate::tiny::{self, alone, close, noisy};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::vqgan::{VqganConfig, decoder_graph};
use wuerst_train::eval::{Evaluator, Mode, Weights};
use wuerst_train::grow;

fn sizes() -> Sizes {
    Sizes { batch: 1, height: 5, width: 5, embedding: [1, 1], length: 1 }
}

#[test]
fn grown_decoder_starts_equal() {
    let _alone = alone();
    let small = VqganConfig { bottleneck_blocks: 2, ..tiny::vqgan() };
    let large = VqganConfig { bottleneck_blocks: 5, ..tiny::vqgan() };
    let graph = decoder_graph(&small, &sizes()).unwrap();
    let weights = noisy(&graph, 3).0.snapshot();
    let x = Tensor::randn([1, 4, 5, 5], (Kind::Float, Device::Cpu));
    let before = Evaluator::new(graph).run(&weights, &[x.shallow_clone()], Mode::INFERENCE).remove(0);

    let tensors: BTreeMap<String, Tensor> = weights.all().into_iter().collect();
    let grown = grow::decoder(tensors, &large, 1).unwrap();
    let graph = decoder_graph(&large, &sizes()).unwrap();
    let mut weights = Weights::init(&graph, 9, Device::Cpu);
    assert_eq!(grown.len(), weights.all().len());
    weights.assign(grown.iter().map(|(name, tensor)| (name.as_str(), tensor))).unwrap();
    let after = Evaluator::new(graph).run(&weights.snapshot(), &[x], Mode::INFERENCE).remove(0);
    close(&after, &before, 1e-6);
}

#[test]
fn decoder_does_not_lose_blocks() {
    let graph = decoder_graph(&VqganConfig { bottleneck_blocks: 3, ..tiny::vqgan() }, &sizes()).unwrap();
    let tensors: BTreeMap<String, Tensor> = Weights::init(&graph, 1, Device::Cpu).all().into_iter().collect();
    let told = grow::decoder(tensors, &tiny::vqgan(), 1).unwrap_err().to_string();
    assert!(told.contains("has 3 blocks") && told.contains("not 1"), "{told}");
}

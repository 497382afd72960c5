//! Gradients of the trained networks against finite differences, in f64.

use crate::tiny::{self, alone, close, noisy};
use anyhow::Result;
use tch::{Device, Kind, Tensor};
use wuerst_model::compressor::{self, Backbone, CompressorConfig};
use wuerst_model::contract::Sizes;
use wuerst_model::record::{Axis, DType, NetworkGraph};
use wuerst_model::{decoder, prior, vqgan};
use wuerst_train::eval::{Evaluator, Mode, Weights};

const F64: (Kind, Device) = (Kind::Double, Device::Cpu);
const MODE: Mode = Mode { training: true, kind: Kind::Double };
/// Half the width of a difference: small, so that few of thousands of rectified units change sides within it.
const STEP: f64 = 1e-7;
/// Directions that are tried until one agrees.
const DIRECTIONS: usize = 5;

fn feeds(graph: &NetworkGraph) -> Vec<Tensor> {
    let feed = |input: &wuerst_model::record::Input| {
        let size: Vec<i64> = input.axes.iter().map(|a| a.size as i64).collect();
        Tensor::rand(size, F64)
    };
    graph.inputs.iter().map(feed).collect()
}

/// Moves every learned tensor by itself along a random direction, and compares the change of a random sum of the
/// outputs with what the gradient says.
fn check(graph: NetworkGraph) {
    let weights = noisy(&graph, 4).0.to_kind(Kind::Double);
    let (feeds, network) = (feeds(&graph), Evaluator::new(graph));
    let sums: Vec<Tensor> =
        tch::no_grad(|| network.run(&weights, &feeds, MODE)).iter().map(|out| out.randn_like()).collect();
    let loss = |weights: &Weights| {
        let outs = network.run(weights, &feeds, MODE);
        outs.iter().zip(&sums).map(|(out, sum)| (out * sum).sum(Kind::Double)).reduce(|a, b| a + b).unwrap()
    };
    loss(&weights).backward();
    let total: f64 =
        weights.trainable().iter().map(|(_, w)| w.grad().square().sum(Kind::Double).double_value(&[])).sum();
    assert!(total > 0.);
    for (name, mut w) in weights.trainable() {
        // A rectified unit that changes sides within a step bends the loss, whatever the gradient says. Few directions meet
        // one; a wrong gradient agrees in none.
        let mut apart = || {
            let direction = w.randn_like().detach();
            let slope = (w.grad() * &direction).sum(Kind::Double).double_value(&[]);
            let mut at = |by: f64| {
                tch::no_grad(|| {
                    let _ = w.g_add_(&(&direction * by));
                    loss(&weights).double_value(&[])
                })
            };
            let difference = at(STEP) - at(-2. * STEP);
            at(STEP);
            let measured = difference / (2. * STEP);
            (measured - slope).abs() / (slope.abs() + 1e-3 * total.sqrt())
        };
        let tried: Vec<f64> = (0..DIRECTIONS).map(|_| apart()).take_while(|apart| *apart >= 1e-5).collect();
        assert!(tried.len() < DIRECTIONS, "{name}: measured and computed slopes are apart by {tried:?}");
    }
}

fn sizes(side: usize, cells: usize) -> Sizes {
    Sizes { batch: 2, height: side, width: side, embedding: [cells; 2], length: 3 }
}

#[test]
fn stage_a_gradients() -> Result<()> {
    let _alone = alone();
    check(vqgan::encoder_graph(&tiny::vqgan(), &sizes(8, 1))?);
    let mut g = NetworkGraph::new();
    let axes = [2, 4, 2, 2].map(Axis::fixed);
    let latents = g.input("latents", DType::F32, &axes);
    let image = vqgan::decode(&mut g, &tiny::vqgan(), latents);
    g.output("image", image);
    check(g.finish()?);
    Ok(())
}

#[test]
fn codebook_gradients_pass_straight_through() -> Result<()> {
    let _alone = alone();
    let mut g = NetworkGraph::new();
    let latents = g.input("latents", DType::F32, &[2, 4, 3, 3].map(Axis::fixed));
    let (through, entries) = vqgan::quantise(&mut g, &tiny::vqgan(), latents);
    g.output("through", through);
    g.output("entries", entries);
    let g = g.finish()?;
    let weights = noisy(&g, 4).0.to_kind(Kind::Double);
    let network = Evaluator::new(g);
    let latents = Tensor::randn([2, 4, 3, 3], F64).set_requires_grad(true);
    let (a, b) = (latents.randn_like(), latents.randn_like());
    let out = network.run(&weights, &[latents.shallow_clone()], MODE);
    close(&out[0], &out[1], 1e-12);
    (&out[0] * &a + &out[1] * &b).sum(Kind::Double).backward();
    // Through the straight-through value the latents get its gradient, through the entries the codebook does.
    close(&latents.grad(), &a, 1e-12);
    let codebook = weights.at("vquantizer.embedding.weight").grad();
    close(
        &codebook.sum_dim_intlist(0i64, false, None),
        &b.sum_dim_intlist(&[0i64, 2, 3][..], false, None),
        1e-12,
    );
    Ok(())
}

#[test]
fn stage_b_gradients() -> Result<()> {
    let _alone = alone();
    check(decoder::graph(&tiny::decoder(), &sizes(8, 2))?);
    Ok(())
}

#[test]
fn stage_c_gradients() -> Result<()> {
    let _alone = alone();
    check(prior::graph(&tiny::prior(), &sizes(2, 2))?);
    Ok(())
}

#[test]
fn compressor_tail_gradients() -> Result<()> {
    let _alone = alone();
    let backbone = Backbone::EfficientnetLite0;
    let mut g = NetworkGraph::new();
    let image = g.input("image", DType::F32, &[3, 3, 64, 64].map(Axis::fixed));
    let features = compressor::first_blocks(&mut g, backbone, image, 14);
    let shape: Vec<Axis> = g.shape(features).iter().map(|n| Axis::fixed(*n)).collect();
    let mut g = NetworkGraph::new();
    let features = g.input("features", DType::F32, &shape);
    let config = CompressorConfig { backbone, ..CompressorConfig::default() };
    let embedding = compressor::tail(&mut g, &config, features, 14);
    g.output("embedding", embedding);
    check(g.finish()?);
    Ok(())
}

//! Records a few operations, and runs them with random inputs at sizes that differ from the recorded.

use anyhow::Result;
use ndarray::ArrayD;
use wuerst_model::onnx::{self, ExportOptions};
use wuerst_model::record::{Axis, DType, Id, Init, NetworkGraph, Op};
use wuerst_tests::numbers::{Random, random_weight, random_weights};
use wuerst_tests::runtime::{Array, Model};

/// One operation under test, on f32 inputs whose extents are all free.
pub struct Case {
    graph: NetworkGraph,
    args: Vec<Id>,
    feeds: Vec<(String, ArrayD<f32>)>,
    ids: Vec<(String, ArrayD<i64>)>,
    random: Random,
}

impl Case {
    pub fn new() -> Case {
        Case { graph: NetworkGraph::new(), args: vec![], feeds: vec![], ids: vec![], random: Random::new(1) }
    }

    /// An argument that is fed: recorded at one shape, run at another. Axes where both agree are fixed.
    pub fn input(&mut self, recorded: &[usize], run: &[usize]) -> ArrayD<f32> {
        let name = format!("x{}", self.args.len());
        let value = self.random.array(run);
        let id = self.graph.input(&name, DType::F32, &axes(recorded, run));
        self.args.push(id);
        self.feeds.push((name, value.clone()));
        value
    }

    /// An i64 argument that is fed.
    pub fn ids(&mut self, recorded: &[usize], value: ArrayD<i64>) {
        let name = format!("x{}", self.args.len());
        let id = self.graph.input(&name, DType::I64, &axes(recorded, value.shape()));
        self.args.push(id);
        self.ids.push((name, value));
    }

    /// An argument that is a parameter.
    pub fn param(&mut self, name: &str, shape: &[usize]) -> ArrayD<f32> {
        self.args.push(self.graph.param(name, shape, Init::Constant(0.)));
        random_weight(name, shape)
    }

    /// The operation's result, from ONNX Runtime.
    pub fn run(mut self, op: Op) -> Result<Array> {
        let y = self.graph.push(op, &self.args);
        self.graph.output("y", y);
        let graph = self.graph.finish()?;
        let model = onnx::encode(&graph, &random_weights(&graph), &ExportOptions::default())?;
        let feeds = self.feeds.iter().map(|(name, value)| (name.as_str(), value.clone().into()));
        let ids = self.ids.iter().map(|(name, value)| (name.as_str(), value.clone().into()));
        Ok(Model::from_bytes(&model)?.run(&feeds.chain(ids).collect::<Vec<_>>())?.remove(0))
    }
}

/// Free axes carry one name for each pair of extents, so that equal extents of two inputs stay equal.
fn axes(recorded: &[usize], run: &[usize]) -> Vec<Axis> {
    recorded
        .iter()
        .zip(run)
        .map(|(a, b)| if a == b { Axis::fixed(*a) } else { Axis::named(&format!("n{a}to{b}"), *a) })
        .collect()
}

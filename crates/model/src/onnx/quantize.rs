//! Matrix products of signed 8-bit weights and 8-bit activations with 32-bit sums, the fastest multiplication of processors.
//!
//! A weight has one scale for each column of the product, and no zero point. The activations of a row (a place of a
//! picture, or a token) get a scale from that row alone, while the model runs. `DynamicQuantizeMatMul` uses one scale for
//! the whole input and takes half the time, but then the pictures of a batch affect each other, and small rows lose
//! precision next to large ones (see `crates/stages/PERFORMANCE.md`).

use super::Operators;
use super::builder::Builder;
use super::proto::{AttributeProto, elem};
use super::store::transpose;
use super::weights::{ExportError, Weight};
use crate::record::{Id, NetworkGraph, NetworkNode, Op, Param};

type Lowered = Result<String, ExportError>;

/// The metadata pair that marks a model with such products.
pub const QUANTIZED: (&str, &str) = ("wuerst.quantized", "int8");

/// An operator of ONNX Runtime: products as 32-bit sums, times the scales.
const PRODUCT: &str = "MatMulIntegerToFloat";

/// Zero point of the activations, which the operator requires to be unsigned.
const ZERO: u8 = 128;

/// Steps from zero to the largest number of a row or column, on either side.
const STEPS: f32 = 127.;

/// Prevents a division by zero for a row of zeros.
const TINY: f32 = 1e-20;

/// Below this n·m/(n+m), for n inputs and m outputs, rounding the activations costs more than int8 saves.
const WORTHWHILE: usize = 96;

/// Selects the products to compute in int8: those of a large parameter and a tensor that depends on a picture. Values
/// computed from text and time alone stay in f32: they are few, and an error in them would affect every place and step in
/// the same way.
pub fn chosen(graph: &NetworkGraph, operators: Operators) -> Vec<bool> {
    if operators != Operators::Int8 {
        return vec![false; graph.nodes.len()];
    }
    let pictured = graph.following(|input| input.axes.len() == 4);
    let large = |weight: Id| match graph.shape(weight) {
        [outputs, inputs] => {
            matrix(graph, weight).is_some() && outputs * inputs >= WORTHWHILE * (outputs + inputs)
        }
        _ => false,
    };
    let product =
        |node: &NetworkNode| node.op == Op::Linear && pictured[node.args[0].0] && large(node.args[1]);
    graph.nodes.iter().map(product).collect()
}

/// The parameter behind a weight, and the number that it may be multiplied by.
pub fn matrix(graph: &NetworkGraph, weight: Id) -> Option<(Id, Option<Id>)> {
    let node = &graph.nodes[weight.0];
    let parameter = |id: Id| matches!(graph.nodes[id.0].op, Op::Param(_));
    match node.op {
        Op::Param(_) => Some((weight, None)),
        Op::Mul => {
            let [matrix, number] = [node.args[0], node.args[1]];
            (parameter(matrix) && graph.shape(number) == [1]).then_some((matrix, Some(number)))
        }
        _ => None,
    }
}

/// A weight `[out,in]` in int8.
#[derive(Debug, PartialEq)]
pub struct Matrix {
    /// `[in,out]`, row-major, from −127 to 127.
    pub values: Vec<i8>,
    /// `[out]`: factors for the rows.
    pub scales: Vec<f32>,
}

impl Matrix {
    /// Rounds a weight `[out,in]`, ties to even.
    pub fn of(weight: &Weight) -> Matrix {
        let inner = weight.shape.last().copied().unwrap_or(1).max(1);
        let outputs = || weight.data.chunks_exact(inner);
        let most = |row: &[f32]| row.iter().fold(0f32, |most, value| most.max(value.abs()));
        let scales: Vec<f32> =
            outputs().map(most).map(|most| if most > 0. { most / STEPS } else { 1. }).collect();
        let rounded: Vec<f32> = outputs()
            .zip(&scales)
            .flat_map(|(row, scale)| row.iter().map(move |value| (value / scale).round_ties_even()))
            .collect();
        let values = transpose(&rounded, scales.len(), inner);
        Matrix { values: values.into_iter().map(|value| value as i8).collect(), scales }
    }
}

/// Bytes of a matrix in the file.
pub fn stored_bytes(param: &Param) -> u64 {
    let elements: usize = param.shape.iter().product();
    (elements + 4 * param.shape[0]) as u64
}

/// `x·Wᵀ`, without the bias.
pub fn product(b: &mut Builder<'_>, x: Id, weight: Id) -> Lowered {
    let x = b.value(x)?;
    let largest = b.once(&format!("largest of {x}"), |b| largest(b, &x))?;
    let (one, zero) = (b.scalar(1.)?, b.byte("u8", elem::UINT8, ZERO)?);
    let rows = b.once(&format!("rows of {x}"), |b| {
        let steps = b.scalar(STEPS)?;
        let factor = b.emit("Div", &[&steps, &largest], vec![]);
        let scaled = b.emit("Mul", &[&x, &factor], vec![]);
        Ok(b.emit("QuantizeLinear", &[&scaled, &one, &zero], vec![]))
    })?;
    let step = b.scalar(1. / STEPS)?;
    let (values, scales) = b.quantized(weight)?;
    // Zero, but ONNX Runtime aborts without it where it makes the weights unsigned (`session.x64quantprecision`).
    let none = b.byte("i8", elem::INT8, 0)?;
    let product = b.emit_fused(PRODUCT, &[&rows, &values, &step, &scales, &zero, &none], vec![]);
    Ok(b.emit("Mul", &[&product, &largest], vec![]))
}

/// The largest absolute value of each row: `[…,1]`.
fn largest(b: &mut Builder<'_>, x: &str) -> Lowered {
    let axis = b.ints(&[-1])?;
    let keep = || vec![AttributeProto::int("keepdims", 1)];
    let most = b.emit("ReduceMax", &[x, &axis], keep());
    let least = b.emit("ReduceMin", &[x, &axis], keep());
    let below = b.emit("Neg", &[&least], vec![]);
    let tiny = b.scalar(TINY)?;
    Ok(b.emit("Max", &[&most, &below, &tiny], vec![]))
}

impl Builder<'_> {
    /// A parameter `[out,in]` as a matrix `[in,out]` of int8, and its scales.
    fn quantized(&mut self, weight: Id) -> Result<(String, String), ExportError> {
        let (parameter, times) = matrix(self.graph, weight).unwrap_or((weight, None));
        let (values, scales) = self.rounded(parameter)?;
        let Some(times) = times else { return Ok((values, scales)) };
        let times = self.value(times)?;
        Ok((values, self.emit("Mul", &[&scales, &times], vec![])))
    }

    fn rounded(&mut self, parameter: Id) -> Result<(String, String), ExportError> {
        let Op::Param(n) = self.graph.nodes[parameter.0].op else {
            unreachable!("only parameters are chosen")
        };
        let param = &self.graph.params[n];
        let name = format!("{}.int8", param.name);
        let values = self.once(&format!("param {name}"), |b| {
            let (values, scales) = (b.fresh(&name), b.fresh(&format!("{name}.scales")));
            b.store.matrix(param, &values, &scales)?;
            // Both come from one reading of the weight.
            b.once(&format!("scales {name}"), |_| Ok(scales))?;
            Ok(values)
        })?;
        let scales = self.once(&format!("scales {name}"), |_| unreachable!("added with the values"))?;
        Ok((values, scales))
    }

    /// Whether there are products in int8.
    pub fn quantizes(&self) -> bool {
        self.nodes.iter().any(|node| node.op_type == PRODUCT)
    }

    /// A constant of int8.
    fn byte(&mut self, prefix: &str, dtype: i32, value: u8) -> Lowered {
        let name = format!("{prefix}:{value}");
        self.once(&name, |b| {
            let name = b.fresh(&name);
            b.store.add(&name, dtype, &[], vec![value])?;
            Ok(name)
        })
    }
}

//! Computes values that depend only on weights while a model is written. ONNX Runtime would compute them while loading,
//! but not in f16, for which its CPU provider has no kernels; it would then compute them in each evaluation.

use super::store::Store;
use super::weights::{ExportError, Weight};
use crate::record::{Extent, Id, NetworkGraph, Op};

/// The numbers of a value that depends on no input; `None` if it needs an operation that is not supported here.
pub fn folded(graph: &NetworkGraph, store: &Store<'_>, id: Id) -> Result<Option<Weight>, ExportError> {
    let node = &graph.nodes[id.0];
    match &node.op {
        Op::Param(n) => return store.read(&graph.params[*n]).map(Some),
        Op::Constant(n) => {
            let constant = &graph.constants[*n];
            return Ok(Some(Weight { shape: constant.shape.clone(), data: constant.data.clone() }));
        }
        _ => {}
    }
    let mut args = vec![];
    for arg in &node.args {
        match folded(graph, store, *arg)? {
            Some(value) => args.push(value),
            None => return Ok(None),
        }
    }
    Ok(match (&node.op, &args[..]) {
        (Op::Add, [a, b]) => Some(joined(a, b, &node.shape, |a, b| a + b)),
        (Op::Sub, [a, b]) => Some(joined(a, b, &node.shape, |a, b| a - b)),
        (Op::Mul, [a, b]) => Some(joined(a, b, &node.shape, |a, b| a * b)),
        (Op::Slice { axis, start, end }, [x]) => Some(slice(x, *axis, *start..*end)),
        (Op::Reshape(extents), [x]) if !extents.contains(&Extent::Infer) => {
            Some(Weight { shape: node.shape.clone(), data: x.data.clone() })
        }
        (Op::StopGradient | Op::Dropout(_), [x]) => Some(x.clone()),
        _ => None,
    })
}

/// An element-wise operation with broadcasting.
fn joined(a: &Weight, b: &Weight, shape: &[usize], apply: fn(f32, f32) -> f32) -> Weight {
    let n = shape.iter().product();
    let (a, b) = (repeated(a, shape), repeated(b, shape));
    Weight { shape: shape.to_vec(), data: (0..n).map(|at| apply(a(at), b(at))).collect() }
}

/// The element of a broadcast tensor for each place of a larger one.
fn repeated<'w>(weight: &'w Weight, shape: &[usize]) -> impl Fn(usize) -> f32 + 'w {
    // From the last axis on: the extent of the larger tensor, and the stride of the smaller one.
    let (mut axes, mut apart) = (Vec::with_capacity(shape.len()), 1);
    for (i, extent) in shape.iter().rev().enumerate() {
        let own = weight.shape.iter().rev().nth(i).copied().unwrap_or(1);
        axes.push((*extent, if own == 1 { 0 } else { apart }));
        apart *= own;
    }
    move |mut at| {
        let mut place = 0;
        for (extent, apart) in &axes {
            place += at % extent * apart;
            at /= extent;
        }
        weight.data[place]
    }
}

fn slice(x: &Weight, axis: usize, range: std::ops::Range<usize>) -> Weight {
    let inner: usize = x.shape[axis + 1..].iter().product();
    let rows = x.data.chunks_exact(x.shape[axis] * inner);
    let data = rows.flat_map(|row| row[range.start * inner..range.end * inner].iter().copied()).collect();
    let mut shape = x.shape.clone();
    shape[axis] = range.len();
    Weight { shape, data }
}

/// The product of matrices `[n,k]` and `[k,m]`, summed in f64.
pub fn product(a: &[f32], b: &[f32], [n, k, m]: [usize; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(n * m);
    for row in a.chunks_exact(k).take(n) {
        let mut sums = vec![0f64; m];
        for (x, others) in row.iter().zip(b.chunks_exact(m)) {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += f64::from(*x) * f64::from(*other));
        }
        out.extend(sums.into_iter().map(|sum| sum as f32));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{BoxError, Precision};
    use crate::record::Init;

    #[test]
    fn weights_are_sliced_added_and_multiplied() {
        let mut g = NetworkGraph::new();
        let w = g.param("w", &[2, 3], Init::Constant(0.));
        let gammas = g.param("gammas", &[4], Init::Constant(0.));
        let gamma = g.push(Op::Slice { axis: 0, start: 2, end: 3 }, &[gammas]);
        let one = g.scalar(1.);
        let more = g.push(Op::Add, &[gamma, one]);
        let scaled = g.push(Op::Mul, &[w, more]);
        let column = g.push(Op::Slice { axis: 1, start: 1, end: 3 }, &[scaled]);
        let flat = g.push(Op::Reshape(vec![Extent::Fixed(4)]), &[column]);
        let unknown = g.push(Op::Abs, &[flat]);
        let weights = |name: &str| -> Result<Weight, BoxError> {
            let shape = if name == "w" { vec![2, 3] } else { vec![4] };
            Ok(Weight { data: (0..shape.iter().product()).map(|i: usize| i as f32).collect(), shape })
        };
        let store = Store::new(&weights, Precision::F32, None);
        let value = |id| folded(&g, &store, id).unwrap();
        assert_eq!(value(scaled).unwrap().data, [0., 3., 6., 9., 12., 15.]);
        assert_eq!(value(flat).unwrap(), Weight { shape: vec![4], data: vec![3., 6., 12., 15.] });
        assert_eq!(value(unknown), None);
    }

    #[test]
    fn a_product_is_a_product() {
        let got = product(&[1., 2., 3., 4., 5., 6.], &[1., 0., 2., 1., 0., 3.], [2, 3, 2]);
        assert_eq!(got, [5., 11., 14., 23.]);
    }
}

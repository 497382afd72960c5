//! Determines which extents of a recorded network are fixed, and which follow an input's named axis.
//!
//! A recording contains only numbers. Inferring all shapes again with one named axis changed shows which extents depend
//! on it, and whether proportionally. A network whose levels may differ in size accepts sizes that do not divide evenly,
//! and is tested with those too.

use std::fmt;

use crate::record::{NetworkGraph, Op, infer};

/// An extent as a function of the inputs' named axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this extent.
    Fixed(usize),
    /// `times / over` of a named axis, or of the product of several.
    Axis {
        /// Name of the axis; `h*w` of two.
        name: String,
        /// Multiplier.
        times: usize,
        /// Divisor.
        over: usize,
    },
    /// Depends on the inputs in another way.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(n) => write!(f, "{n}"),
            Dim::Axis { name, times: 1, over: 1 } => write!(f, "{name}"),
            Dim::Axis { name, times, over: 1 } => write!(f, "{times}*{name}"),
            Dim::Axis { name, times: 1, over } => write!(f, "{name}/{over}"),
            Dim::Axis { name, times, over } => write!(f, "{times}*{name}/{over}"),
            Dim::Unknown => write!(f, "?"),
        }
    }
}

/// A named axis with its recorded size, and tests at other sizes.
struct Probed<'a> {
    name: &'a str,
    size: usize,
    probes: Vec<Probe>,
}

/// Another size of an axis, and all shapes at that size.
struct Probe {
    size: usize,
    shapes: Vec<Vec<usize>>,
}

/// The extents of every value of the graph.
pub fn dims(graph: &NetworkGraph) -> Vec<Vec<Dim>> {
    let mut named: Vec<(&str, usize)> = vec![];
    for axis in graph.inputs.iter().flat_map(|input| &input.axes) {
        if let Some(name) = axis.name.as_deref().filter(|name| named.iter().all(|(seen, _)| seen != name)) {
            named.push((name, axis.size));
        }
    }
    let uneven = graph.nodes.iter().any(|node| node.op == Op::LinearResize);
    let probed = |(name, size)| Some(Probed { name, size, probes: probes(graph, name, size, uneven)? });
    let named: Option<Vec<Probed<'_>>> = named.into_iter().map(probed).collect();
    let of = |at: usize, axis: usize, extent: usize| match &named {
        Some(named) => dim(named, at, axis, extent),
        None => Dim::Unknown,
    };
    let node_dims = |at: usize| match &graph.nodes[at].op {
        Op::Input(n) => graph.inputs[*n].axes.iter().map(input_dim).collect(),
        _ => graph.nodes[at].shape.iter().enumerate().map(|(axis, extent)| of(at, axis, *extent)).collect(),
    };
    (0..graph.nodes.len()).map(node_dims).collect()
}

fn input_dim(axis: &crate::record::Axis) -> Dim {
    match &axis.name {
        Some(name) => Dim::Axis { name: name.clone(), times: 1, over: 1 },
        None => Dim::Fixed(axis.size),
    }
}

fn dim(named: &[Probed<'_>], at: usize, axis: usize, extent: usize) -> Dim {
    let moves = |named: &&Probed<'_>| named.probes.iter().any(|probe| probe.shapes[at][axis] != extent);
    let moved: Vec<&Probed<'_>> = named.iter().filter(moves).collect();
    if moved.is_empty() {
        return Dim::Fixed(extent);
    }
    // If an axis changes it at one size, all sizes count.
    let proportional = |named: &Probed<'_>| {
        named.probes.iter().all(|probe| probe.shapes[at][axis] * named.size == extent * probe.size)
    };
    if !moved.iter().all(|named| proportional(named)) {
        return Dim::Unknown;
    }
    let names: Vec<&str> = moved.iter().map(|named| named.name).collect();
    let size = moved.iter().map(|named| named.size).product();
    let common = gcd(extent, size);
    Dim::Axis { name: names.join("*"), times: extent / common, over: size / common }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sizes next to the recorded one that are tested too if levels may differ: enough to be odd after several halvings.
const NEAR: std::ops::RangeInclusive<usize> = 1..=16;

/// Infers all shapes at the first other size that the network accepts, and at sizes near the recorded one if `uneven`.
fn probes(graph: &NetworkGraph, name: &str, size: usize, uneven: bool) -> Option<Vec<Probe>> {
    let probe = |size: usize| Some(Probe { size, shapes: shapes_at(graph, name, size)? });
    let others = [2 * size, 3 * size, size / 2, size.saturating_sub(1), 1];
    let first = others.into_iter().filter(|other| *other != size && *other > 0).find_map(probe)?;
    let near = NEAR.filter(|_| uneven).filter_map(|more| probe(size + more));
    Some([first].into_iter().chain(near).collect())
}

fn shapes_at(graph: &NetworkGraph, name: &str, size: usize) -> Option<Vec<Vec<usize>>> {
    let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let shape = match &node.op {
            Op::Input(n) => {
                let extent = |axis: &crate::record::Axis| {
                    if axis.name.as_deref() == Some(name) { size } else { axis.size }
                };
                graph.inputs[*n].axes.iter().map(extent).collect()
            }
            Op::Param(_) | Op::Constant(_) => node.shape.clone(),
            op => {
                let args: Vec<&[usize]> = node.args.iter().map(|id| shapes[id.0].as_slice()).collect();
                infer(op, &args).ok()?
            }
        };
        shapes.push(shape);
    }
    Some(shapes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Axis, DType, Extent, Init};

    #[test]
    fn extents_follow_named_axes() {
        let mut g = NetworkGraph::new();
        // h and a fixed extent are both 4 here, and must not be confused.
        let x = g.input(
            "x",
            DType::F32,
            &[Axis::named("b", 1), Axis::fixed(4), Axis::named("h", 4), Axis::named("w", 6)],
        );
        let w = g.param("w", &[8, 4, 2, 2], Init::Constant(0.));
        let half = g.push(Op::Conv { stride: 2, pads: [0; 4], groups: 1 }, &[x, w]);
        let tokens = g.push(Op::ImageToTokens, &[half]);
        let flat = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer]), &[x]);
        let dims = dims(&g);
        let text = |id: crate::record::Id| dims[id.0].iter().map(Dim::to_string).collect::<Vec<_>>();
        assert_eq!(text(half), ["b", "8", "h/2", "w/2"]);
        assert_eq!(text(tokens), ["b", "h*w/4", "8"]);
        assert_eq!(text(flat), ["b", "4*h*w"]);
    }

    #[test]
    fn axis_at_limit_is_probed_below() {
        let mut g = NetworkGraph::new();
        let x = g.input("x", DType::F32, &[Axis::named("b", 1), Axis::named("l", 77), Axis::fixed(8)]);
        let table = g.param("table", &[77, 8], Init::Constant(0.));
        let rows = g.push(Op::Prefix, &[table, x]);
        let y = g.push(Op::Add, &[x, rows]);
        let dims = dims(&g);
        assert_eq!(dims[rows.0][0].to_string(), "l");
        assert_eq!(dims[y.0][1].to_string(), "l");
    }
}

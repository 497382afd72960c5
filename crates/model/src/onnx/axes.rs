//! Which extents of a recorded network are fixed, and which follow an input's named axis.
//!
//! A recording holds numbers only. Inferring all shapes again with one named axis changed tells which extents depend
//! on it, and whether in proportion.

use std::fmt;

use crate::record::{NetworkGraph, Op, infer};

/// An extent as a function of the inputs' named axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this many.
    Fixed(usize),
    /// `times / over` of a named axis, or of the product of several.
    Axis {
        /// Name of the axis; `h*w` of two.
        name: String,
        /// Multiplied by this.
        times: usize,
        /// Divided by this.
        over: usize,
    },
    /// Depends on the inputs in some other way.
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

/// A named axis, its recorded size, another size, and all shapes at that other size.
struct Probe {
    name: String,
    size: usize,
    other: usize,
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
    let probes: Option<Vec<Probe>> = named.iter().map(|(name, size)| probe(graph, name, *size)).collect();
    let of = |at: usize, axis: usize, extent: usize| match &probes {
        Some(probes) => dim(probes, at, axis, extent),
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

fn dim(probes: &[Probe], at: usize, axis: usize, extent: usize) -> Dim {
    let moved: Vec<&Probe> = probes.iter().filter(|probe| probe.shapes[at][axis] != extent).collect();
    if moved.is_empty() {
        return Dim::Fixed(extent);
    }
    if moved.iter().any(|p| p.shapes[at][axis] * p.size != extent * p.other) {
        return Dim::Unknown;
    }
    let names: Vec<&str> = moved.iter().map(|p| p.name.as_str()).collect();
    let size = moved.iter().map(|p| p.size).product();
    let common = gcd(extent, size);
    Dim::Axis { name: names.join("*"), times: extent / common, over: size / common }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Infers all shapes at the first other size that the network accepts.
fn probe(graph: &NetworkGraph, name: &str, size: usize) -> Option<Probe> {
    let others = [2 * size, 3 * size, size / 2, size.saturating_sub(1), 1];
    others.into_iter().filter(|other| *other != size && *other > 0).find_map(|other| {
        let shapes = shapes_at(graph, name, other)?;
        Some(Probe { name: name.into(), size, other, shapes })
    })
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
    fn extents_follow_the_named_axes() {
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
    fn an_axis_at_its_limit_is_probed_below_it() {
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

//! Fuses sums with a following layer norm into one operator of ONNX Runtime.
//!
//! `SkipLayerNormalization` computes a + b + bias and its norm, in one pass. Its norm alone takes a quarter of the time
//! of `LayerNormalization`, which sums sequentially. It computes the variance as E[x²] − E[x]², which loses digits only if the
//! mean of a row is many deviations: measured on rows with outliers as CLIP's the error is 5e-6, with a mean of one deviation
//! 2e-6, of ten 1e-4. No network here has such rows, so every norm of tokens uses it.

use std::collections::{HashMap, HashSet};

use super::super::builder::Builder;
use super::super::proto::AttributeProto;
use super::super::weights::ExportError;
use crate::record::{Id, NetworkGraph, NetworkNode, Op};

/// Sums to be computed together with the layer norm after them; the default is none.
#[derive(Debug, Default)]
pub struct Residuals {
    used: bool,
    /// Sums whose first reader is a norm, by the norm.
    sums: HashMap<Id, Id>,
    /// The sums themselves.
    waiting: HashSet<Id>,
    /// Linear layers whose bias is added with the sum.
    unbiased: HashSet<Id>,
}

impl Residuals {
    /// Finds such sums among the values that are computed. `alike` tells whether two values have equal extents.
    pub fn find(graph: &NetworkGraph, live: &[bool], alike: impl Fn(Id, Id) -> bool) -> Residuals {
        let mut readers: Vec<Vec<Id>> = vec![vec![]; graph.nodes.len()];
        for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| live[*at]) {
            node.args.iter().for_each(|arg| readers[arg.0].push(Id(at)));
        }
        let mut found = Residuals { used: true, ..Residuals::default() };
        for (at, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.op == Op::Add) {
            let alike = node.args.iter().all(|arg| alike(*arg, Id(at)));
            let Some(first) = readers[at].first().filter(|_| alike) else { continue };
            if fits(&graph.nodes[first.0]) && graph.nodes[first.0].args[0] == Id(at) {
                found.sums.insert(*first, Id(at));
                found.waiting.insert(Id(at));
                found.unbiased.extend(biased(graph, node.args[1], &readers));
            }
        }
        found
    }

    /// Sums that are computed together with a norm, by the norm.
    pub fn into_sums(self) -> HashMap<Id, Id> {
        self.sums
    }

    /// Whether a later value computes this one.
    pub fn waits(&self, id: Id) -> bool {
        self.waiting.contains(&id)
    }

    /// Whether the bias of this linear layer is added elsewhere.
    pub fn unbiased(&self, id: Id) -> bool {
        self.unbiased.contains(&id)
    }
}

/// Norms of tokens; the operator supports no other ranks.
fn fits(node: &NetworkNode) -> bool {
    matches!(node.op, Op::LayerNorm { .. }) && node.shape.len() == 3
}

/// The linear layer with a bias that computes this value, if it has no other reader.
fn biased(graph: &NetworkGraph, id: Id, readers: &[Vec<Id>]) -> Option<Id> {
    let node = &graph.nodes[id.0];
    match node.op {
        _ if readers[id.0].len() != 1 => None,
        Op::Dropout(_) => biased(graph, node.args[0], readers),
        Op::Linear if node.args.len() == 3 => Some(id),
        _ => None,
    }
}

/// The norm of a value, or of a sum fused with it. `None` if the operator does not fit.
pub fn norm(b: &mut Builder<'_>, at: Id, affine: &[String], eps: f32) -> Result<Option<String>, ExportError> {
    let graph = b.graph;
    let node = &graph.nodes[at.0];
    if !b.residuals.used || !fits(node) {
        return Ok(None);
    }
    // OpenVINO refuses the operator without a shift.
    let mut affine = affine.to_vec();
    if affine.len() < 2 {
        affine.push(b.zeros(node.shape[2])?);
    }
    let Some(sum) = b.residuals.sums.get(&at).copied() else {
        let x = b.value(node.args[0])?;
        // The norm of x + x equals that of x to the last bit, since its variance is four times as large.
        return Ok(Some(skip(b, &x, &x, &affine, None, 4. * eps)));
    };
    let [a, c] = [0, 1].map(|arg| graph.nodes[sum.0].args[arg]);
    let (a, product) = (b.value(a)?, b.value(c)?);
    let bias = match linear(graph, c).filter(|linear| b.residuals.unbiased(*linear)) {
        Some(linear) => Some(b.value(graph.nodes[linear.0].args[2])?),
        None => None,
    };
    let norm = skip(b, &a, &product, &affine, bias, eps);
    let name = b.fresh(&format!("{norm}/sum"));
    if let Some(node) = b.nodes.last_mut() {
        // Between them, statistics for training.
        node.output.extend([String::new(), String::new(), name.clone()]);
    }
    b.same_width(&norm, &name);
    b.bind(sum, name);
    Ok(Some(norm))
}

/// The linear layer behind a value, ignoring dropout.
fn linear(graph: &NetworkGraph, id: Id) -> Option<Id> {
    let node = &graph.nodes[id.0];
    match node.op {
        Op::Dropout(_) => linear(graph, node.args[0]),
        _ => Some(id),
    }
}

fn skip(
    b: &mut Builder<'_>,
    x: &str,
    other: &str,
    affine: &[String],
    bias: Option<String>,
    eps: f32,
) -> String {
    let mut args = vec![x, other];
    args.extend(affine.iter().map(String::as_str));
    args.extend(bias.as_deref());
    b.emit_fused("SkipLayerNormalization", &args, vec![AttributeProto::float("epsilon", eps)])
}

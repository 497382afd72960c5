//! The properties of a graph's node that decide when its results are known.

use std::collections::{HashMap, HashSet};

use wuerst_read::wire::{Field, fields};

use super::When;

/// Operators whose results differ between evaluations.
const RANDOM: [&str; 7] = [
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
    "Dropout",
];
/// Parts of the names of slow operators.
const HEAVY: [&str; 9] = ["MatMul", "Gemm", "Conv", "Attention", "Einsum", "LSTM", "GRU", "RNN", "QOrdered"];

/// A NodeProto.
#[derive(Debug)]
pub struct SplitNode<'a> {
    /// Encoded.
    pub bytes: &'a [u8],
    /// Names of its results.
    pub outputs: Vec<&'a str>,
    /// Names of the values that it reads, including those that its subgraphs read from the surrounding graph.
    pub reads: Vec<&'a str>,
    /// Earliest phase in which its results are known.
    pub when: When,
    /// Whether it is evaluated in each step although once would be enough.
    pub repeated: bool,
    operator: &'a str,
    standard: bool,
    /// Whether it, or a node of its subgraphs, is random.
    random: bool,
    /// Whether it has subgraphs.
    nested: bool,
}

impl<'a> SplitNode<'a> {
    /// Parses a node; `None` if it is damaged.
    pub fn read(bytes: &'a [u8]) -> Option<SplitNode<'a>> {
        let (outputs, reads) = (vec![], vec![]);
        let mut node = SplitNode {
            bytes,
            outputs,
            reads,
            when: When::Loading,
            repeated: false,
            operator: "",
            standard: true,
            random: false,
            nested: false,
        };
        let mut inner = vec![];
        for field in fields(bytes)? {
            match field.number {
                1 => node.reads.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                4 => node.operator = field.text()?,
                5 => inner.extend(subgraphs(&field)?),
                7 => node.standard = ["", "ai.onnx"].contains(&field.text()?),
                _ => {}
            }
        }
        // Empty names stand for inputs left out.
        node.reads.retain(|name| !name.is_empty());
        node.outputs.retain(|name| !name.is_empty());
        node.random = RANDOM.contains(&node.operator);
        node.nested = !inner.is_empty();
        inner.into_iter().try_for_each(|graph| node.enter(graph))?;
        Some(node)
    }

    /// Parses a subgraph: each name is either its own or that of a surrounding graph, never both.
    fn enter(&mut self, graph: &'a [u8]) -> Option<()> {
        let (mut own, mut read) = (HashSet::new(), vec![]);
        for field in fields(graph)? {
            match field.number {
                1 => {
                    let node = SplitNode::read(field.content)?;
                    own.extend(node.outputs);
                    read.extend(node.reads);
                    self.random |= node.random;
                }
                5 => own.extend(super::tensor_name(&field)),
                11 => own.extend([super::name(&field)?]),
                // A branch may return a value of the surrounding graph unchanged.
                12 => read.push(super::name(&field)?),
                _ => {}
            }
        }
        self.reads.extend(read.into_iter().filter(|name| !own.contains(name)));
        Some(())
    }

    /// Determines when its results are known, from the nodes before it. `None` if it reads an unknown value.
    pub fn place(&mut self, when: &HashMap<&str, When>, changing: &[&str]) -> Option<()> {
        let extents = self.standard && ["Shape", "Size"].contains(&self.operator);
        for name in &self.reads {
            self.when = self.when.max(match when.get(name)? {
                // The extents of inputs stay.
                When::Step if extents && changing.contains(name) => When::Invariant,
                when => *when,
            });
        }
        if self.random {
            self.when = When::Step;
        }
        Some(())
    }

    /// Whether it only repeats values.
    pub fn enlarges(&self) -> bool {
        self.standard && ["Expand", "Tile"].contains(&self.operator)
    }

    /// Whether it may take as long as a matrix product.
    pub fn is_heavy(&self) -> bool {
        self.nested || HEAVY.iter().any(|part| self.operator.contains(part))
    }
}

/// The graphs in an AttributeProto.
fn subgraphs<'a>(attribute: &Field<'a>) -> Option<Vec<&'a [u8]>> {
    let fields = fields(attribute.content)?;
    Some(fields.iter().filter(|field| [6, 11].contains(&field.number)).map(|field| field.content).collect())
}

//! Suggests sizes for pictures from outside.

use wuerst_core::{DType, Dim, Port, PortRole, Ty, Value};

use super::advice::{Root, around};
use super::known::Sizes;
use super::trial::Trial;
use crate::graph::{Node, ValueSource};

impl Sizes<'_> {
    /// Suggests sizes for a picture and others of the same size.
    pub(super) fn pictures(&self, root: Root) -> Option<String> {
        let lengths = self.lengths(root);
        let [(down, height), (across, width)] = lengths.as_slice() else { return None };
        let alike: Vec<Root> = self.all_roots().filter(|other| self.lengths(*other) == lengths).collect();
        let names: Vec<String> = alike.iter().map(|root| self.picture(*root)).collect::<Option<_>>()?;
        let along = |dim: &str, other: &str, now: usize| {
            let taken = |length: usize| {
                let mut trial = Trial::default();
                for root in &alike {
                    match *root {
                        Root::Node(node) => {
                            trial.lengths.extend([(node, dim, Some(length)), (node, other, None)]);
                        }
                        Root::Input(index) => {
                            trial.inputs.push((index, self.with_length(index, dim, length)?));
                        }
                    }
                }
                self.takes(&trial).then_some(length)
            };
            if taken(now).is_some() { vec![now] } else { around(now, taken) }
        };
        let (heights, widths) = (along(down, across, *height), along(across, down, *width));
        let last = |all: &[usize], at: usize| all.get(at).or(all.last()).copied();
        let sizes = (0..heights.len().max(widths.len()))
            .map(|at| Some(format!("{}x{}", last(&widths, at)?, last(&heights, at)?)));
        let sizes = sizes.collect::<Option<Vec<_>>>()?;
        // No size near enough fits.
        if sizes.is_empty() {
            return None;
        }
        (heights != [*height] || widths != [*width])
            .then(|| format!("resize {} to {} pixels", names.join(" and "), sizes.join(" or ")))
    }

    /// The type of an input with a length along one side, and the other side unknown.
    fn with_length(&self, input: usize, dim: &str, length: usize) -> Option<Ty> {
        let Ty::Tensor { dtype, dims } = &self.given.graph.inputs[input].ty else { return None };
        let dims = dims.iter().map(|own| match own {
            Dim::Named(name) if name == dim => Dim::Fixed(length),
            other => other.clone(),
        });
        Some(Ty::Tensor { dtype: *dtype, dims: dims.collect() })
    }

    /// Nodes that derive sizes, and inputs that have some.
    fn all_roots(&self) -> impl Iterator<Item = Root> + '_ {
        let nodes = self.given.plan.iter().map(|&node| Root::Node(node));
        let inputs = self.given.inputs.iter().enumerate();
        nodes.chain(
            inputs
                .filter(|(_, value)| matches!(value, Some(Value::Tensor(_))))
                .map(|(at, _)| Root::Input(at)),
        )
    }

    /// Name of a picture from outside at this origin.
    fn picture(&self, root: Root) -> Option<String> {
        let graph = self.given.graph;
        match root {
            Root::Node(node) => {
                let Node { kind, args, .. } = &*graph.nodes[node];
                let signature = &kind.spec().signature;
                let file = signature.inputs.iter().position(|port| port.ty == Ty::File)?;
                let shows = |port: &Port| matches!(port.role(), Some(PortRole::Picture | PortRole::Mask));
                let is_picture = signature.outputs.iter().any(shows);
                match (&args[file], is_picture) {
                    (ValueSource::Input(index), true) => Some(graph.inputs[*index].name.clone()),
                    (ValueSource::Literal(file), true) => Some(file.to_string()),
                    _ => None,
                }
            }
            Root::Input(index) => {
                let input = &graph.inputs[index];
                matches!(input.ty, Ty::Tensor { dtype: DType::U8, .. } if is_picture(&input.ty))
                    .then(|| input.name.clone())
            }
        }
    }
}

/// Whether this is the type of pictures, or of masks where it comes from a picture file.
fn is_picture(ty: &Ty) -> bool {
    match ty {
        Ty::Tensor { dtype: DType::U8, dims } => dims.len() == 3 && dims[2] == Dim::Fixed(3),
        Ty::Tensor { dtype: DType::F32, dims } => dims.len() == 2,
        _ => false,
    }
}

//! Checks the types of wires. Unifies named dimensions over the whole graph.
//!
//! A name in a signature stands for one length within one node; a wire makes the dimensions at its two ends equal. Equal
//! dimensions form a class (union-find), and a class has at most one fixed length. A wire that would give a class a
//! second length is reported as a problem.

mod interface;

use std::collections::HashMap;

use wuerst_core::{Dim, NodeKind, Port, Ty, Value};

use super::known::Length;
use super::scope::{Argument, Scope};
use crate::file::problems::Problems;
use crate::graph::ValueSource;

/// Checks the types of all wires, and returns the resulting dimensions.
pub(super) fn unify<'s, 'a>(
    scope: &'s Scope<'s>,
    lengths: &'s [Length],
    arguments: impl Iterator<Item = &'a Argument>,
    problems: &mut Problems,
) -> Shapes<'s> {
    let mut shapes = Shapes { scope, ids: HashMap::new(), classes: Vec::new(), sizes: Vec::new() };
    for Length { node, port, known } in lengths {
        shapes.fix(Side::Node(*node), &known.dim, known.length, (*node, *port));
    }
    for argument in arguments {
        let Some(source) = &argument.source else { continue };
        let Some(kind) = &scope.nodes[argument.node].1 else { continue };
        let port = &kind.spec().signature.inputs[argument.port];
        let here = Side::Node(argument.node);
        // The caller of the graph may have set a tensor.
        if let ValueSource::Literal(Value::Tensor(tensor)) = source
            && let Err(why) = shapes.hold(here, &port.ty, tensor.shape(), (argument.node, argument.port))
        {
            let (wanted, got) = (shapes.resolved(here, &port.ty), Value::from(tensor.clone()).ty());
            problems.add(argument.place.clone(), format!("wants {wanted}, but this is {got}{why}"));
        }
        let Some((side, from)) = shapes.end(source) else { continue };
        if port.ty.accepts(&from.ty) && !port.takes_role_of(from) {
            let role = |port: &Port| port.role.map_or_else(String::new, |role| role.to_string());
            let (wanted, got, wire) = (role(port), role(from), shapes.wire(source));
            problems.add(argument.place.clone(), format!("takes {wanted}, but `{wire}` gives {got}"));
            continue;
        }
        let conflict = match port.ty.accepts(&from.ty) {
            true => shapes.join((here, &port.ty), (side, &from.ty), (argument.node, argument.port)),
            false => Err(String::new()),
        };
        if let Err(why) = conflict {
            let (wanted, got) = (shapes.resolved(here, &port.ty), shapes.resolved(side, &from.ty));
            let wire = shapes.wire(source);
            problems.add(argument.place.clone(), format!("wants {wanted}, but `{wire}` is {got}{why}"));
        }
    }
    shapes
}

/// Owner of the signature that a named dimension belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Inputs,
    Node(usize),
}

/// Dimensions of a graph, as far as they are known.
pub(super) struct Shapes<'a> {
    scope: &'a Scope<'a>,
    ids: HashMap<(Side, &'a str), usize>,
    classes: Vec<Class>,
    /// Number of dimensions in each class, by its root.
    sizes: Vec<usize>,
}

enum Class {
    /// Equal to another dimension.
    Same(usize),
    /// A dimension of any length.
    Free,
    /// A fixed length, and the argument that fixed it.
    Fixed(usize, Cause),
}

/// An argument: the indices of a node and of its port.
type Cause = (usize, usize);

impl<'a> Shapes<'a> {
    /// The type of a source, with known lengths filled in.
    pub(super) fn of_source(&self, source: &ValueSource) -> Ty {
        match (source, self.end(source)) {
            (ValueSource::Literal(value), _) => value.ty(),
            (_, Some((side, port))) => {
                let plain = |dim: &Dim| match self.known(side, dim) {
                    Some((length, _)) => Dim::Fixed(length),
                    None => dim.clone(),
                };
                match &port.ty {
                    Ty::Tensor { dtype, dims } => {
                        Ty::Tensor { dtype: *dtype, dims: dims.iter().map(plain).collect() }
                    }
                    other => other.clone(),
                }
            }
            // Only a literal or an absent value has no port, and an output is neither.
            (_, None) => Ty::Bool,
        }
    }

    /// The port at the start of a wire.
    fn end(&self, source: &ValueSource) -> Option<(Side, &'a Port)> {
        match *source {
            ValueSource::Input(index) => Some((Side::Inputs, self.scope.inputs[index].1.as_ref()?)),
            ValueSource::Output { node, port } => {
                let kind: &dyn NodeKind = self.scope.nodes[node].1.as_ref()?.as_ref();
                Some((Side::Node(node), &kind.spec().signature.outputs[port]))
            }
            ValueSource::Literal(_) | ValueSource::LeftOut => None,
        }
    }

    /// The spelling of a wire in the file.
    fn wire(&self, source: &ValueSource) -> String {
        match (source, self.end(source)) {
            (ValueSource::Output { node, .. }, Some((_, port))) => {
                format!("${}.{}", self.scope.nodes[*node].0, port.name)
            }
            (ValueSource::Input(index), _) => format!("${}", self.scope.inputs[*index].0),
            _ => String::new(),
        }
    }

    /// The spelling of a type in messages: `f32[b=1,16,h,w]`.
    fn resolved(&self, side: Side, ty: &Ty) -> String {
        ty.with_lengths(|name| Some(self.known(side, &Dim::Named(name.to_owned()))?.0))
    }

    /// The length of a dimension, and the argument that fixed it, unless the dimension itself is fixed.
    fn known(&self, side: Side, dim: &Dim) -> Option<(usize, Option<Cause>)> {
        match dim {
            Dim::Fixed(length) => Some((*length, None)),
            Dim::Named(name) => match self.classes[self.root(*self.ids.get(&(side, name.as_str()))?)] {
                Class::Fixed(length, cause) => Some((length, Some(cause))),
                Class::Free | Class::Same(_) => None,
            },
        }
    }

    fn root(&self, mut id: usize) -> usize {
        while let Class::Same(next) = self.classes[id] {
            id = next;
        }
        id
    }

    fn class(&mut self, side: Side, name: &'a str) -> usize {
        let next = self.classes.len();
        let id = *self.ids.entry((side, name)).or_insert(next);
        if id == next {
            self.classes.push(Class::Free);
            self.sizes.push(1);
        }
        self.root(id)
    }

    /// Unifies the dimensions of two tensor types.
    fn join(&mut self, a: (Side, &'a Ty), b: (Side, &'a Ty), cause: Cause) -> Result<(), String> {
        let (Ty::Tensor { dims: ours, .. }, Ty::Tensor { dims: theirs, .. }) = (a.1, b.1) else {
            return Ok(());
        };
        for (ours, theirs) in ours.iter().zip(theirs) {
            if let (Some((x, cause_x)), Some((y, cause_y))) = (self.known(a.0, ours), self.known(b.0, theirs))
                && x != y
            {
                return Err(self.blame([(x, cause_x, ours), (y, cause_y, theirs)]));
            }
            match (ours, theirs) {
                (Dim::Named(x), Dim::Named(y)) => {
                    let (x, y) = (self.class(a.0, x), self.class(b.0, y));
                    self.unite(x, y);
                }
                (Dim::Named(name), Dim::Fixed(length)) => self.fix(a.0, name, *length, cause),
                (Dim::Fixed(length), Dim::Named(name)) => self.fix(b.0, name, *length, cause),
                (Dim::Fixed(_), Dim::Fixed(_)) => {}
            }
        }
        Ok(())
    }

    /// Fixes the dimensions of a type to the lengths of a tensor.
    fn hold(&mut self, side: Side, ty: &'a Ty, shape: &[usize], cause: Cause) -> Result<(), String> {
        let Ty::Tensor { dims, .. } = ty else { return Ok(()) };
        for (dim, &length) in dims.iter().zip(shape) {
            match (self.known(side, dim), dim) {
                (Some((known, because)), _) if known != length => {
                    return Err(self.blame([(known, because, dim), (length, None, dim)]));
                }
                (None, Dim::Named(name)) => self.fix(side, name, length, cause),
                _ => {}
            }
        }
        Ok(())
    }

    /// Merges two classes.
    fn unite(&mut self, x: usize, y: usize) {
        if x == y {
            return;
        }
        // The smaller class joins the larger, which keeps paths to the root short.
        let (from, to) = if self.sizes[x] < self.sizes[y] { (x, y) } else { (y, x) };
        self.sizes[to] += self.sizes[from];
        let joined = std::mem::replace(&mut self.classes[from], Class::Same(to));
        if let Class::Free = self.classes[to] {
            self.classes[to] = joined;
        }
    }

    fn fix(&mut self, side: Side, name: &'a str, length: usize, cause: Cause) {
        let class = self.class(side, name);
        if let Class::Free = self.classes[class] {
            self.classes[class] = Class::Fixed(length, cause);
        }
    }

    /// Describes the lengths that disagree, and the arguments that fixed them.
    fn blame(&self, sides: [(usize, Option<Cause>, &Dim); 2]) -> String {
        let part = |(length, cause, dim): (usize, Option<Cause>, &Dim)| {
            let (Dim::Named(name), Some((node, port))) = (dim, cause) else { return None };
            let (id, kind) = &self.scope.nodes[node];
            let port = &kind.as_ref()?.spec().signature.inputs[port].name;
            Some(format!("`{name}` is {length} because of `{id}.{port}`"))
        };
        let parts: Vec<String> = sides.into_iter().filter_map(part).collect();
        if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", and ")) }
    }
}

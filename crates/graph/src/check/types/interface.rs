//! The signature of a graph that becomes a node kind.
//!
//! In a signature, equal names are equal lengths. In a graph, each node has its own names, so two outputs with a
//! dimension `h` may have different heights; they get different names here.

use std::collections::HashMap;

use wuerst_core::{Dim, Port, PortRole, Signature, Ty};

use super::{Shapes, Side};
use crate::graph::ValueSource;

impl Shapes<'_> {
    /// The signature of the graph, with fixed lengths where they are known.
    pub(in crate::check) fn interface(&self, outputs: &[(&str, &ValueSource)]) -> Signature {
        let mut names = Names::default();
        let inputs = self.scope.inputs.iter().filter_map(|(_, port)| port.as_ref());
        let inputs = inputs
            .map(|port| Port { ty: self.named(Side::Inputs, &port.ty, &mut names), ..port.clone() })
            .collect();
        let output = |(name, source): &(&str, &ValueSource)| {
            let ty = match self.end(source) {
                Some((side, port)) => self.named(side, &port.ty, &mut names),
                None => self.of_source(source),
            };
            let (name, about, choices) = ((*name).to_owned(), String::new(), Vec::new());
            let role = self.role_of(source);
            Port { name, ty, role, optional: false, default: None, range: None, choices, about }
        };
        Signature { inputs, outputs: outputs.iter().map(output).collect() }
    }

    /// The declared role of a source.
    pub(in crate::check) fn role_of(&self, source: &ValueSource) -> Option<PortRole> {
        self.end(source).and_then(|(_, port)| port.role)
    }

    fn named(&self, side: Side, ty: &Ty, names: &mut Names) -> Ty {
        let Ty::Tensor { dtype, dims } = ty else { return ty.clone() };
        let dim = |dim: &Dim| match (self.known(side, dim), dim) {
            (Some((length, _)), _) => Dim::Fixed(length),
            (None, Dim::Named(name)) => {
                let class = self.ids.get(&(side, name.as_str())).map(|&id| self.root(id));
                let length = class.map_or_else(|| Length::Loose(side, name.clone()), Length::Class);
                Dim::Named(names.of(length, name))
            }
            (None, fixed) => fixed.clone(),
        };
        Ty::Tensor { dtype: *dtype, dims: dims.iter().map(dim).collect() }
    }
}

/// An unknown length.
#[derive(PartialEq, Eq, Hash)]
enum Length {
    /// The length of a class of dimensions.
    Class(usize),
    /// The length of a dimension that no wire compares with another.
    Loose(Side, String),
}

/// Assigns one name to each length.
#[derive(Default)]
struct Names {
    of: HashMap<Length, String>,
    /// Number of lengths that asked for each name.
    wanted: HashMap<String, usize>,
}

impl Names {
    /// Name of the length: its first spelling, with a number if that is taken.
    fn of(&mut self, length: Length, name: &str) -> String {
        if let Some(known) = self.of.get(&length) {
            return known.clone();
        }
        let mut free = name.to_owned();
        while let Some(times) = self.wanted.get_mut(&free) {
            *times += 1;
            free = format!("{name}_{times}");
        }
        self.wanted.insert(free.clone(), 1);
        self.of.insert(length, free.clone());
        free
    }
}

//! A graph as a node of another: its inputs and outputs as a signature.
//!
//! In a signature equal names are equal lengths. In a graph each node has names of its own, so two outputs that both
//! say `h` may be of different heights; here they get different names.

use std::collections::HashMap;

use wuerst_core::{Dim, Port, Signature, Ty};

use super::{Shapes, Side};
use crate::graph::ValueSource;

impl Shapes<'_> {
    /// The signature of the graph; what turned out to be of one length only has that length.
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
            Port { name, ty, optional: false, default: None, range: None, choices, about }
        };
        Signature { inputs, outputs: outputs.iter().map(output).collect() }
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

/// A length that is not known yet.
#[derive(PartialEq, Eq, Hash)]
enum Length {
    /// That of a class of dimensions.
    Class(usize),
    /// That of a dimension which no wire compares with another.
    Loose(Side, String),
}

/// One name for each length.
#[derive(Default)]
struct Names {
    of: HashMap<Length, String>,
    /// How many lengths wanted a name.
    wanted: HashMap<String, usize>,
}

impl Names {
    /// The length's name: what it is called where it is seen first, or that with a number.
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

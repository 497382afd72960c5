//! Whether a checkpoint holds what a network wants.

use std::collections::BTreeMap;
use std::fmt;

use super::{Checkpoint, CheckpointError, Element};
use crate::record::Graph;

/// Every tensor that keeps a checkpoint from being read into a network, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Wanted, but not there.
    pub missing: Vec<String>,
    /// There, but not wanted.
    pub surplus: Vec<String>,
    /// Name, extents wanted and extents there.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.missing.len(), "missing"),
            (self.surplus.len(), "surplus"),
            (self.shapes.len(), "misshapen"),
        ];
        let summary: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        write!(f, "{} tensors", summary.join(", "))?;
        self.missing.iter().try_for_each(|name| write!(f, "\n  missing `{name}`"))?;
        self.surplus.iter().try_for_each(|name| write!(f, "\n  surplus `{name}`"))?;
        let mut shapes = self.shapes.iter();
        shapes.try_for_each(|(name, want, got)| {
            write!(f, "\n  `{name}` is {got:?}, the network wants {want:?}")
        })
    }
}

impl Checkpoint {
    /// Compares names and shapes with what the networks read, all of them at once.
    ///
    /// Surplus tensors whose names begin with one of `ignored` are passed over, as are integers: counters and
    /// positions, which no network here reads.
    ///
    /// # Errors
    /// [`CheckpointError::Misfit`] with every difference.
    pub fn fits(&self, networks: &[&Graph], ignored: &[&str]) -> Result<(), CheckpointError> {
        let wanted: BTreeMap<&str, &Vec<usize>> =
            networks.iter().flat_map(|g| &g.params).map(|p| (&p.name[..], &p.shape)).collect();
        let mut misfit = Misfit::default();
        for (name, want) in &wanted {
            match self.tensors.get(*name) {
                None => misfit.missing.push(name.to_string()),
                Some(entry) if entry.shape != **want => {
                    misfit.shapes.push((name.to_string(), want.to_vec(), entry.shape.clone()));
                }
                Some(_) => {}
            }
        }
        for (name, entry) in &self.tensors {
            let passed = matches!(entry.element, Element::Whole(_))
                || ignored.iter().any(|prefix| name.starts_with(prefix));
            if !passed && !wanted.contains_key(&name[..]) {
                misfit.surplus.push(name.clone());
            }
        }
        if misfit == Misfit::default() {
            return Ok(());
        }
        Err(CheckpointError::Misfit { path: self.path.clone(), misfit })
    }
}

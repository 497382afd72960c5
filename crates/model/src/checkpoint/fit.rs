//! Compares a checkpoint with the tensors that a network needs.

use std::collections::BTreeMap;
use std::fmt;

use super::{Checkpoint, CheckpointError, Element};
use crate::record::NetworkGraph;

/// All tensors that keep a checkpoint from fitting a network, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Needed but absent.
    pub missing: Vec<String>,
    /// Present but not needed.
    pub surplus: Vec<String>,
    /// Name, expected extents and actual extents.
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
        let missing = self.missing.iter().map(|name| format!("missing `{name}`"));
        let surplus = self.surplus.iter().map(|name| format!("surplus `{name}`"));
        let shapes = self.shapes.iter();
        let shapes =
            shapes.map(|(name, want, got)| format!("`{name}` is {got:?}, the network wants {want:?}"));
        few(f, missing)?;
        few(f, surplus)?;
        few(f, shapes)
    }
}

/// Maximum number of tensors of a kind listed in a message: a wrong depth would list thousands.
const LISTED: usize = 40;

/// Writes lines up to the maximum, then the number of the remaining ones.
fn few(f: &mut fmt::Formatter<'_>, mut lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    lines.by_ref().take(LISTED).try_for_each(|line| write!(f, "\n  {line}"))?;
    if lines.len() > 0 { write!(f, "\n  and {} more such", lines.len()) } else { Ok(()) }
}

impl Checkpoint {
    /// Compares names and shapes with those of the networks, all at once.
    ///
    /// Ignores surplus tensors whose names begin with one of `ignored`, and integers: counters and positions, which no
    /// network here reads.
    ///
    /// # Errors
    /// [`CheckpointError::Misfit`] with every difference.
    pub fn fits(&self, networks: &[&NetworkGraph], ignored: &[&str]) -> Result<(), CheckpointError> {
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

//! Whether a checkpoint holds what a network wants.

use std::collections::BTreeMap;
use std::fmt;

use super::{Checkpoint, CheckpointError, Element};
use crate::record::NetworkGraph;

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

/// The most of a kind that a message lists: a wrong depth would list thousands.
const LISTED: usize = 40;

/// Writes lines, and of very many how many more there are.
fn few(f: &mut fmt::Formatter<'_>, mut lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    lines.by_ref().take(LISTED).try_for_each(|line| write!(f, "\n  {line}"))?;
    if lines.len() > 0 { write!(f, "\n  and {} more such", lines.len()) } else { Ok(()) }
}

impl Checkpoint {
    /// Compares names and shapes with what the networks read, all of them at once.
    ///
    /// Surplus tensors whose names begin with one of `ignored` are passed over, as are integers: counters and
    /// positions, which no network here reads.
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

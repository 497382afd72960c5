//! Changes to nodes within nodes: the outer node gets a changed copy of its graph, which is checked again.

use std::sync::Arc;

use wuerst_core::{Diagnostic, Error, Models, Result, did_you_mean};

use super::subgraph::Subgraph;
use crate::check::scope::Scope;
use crate::file::change::Change;
use crate::file::problems::{Place, Problems};
use crate::graph::each::Each;

/// Reloads a nested graph with changes; `Models` resolves the names of models in them.
pub(super) type Load = fn(&Subgraph, &[Change<'_>], &Models) -> Result<Subgraph>;

/// Applies the changes, each given as the outer node and the change within its graph.
pub(super) fn change(
    changes: &[(&str, Change<'_>)],
    load: Load,
    scope: &mut Scope<'_>,
    problems: &mut Problems,
) {
    for (index, (outer, _)) in changes.iter().enumerate() {
        // All changes of a graph are applied together, at the first of them.
        if changes[..index].iter().all(|(before, _)| before != outer) {
            let own = changes[index..].iter().filter(|(other, _)| other == outer);
            let own: Vec<&Change<'_>> = own.map(|(_, change)| change).collect();
            change_graph(outer, &own, load, scope, problems);
        }
    }
}

/// Applies changes to one graph. If it becomes invalid, its node kind counts as unknown, so checks skip the parts that
/// depend on it.
fn change_graph(
    outer: &str,
    changes: &[&Change<'_>],
    load: Load,
    scope: &mut Scope<'_>,
    problems: &mut Problems,
) {
    let place = |path: &str| Place::outside(&format!("{outer}/{path}"));
    let at = match graph(outer, scope) {
        Ok(Some(at)) => at,
        Ok(None) => return,
        Err(message) => {
            changes.iter().for_each(|change| problems.add(place(change.name()), message.clone()));
            return;
        }
    };
    // Problems are ordered by the index of the change that caused them.
    let mut found: Vec<(usize, Place, String)> = Vec::new();
    let mut good = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        match change.enters(outer) {
            Ok(()) => good.push((*change).clone()),
            Err(message) => found.push((number, place(change.name()), message)),
        }
    }
    let kind = scope.nodes[at].1.clone();
    let each = kind.as_deref().and_then(Each::of);
    let changed =
        kind.as_deref().map(|kind| each.map_or(kind, |each| &**each.inner())).and_then(Subgraph::of);
    match changed.map(|sub| (load(sub, &good, &scope.host), sub.kind())) {
        Some((Ok(sub), _)) => {
            let sub = Arc::new(sub);
            scope.nodes[at].1 = Some(match each {
                Some(each) => Arc::new(each.with_inner(sub)),
                None => sub,
            });
        }
        Some((Err(Error::Graph(all)), kind)) => {
            found.extend(all.into_iter().map(|problem| {
                let number = changes.iter().position(|change| change.name() == problem.path);
                let number = number.unwrap_or(changes.len());
                let Diagnostic { line, column, path, message } = problem;
                match line {
                    // A problem of a change, possibly of a more deeply nested one.
                    0 if !path.is_empty() => (number, place(&path), message),
                    0 => (number, Place::outside(outer), message),
                    _ => {
                        let message = format!("in `{kind}`, {line}:{column}: {path}: {message}");
                        (number, Place::outside(outer), message)
                    }
                }
            }));
            scope.nodes[at].1 = None;
        }
        Some((Err(other), _)) => found.push((changes.len(), Place::outside(outer), other.to_string())),
        None => {}
    }
    found.sort_by_key(|(number, ..)| *number);
    found.into_iter().for_each(|(_, place, message)| problems.add(place, message));
}

/// The index of a node that is a graph; `None` if its kind is unknown, which is reported.
fn graph(name: &str, scope: &Scope<'_>) -> Result<Option<usize>, String> {
    let Some(&at) = scope.node_named.get(name) else {
        let names = scope.nodes.iter().map(|(name, _)| *name);
        return Err(format!("no node `{name}`{}", did_you_mean(name, names)));
    };
    match scope.nodes[at].1.as_deref() {
        None => Ok(None),
        Some(kind) if Subgraph::of(Each::of(kind).map_or(kind, |each| &**each.inner())).is_none() => Err(
            format!("`{name}` is `{}`, which is not a graph: there are no nodes within", kind.spec().kind),
        ),
        Some(_) => Ok(Some(at)),
    }
}

//! Checks that nodes can be ordered such that each follows those that it uses.

use std::collections::BTreeSet;

use super::scope::Scope;
use crate::file::doc::{Doc, Given};
use crate::file::problems::Problems;
use crate::file::wire::{self, Read, Wire};

/// Maximum number of nodes named for a cycle.
const MOST_SHOWN: usize = 16;

/// Indices of the nodes in an order where each follows those that it uses, otherwise in the order of the file; `None` if
/// there are cycles, which are reported with their paths.
///
/// Uses only the names in wires, so that cycles are found even among unknown kinds.
pub(super) fn order(doc: &Doc, scope: &Scope<'_>, problems: &mut Problems) -> Option<Vec<usize>> {
    let uses: Vec<Vec<usize>> = (0..doc.nodes.len()).map(|node| used_by(doc, node, scope)).collect();
    let mut order = Vec::with_capacity(uses.len());
    let mut state = vec![State::New; uses.len()];
    let mut sound = true;
    for start in 0..uses.len() {
        // An explicit stack, since a long chain of nodes would exhaust the thread's stack.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if state[start] == State::New {
            state[start] = State::OnPath;
            path.push((start, 0));
        }
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let Some(&used) = uses[node].get(*next) else {
                state[node] = State::Done;
                order.push(node);
                path.pop();
                continue;
            };
            *next += 1;
            match state[used] {
                State::New => {
                    state[used] = State::OnPath;
                    path.push((used, 0));
                }
                State::OnPath => {
                    sound = false;
                    note(doc, &path, used, problems);
                }
                State::Done => {}
            }
        }
    }
    sound.then_some(order)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

fn used_by(doc: &Doc, node: usize, scope: &Scope<'_>) -> Vec<usize> {
    let with = doc.nodes[node].value.with.iter();
    let wire = |given: &Given| wire::read(given.text()?).ok();
    let used: BTreeSet<usize> = with
        .filter_map(|entry| wire(&entry.value))
        .filter_map(|read| match read {
            Read::Wire(Wire::Output { node, .. }) => scope.node_named.get(node.as_str()).copied(),
            _ => None,
        })
        .collect();
    // Without duplicates: two wires between the same nodes make one cycle.
    used.into_iter().collect()
}

/// Reports the cycle that is closed by the use of `first`, in the direction of data flow.
fn note(doc: &Doc, path: &[(usize, usize)], first: usize, problems: &mut Problems) {
    problems.add_with(doc.nodes[first].place.clone().name(), || {
        let from = path.iter().position(|(node, _)| *node == first).unwrap_or(0);
        let around = path[from..].iter().rev().map(|(node, _)| *node);
        let nodes: Vec<usize> = std::iter::once(first).chain(around).collect();
        let name = |node: &usize| doc.nodes[*node].name.as_str();
        let names = |nodes: &[usize]| nodes.iter().map(name).collect::<Vec<_>>().join(" -> ");
        match nodes.len() - 1 {
            count if count > MOST_SHOWN => {
                let (start, end) = (names(&nodes[..MOST_SHOWN / 2]), names(&nodes[count - 1..]));
                format!("cycle: {start} -> … -> {end}, {count} nodes")
            }
            _ => format!("cycle: {}", names(&nodes)),
        }
    });
}

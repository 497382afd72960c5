//! Everything that can be asked of a text that may be a graph.

use wuerst_core::{Error, Registry};
use wuerst_graph::{Change, Graph, excerpt, headline};

/// Result of an input.
pub enum Outcome {
    Good,
    Refused(usize),
}

/// Reads, checks, and asks everything that can be asked of the outcome.
pub fn examine(text: &str, changes: &[Change<'_>], registry: &Registry) -> Outcome {
    match Graph::load_with(text, registry, changes) {
        Ok(graph) => {
            let outputs: Vec<usize> = (0..graph.outputs().len()).collect();
            let needed = graph.needed(&outputs);
            assert!(
                needed.len() <= graph.nodes().len() && !outputs.is_empty(),
                "a graph without outputs is taken"
            );
            Outcome::Good
        }
        Err(Error::Graph(problems)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in &problems {
                let shown = headline("g.yaml", problem).len() + excerpt(text, problem).map_or(0, |e| e.len());
                assert!(shown < 20_000, "a message of {shown} bytes");
                assert!(problem.line == 0 || problem.column > 0, "a line without a column");
            }
            Outcome::Refused(problems.len())
        }
        Err(other) => panic!("another error: {other}"),
    }
}

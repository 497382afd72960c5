//! From a graph file to a [`Graph`](crate::Graph), alone or as a node kind of other graphs.

pub(crate) mod add;
pub(crate) mod expand;
pub(crate) mod subgraph;

//! A YAML file becomes a checked graph, is run, and its results are remembered.

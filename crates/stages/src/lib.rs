//! The built-in nodes, one file a stage, and the ONNX Runtime sessions they share.

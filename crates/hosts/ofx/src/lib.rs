//! OpenFX effects for all graphs that make a picture: a graph with a picture as an input becomes a filter, others become
//! generators.
//!
//! A host queries the number of effects ([`entry`]), and calls their actions ([`actions`]). The first query reads the
//! folder of graphs ([`effects`]); a graph's inputs become parameters ([`parameters`]). An instance ([`instance`]) keeps
//! its last picture with its digest, so the engine runs once for all tiles, scales and frames with equal inputs.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "the functions that OpenFX asks for; each use says why it is sound")]

mod abi;
mod actions;
mod clip;
mod describe;
mod effects;
mod entry;
mod host;
mod instance;
mod names;
mod parameters;
mod pixels;
mod render;

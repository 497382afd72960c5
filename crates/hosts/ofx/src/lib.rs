//! Every graph that makes a picture as an OpenFX effect: one with an input that is a picture as a filter, others as
//! generators.
//!
//! A host asks how many effects there are ([`entry`]), and each answers the host's actions ([`actions`]). The folder
//! of graphs is read when the host first asks ([`effects`]); what a graph says of its inputs becomes parameters
//! ([`parameters`]). An instance ([`instance`]) keeps its last picture under the digest of what it depends on, so
//! that a host that renders tiles, scales and frames runs the engine once.
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

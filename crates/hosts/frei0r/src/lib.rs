//! A frei0r plug-in that runs a graph: for FFmpeg, MLT, Kdenlive, Shotcut and other hosts.
//!
//! Hosts call `f0r_update` for every frame, some of them eight times, and do not report which parameters changed. So an
//! [`Instance`](instance::Instance) compares the digest of its picture, and computes the picture only if the digest
//! changed. frei0r has no errors, so an error becomes a [`card`] in the frame.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "the functions that frei0r asks for; each use says why it is sound")]

mod abi;
mod card;
mod instance;
mod parameters;
mod plugin;

//! A graph as a frei0r plug-in: for FFmpeg, MLT, Kdenlive, Shotcut and whatever else loads frei0r.
//!
//! Hosts call `f0r_update` for every frame, some of them eight times for one, and tell nobody when a parameter really
//! changed. So an [`Instance`](instance::Instance) asks the engine what its picture depends on, and has it made only
//! when that changed. frei0r knows no errors: what goes wrong becomes a [`card`] in the frame.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "the functions that frei0r asks for; each use says why it is sound")]

mod abi;
mod card;
mod instance;
mod parameters;
mod plugin;

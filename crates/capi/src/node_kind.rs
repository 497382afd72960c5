//! Node kinds added by a host or by plug-ins.

use std::sync::Arc;

use wuerst::Engine;
use wuerst_abi::node::{Foreign, RawKind};

use crate::boundary::fallible;
use crate::error::Failure;
use crate::handle::{Handle, alive};
use crate::text::{Read, Str};

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_add(engine: Option<&Handle<Engine>>, node: *const RawKind) -> *mut Failure {
    fallible(|| {
        let engine = alive(engine, "engine")?;
        // SAFETY: the header requires NULL or a struct begun with its _INIT macro, valid strings, and functions that obey
        // their contracts.
        let node = Arc::new(unsafe { Foreign::read(node)? });
        engine.add(node.clone()).inspect_err(|_| Foreign::give_back(node))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_load(engine: Option<&Handle<Engine>>, path: Str) -> *mut Failure {
    fallible(|| {
        let engine = alive(engine, "engine")?;
        // SAFETY: the header requires a string valid during the call.
        engine.load_plugin(unsafe { path.read_path("path")? })
    })
}

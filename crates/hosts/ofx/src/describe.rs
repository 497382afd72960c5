//! Describes an effect to the host before an instance exists.

use crate::abi;
use crate::effects::Effect;
use crate::host::{Set, Suites};
use crate::{names, parameters};

/// Label, group, contexts, pixels.
pub fn effect(suites: &Suites, effect: &Effect, handle: *mut abi::Effect) -> Option<()> {
    // SAFETY: the host's own handle.
    let set = suites.set(suites.ask(|out| unsafe { (suites.effect.properties)(handle, out) })?);
    set.put_text(names::PROP_LABEL, &effect.label);
    set.put_text(names::GROUPING, "Würstchen");
    set.put_text(
        names::PROP_DESCRIPTION,
        "Runs a graph of the Würstchen text-to-image cascade in the host's process.",
    );
    let own = if effect.is_filter() { names::CONTEXT_FILTER } else { names::CONTEXT_GENERATOR };
    set.put(names::SUPPORTED_CONTEXTS, 0, own);
    set.put(names::SUPPORTED_CONTEXTS, 1, names::CONTEXT_GENERAL);
    set.put(names::SUPPORTED_DEPTHS, 0, names::DEPTH_BYTE);
    set.put(names::SUPPORTED_DEPTHS, 1, names::DEPTH_FLOAT);
    // An instance renders one frame at a time, since it keeps its last picture; several instances render concurrently.
    set.put(names::THREAD_SAFETY, 0, names::INSTANCE_SAFE);
    set.put_int(names::HOST_FRAME_THREADING, 0);
    set.put_int(names::SUPPORTS_TILES, 1);
    set.put_int(names::SUPPORTS_RESOLUTIONS, 1);
    Some(())
}

/// Clips and parameters.
pub fn in_context(suites: &Suites, effect: &Effect, handle: *mut abi::Effect) -> Option<()> {
    clip(suites, handle, names::OUTPUT)?;
    if effect.is_filter() {
        clip(suites, handle, names::SOURCE)?;
    }
    // SAFETY: the host's own handle.
    let params = suites.ask(|out| unsafe { (suites.effect.params)(handle, out) })?;
    // Without a graph there are no parameters; instances report the error.
    let inputs = effect.made.as_ref().map_or(&[][..], |made| &made.inputs);
    inputs.iter().try_for_each(|port| parameters::define(suites, params, port))?;
    parameters::define_light(suites, params)
}

fn clip(suites: &Suites, handle: *mut abi::Effect, name: &std::ffi::CStr) -> Option<()> {
    // SAFETY: the host's own handle, and a name that is valid until the call returns.
    let set = suites.ask(|out| unsafe { (suites.effect.define_clip)(handle, name.as_ptr(), out) })?;
    let set: Set = suites.set(set);
    set.put(names::SUPPORTED_COMPONENTS, 0, names::RGBA);
    set.put(names::SUPPORTED_COMPONENTS, 1, names::RGB);
    set.put_int(names::SUPPORTS_TILES, 1);
    Some(())
}

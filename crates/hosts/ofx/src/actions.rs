//! Dispatches a host's actions to an effect.

use crate::abi::{self, FAILED, OK, Properties, REPLY_DEFAULT, Status};
use crate::effects::Effect;
use crate::host::{Suites, suites};
use crate::instance::Instance;
use crate::{clip, describe, names, render};
use std::ffi::{CStr, c_char};

/// Handles an action.
///
/// # Safety
/// The arguments are those that the action requires.
pub unsafe fn answer(
    effect: &'static Effect,
    action: *const c_char,
    handle: *mut abi::Effect,
    given: *mut Properties,
    wanted: *mut Properties,
) -> Status {
    if action.is_null() {
        return FAILED;
    }
    // SAFETY: a name, by the host's promise.
    let action = unsafe { CStr::from_ptr(action) };
    let Some(suites) = suites() else { return FAILED };
    let done = |done: Option<()>| done.map_or(FAILED, |()| OK);
    match action {
        a if a == names::LOAD || a == names::UNLOAD => OK,
        a if a == names::DESCRIBE => done(describe::effect(suites, effect, handle)),
        a if a == names::DESCRIBE_IN_CONTEXT => done(describe::in_context(suites, effect, handle)),
        a if a == names::CREATE_INSTANCE => done(create(suites, effect, handle)),
        a if a == names::DESTROY_INSTANCE => done(destroy(suites, handle)),
        a if a == names::PURGE_CACHES => done(instance(suites, handle).map(Instance::forget)),
        a if a == names::REGION_OF_DEFINITION && !effect.is_filter() => {
            done(clip::whole(suites, handle, suites.set(wanted)))
        }
        a if a == names::REGIONS_OF_INTEREST && effect.is_filter() => {
            done(clip::interest(suites, handle, (suites.set(given), suites.set(wanted))))
        }
        a if a == names::RENDER => match instance(suites, handle) {
            Some(instance) => render::render(suites, effect, instance, (handle, suites.set(given))),
            None => FAILED,
        },
        _ => REPLY_DEFAULT,
    }
}

fn create(suites: &Suites, effect: &'static Effect, handle: *mut abi::Effect) -> Option<()> {
    let instance = Box::into_raw(Box::new(Instance::new(effect)));
    properties(suites, handle)?.put_pointer(names::PROP_INSTANCE_DATA, instance.cast());
    Some(())
}

fn destroy(suites: &Suites, handle: *mut abi::Effect) -> Option<()> {
    let properties = properties(suites, handle)?;
    let instance = properties.pointer(names::PROP_INSTANCE_DATA)?;
    properties.put_pointer(names::PROP_INSTANCE_DATA, std::ptr::null_mut());
    // SAFETY: made by `create`, and destroyed once.
    drop(unsafe { Box::from_raw(instance.cast::<Instance>()) });
    Some(())
}

fn instance(suites: &Suites, handle: *mut abi::Effect) -> Option<&'static Instance> {
    let instance = properties(suites, handle)?.pointer(names::PROP_INSTANCE_DATA)?;
    // SAFETY: made by `create`; a host does not destroy an instance during an action on it.
    unsafe { instance.cast::<Instance>().as_ref() }
}

fn properties(suites: &Suites, handle: *mut abi::Effect) -> Option<crate::host::Set> {
    // SAFETY: the host's own handle.
    let set = suites.ask(|out| unsafe { (suites.effect.properties)(handle, out) })?;
    Some(suites.set(set))
}
